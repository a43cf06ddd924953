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
    "probcover": (
        "probcover:ProbCover",
        "in the midst of most that is not covered (ProbCover, NeurIPS 2022)",
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
    "ll4al": ("ll4al.strategy:LL4AL", "largest predicted loss (Learning Loss, CVPR 2019)"),
    "mc-dropout": (
        "mc_dropout.strategy:MutualInformation",
        "mutual information of passes with dropout, or of an ensemble (BALD)",
    ),
    "miaod": ("miaod.strategy:MIAOD", "disagreement of two classifiers (MI-AOD, CVPR 2021)"),
}  # fmt: skip
"""By name, the place below this package and a summary."""
LEARNERS = {
    "ll4al": ("ll4al.learner:LL4ALLearner", "a model that learns to predict its own loss"),
    "dropout": (
        "mc_dropout.learner:DropoutLearner",
        "a model that drops channels behind its backbone, for several opinions",
    ),
    "miaod": (
        "miaod.learner:MIAODLearner", "two classifiers and a MIL head, in label, min and max phases"
    ),
}  # fmt: skip
WANTED = {"ll4al": "ll4al", "mc-dropout": "dropout", "miaod": "miaod"}
"""Learners of strategies; for the others any learner with their signals serves."""
WRAPPERS = {
    "power": ("power:Power", "power:STRATEGY draws in proportion to its scores (TMLR 2023)"),
    "class-balanced": (
        "class_balanced:ClassBalanced",
        "class-balanced:STRATEGY takes its best of each predicted class in turn",
    ),
    "dedup": ("dedup:Dedup", "dedup:STRATEGY skips near-duplicates in its choice"),
}


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in strategies, and the learners that some of them bring."""
    for name, (place, summary) in STRATEGIES.items():
        learner = WANTED.get(name, "plain")
        registry.strategy(name, f"{__name__}.{place}", summary=summary, learner=learner)
    for add, entries in ((registry.learner, LEARNERS), (registry.wrapper, WRAPPERS)):
        for name, (place, summary) in entries.items():
            add(name, f"{__name__}.{place}", summary=summary)
