# my_strategy.py
import numpy as np

from alframe.plugins import hookimpl
from alframe.signals import DETECTIONS, EMBEDDING
from alframe.strategies.gather import embeddings
from alframe.strategy import Query, ScoringStrategy, Selection


class FewestObjects(ScoringStrategy):
    requires = frozenset({DETECTIONS})

    def __init__(self, threshold: float = 0.3) -> None:
        self.threshold = threshold

    def score(self, batch):
        found = batch[DETECTIONS]
        return -(found.valid & (found.scores > self.threshold)).sum(dim=1)


class FarthestFirst:
    requires = frozenset({EMBEDDING})

    def select(self, query: Query) -> Selection:
        points = embeddings(query, query.unlabelled).cpu().numpy()  # one row an id
        nearest, chosen = np.full(len(points), np.inf), []
        while len(chosen) < query.budget:
            chosen.append(int(nearest.argmax()))
            nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
            nearest[chosen] = -1
        return Selection(tuple(query.unlabelled[i] for i in chosen))


@hookimpl
def register(registry):
    registry.strategy("fewest-objects", "my_strategy:FewestObjects", summary="emptiest first")
    registry.strategy("farthest-first", "my_strategy:FarthestFirst", summary="far from each other")
    registry.dataset("discs", "my_dataset:discs", summary="bright discs in the dark")
