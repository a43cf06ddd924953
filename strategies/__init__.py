"""Strategies: what to label next."""

from alframe.plugins import Registrar, hookimpl

STRATEGIES = (
    ("random", "random:Random", "uniform, without replacement"),
    ("entropy", "uncertainty:Entropy", "entropy of class probabilities, aggregated to the image"),
    ("margin", "uncertainty:Margin", "1 - (p1 - p2), aggregated to the image"),
    ("least-confidence", "uncertainty:LeastConfidence", "1 - p1, aggregated to the image"),
    ("coreset", "coreset:CoreSet", "k-center greedy on embeddings (Core-Set, ICLR 2018)"),
    (
        "typiclust",
        "typiclust:TypiClust",
        "typical images of clusters that are not covered (TypiClust, ICML 2022)",
    ),
    ("cdal", "cdal:CDAL", "k-center greedy on what classes are confused with (CDAL, ECCV 2020)"),
    ("badge", "badge:BADGE", "k-means++ on gradients at pseudo-labels (BADGE, ICLR 2020)"),
    (
        "divproto",
        "divproto:DivProto",
        "entropy without repetition, within and between images (CVPR 2022)",
    ),
    ("ppal", "ppal:PPAL", "entropy weighted by difficulty, then diversity (PPAL, CVPR 2024)"),
    (
        "balanced-random",
        "balanced_random:BalancedRandom",
        "uniform, with a quota for each predicted class",
    ),
    ("most-objects", "most_objects:MostObjects", "most detections"),
)
"""Name, place below this package, summary: those that any learner with their signals serves."""

WITH_LEARNER = (
    (
        "ll4al",
        ("ll4al.strategy:LL4AL", "largest predicted loss (Learning Loss, CVPR 2019)"),
        ("ll4al.learner:LL4ALLearner", "a detector that learns to predict its own loss"),
    ),
    (
        "miaod",
        ("miaod.strategy:MIAOD", "disagreement of two classifiers (MI-AOD, CVPR 2021)"),
        (
            "miaod.learner:MIAODLearner",
            "two classifiers and a MIL head, in label, min and max phases",
        ),
    ),
)
"""Name, strategy, and the learner of the same name that it wants."""

WRAPPERS = (
    ("power", "power:Power", "power:STRATEGY draws in proportion to its scores (TMLR 2023)"),
    ("dedup", "dedup:Dedup", "dedup:STRATEGY skips near-duplicates in its choice"),
)


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in strategies, and the learners that some of them bring."""
    for name, place, summary in STRATEGIES:
        registry.strategy(name, f"{__name__}.{place}", summary=summary)
    for name, (place, summary), (learner, learner_summary) in WITH_LEARNER:
        registry.strategy(name, f"{__name__}.{place}", summary=summary, learner=name)
        registry.learner(name, f"{__name__}.{learner}", summary=learner_summary)
    for name, place, summary in WRAPPERS:
        registry.wrapper(name, f"{__name__}.{place}", summary=summary)
