"""Strategies: what to label next."""

from alframe.plugins import Registrar, hookimpl


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in strategies."""
    registry.strategy(
        "random", "alframe.strategies.random:Random", summary="uniform, without replacement"
    )
    registry.strategy(
        "entropy",
        "alframe.strategies.entropy:Entropy",
        summary="entropy of class probabilities, aggregated to the image",
    )
    registry.strategy(
        "margin",
        "alframe.strategies.margin:Margin",
        summary="1 - (p1 - p2), aggregated to the image",
    )
    registry.strategy(
        "least-confidence",
        "alframe.strategies.least_confidence:LeastConfidence",
        summary="1 - p1, aggregated to the image",
    )
    registry.strategy(
        "coreset",
        "alframe.strategies.coreset:CoreSet",
        summary="k-center greedy on embeddings (Core-Set, ICLR 2018)",
    )
    registry.strategy(
        "typiclust",
        "alframe.strategies.typiclust:TypiClust",
        summary="typical images of clusters that are not covered (TypiClust, ICML 2022)",
    )
    registry.strategy(
        "cdal",
        "alframe.strategies.cdal:CDAL",
        summary="k-center greedy on what classes are confused with (CDAL, ECCV 2020)",
    )
    registry.strategy(
        "badge",
        "alframe.strategies.badge:BADGE",
        summary="k-means++ on gradients at pseudo-labels (BADGE, ICLR 2020)",
    )
    registry.strategy(
        "divproto",
        "alframe.strategies.divproto:DivProto",
        summary="entropy without repetition, within and between images (CVPR 2022)",
    )
    registry.strategy(
        "ppal",
        "alframe.strategies.ppal:PPAL",
        summary="entropy weighted by difficulty, then diversity (PPAL, CVPR 2024)",
    )
    registry.strategy(
        "balanced-random",
        "alframe.strategies.balanced_random:BalancedRandom",
        summary="uniform, with a quota for each predicted class",
    )
    registry.strategy(
        "most-objects",
        "alframe.strategies.most_objects:MostObjects",
        summary="most detections",
    )
    registry.wrapper(
        "power",
        "alframe.strategies.power:Power",
        summary="power:STRATEGY draws in proportion to its scores (TMLR 2023)",
    )
    registry.wrapper(
        "dedup",
        "alframe.strategies.dedup:Dedup",
        summary="dedup:STRATEGY skips near-duplicates in its choice",
    )
    registry.strategy(
        "ll4al",
        "alframe.strategies.ll4al.strategy:LL4AL",
        summary="largest predicted loss (Learning Loss, CVPR 2019)",
        learner="ll4al",
    )
    registry.learner(
        "ll4al",
        "alframe.strategies.ll4al.learner:LL4ALLearner",
        summary="a detector that learns to predict its own loss",
    )
    registry.strategy(
        "miaod",
        "alframe.strategies.miaod.strategy:MIAOD",
        summary="disagreement of two classifiers (MI-AOD, CVPR 2021)",
        learner="miaod",
    )
    registry.learner(
        "miaod",
        "alframe.strategies.miaod.learner:MIAODLearner",
        summary="two classifiers and a MIL head, in label, min and max phases",
    )
