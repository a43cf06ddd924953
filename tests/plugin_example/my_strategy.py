# my_strategy.py
from alframe.learner import DETECTIONS
from alframe.plugins import hookimpl
from alframe.strategy import ScoringStrategy


class FewestObjects(ScoringStrategy):
    requires = frozenset({DETECTIONS})

    def __init__(self, threshold: float = 0.3) -> None:
        self.threshold = threshold

    def score(self, batch):
        found = batch[DETECTIONS]
        return -(found.valid & (found.scores > self.threshold)).sum(dim=1)


@hookimpl
def register(registry):
    registry.strategy("fewest-objects", "my_strategy:FewestObjects", summary="emptiest first")
    registry.dataset("discs", "my_dataset:discs", summary="bright discs in the dark")
