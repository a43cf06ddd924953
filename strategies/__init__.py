"""Strategies: what to label next."""

from alframe.plugins import Registrar, hookimpl

STRATEGIES = {
    "random": ("baselines:Random", "uniform, without replacement"),
    "entropy": (
        "uncertainty:Entropy", "entropy of class probabilities, aggregated to the image"
    ),
    "margin": ("uncertainty:Margin", "1 - (p1 - p2), aggregated to the image"),
    "least-confidence": ("uncertainty:LeastConfidence", "1 - p1, aggregated to the image"),
    "coreset": ("coreset:CoreSet", "k-center greedy on embeddings (Core-Set, ICLR 2018)"),
    "typiclust": (
        "typiclust:TypiClust",
        "typical images of clusters that are not covered (TypiClust, ICML 2022)",
    ),
    "kmeans": ("clusters:KMeans", "the middle of each uncovered cluster (k-means centroids)"),
    "cdal": ("cdal:CDAL", "k-center greedy on what classes are confused with (CDAL, ECCV 2020)"),
    "badge": ("badge:BADGE", "k-means++ on gradients at pseudo-labels (BADGE, ICLR 2020)"),
    "divproto": (
        "divproto:DivProto", "entropy without repetition, within and between images (CVPR 2022)"
    ),
    "ppal": ("ppal:PPAL", "entropy weighted by difficulty, then diversity (PPAL, CVPR 2024)"),
    "cald": ("cald:CALD", "least consistent when changed, then class balance (CALD, CVPRW 2022)"),
    "ofds": ("ofds:OFDS", "objects that stand for their class, rare ones first (OFDS, 2024)"),
    "balanced-random": (
        "balanced_random:BalancedRandom", "uniform, with a quota for each predicted class"
    ),
    "most-objects": ("baselines:MostObjects", "most detections"),
}  # fmt: skip
"""By name, the place below this package and a summary; any learner with their signals serves."""


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in strategies, and the learners that some of them bring."""
    for name, (place, summary) in STRATEGIES.items():
        registry.strategy(name, f"{__name__}.{place}", summary=summary)
    registry.strategy(
        "ll4al", f"{__name__}.ll4al.strategy:LL4AL", learner="ll4al",
        summary="largest predicted loss (Learning Loss, CVPR 2019)",
    )  # fmt: skip
    registry.learner(
        "ll4al", f"{__name__}.ll4al.learner:LL4ALLearner",
        summary="a model that learns to predict its own loss",
    )  # fmt: skip
    registry.strategy(
        "mc-dropout", f"{__name__}.mc_dropout.strategy:MutualInformation", learner="dropout",
        summary="mutual information of passes with dropout, or of an ensemble (BALD)",
    )  # fmt: skip
    registry.learner(
        "dropout", f"{__name__}.mc_dropout.learner:DropoutLearner",
        summary="a detector that drops channels behind its backbone, for several opinions",
    )  # fmt: skip
    registry.strategy(
        "miaod", f"{__name__}.miaod.strategy:MIAOD", learner="miaod",
        summary="disagreement of two classifiers (MI-AOD, CVPR 2021)",
    )  # fmt: skip
    registry.learner(
        "miaod", f"{__name__}.miaod.learner:MIAODLearner",
        summary="two classifiers and a MIL head, in label, min and max phases",
    )  # fmt: skip
    summary = "power:STRATEGY draws in proportion to its scores (TMLR 2023)"
    registry.wrapper("power", f"{__name__}.power:Power", summary=summary)
    summary = "class-balanced:STRATEGY takes its best of each predicted class in turn"
    registry.wrapper("class-balanced", f"{__name__}.class_balanced:ClassBalanced", summary=summary)
    summary = "dedup:STRATEGY skips near-duplicates in its choice"
    registry.wrapper("dedup", f"{__name__}.dedup:Dedup", summary=summary)
