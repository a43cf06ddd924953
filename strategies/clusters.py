"""Clusters of embeddings that take turns: what cold starts without a trained detector share."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from alframe.config.checks import Checks
from alframe.shaped import Float
from alframe.signals import EMBEDDING
from alframe.strategies.gather import embeddings
from alframe.strategies.k_means import k_means
from alframe.strategy import Query, Selection


class Cluster:
    """A cluster: how many images it has and, the best first, what can be taken of it."""

    def __init__(self, size: int, left: list[int]) -> None:
        self.size, self.left, self.covered = size, left, size - len(left)


class ClusterStrategy(ABC):
    """Takes, in turn, the best image of each cluster that is covered least. Subclasses rank.

    Embeddings of length 1 are clustered by k-means into as many clusters as there are labelled and
    wanted images; the next image comes from the cluster with the fewest labelled and taken ones,
    among these from the largest.

    Args:
        max_clusters: most clusters; with fewer than are wanted, clusters take turns.
        min_size: clusters of fewer images are taken from when all others are used up.
        iterations: of k-means, at most.

    Raises:
        ConfigError: an option is below 1.
    """

    requires: ClassVar[frozenset[str]] = frozenset({EMBEDDING})

    def __init__(self, max_clusters: int, min_size: int, iterations: int) -> None:
        with Checks() as check:
            check.at_least("max_clusters", max_clusters, 1)
            check.at_least("min_size", min_size, 1)
            check.at_least("iterations", iterations, 1)
        self._max_clusters, self._min_size = max_clusters, min_size
        self._iterations = iterations

    @abstractmethod
    def off(self, points: "Float[Tensor, 'N D']") -> "Float[Tensor, ' N']":
        """How far each image of one cluster is from standing for it; the smallest is best."""

    def select(self, query: Query) -> Selection:
        """Cluster every image and pick ``query.budget`` of the unlabelled ones."""
        ids = (*query.labelled, *query.unlabelled)
        if not query.budget:
            return Selection(())
        points = torch.nn.functional.normalize(embeddings(query, ids))
        known = len(query.labelled)
        count = min(known + query.budget, self._max_clusters)
        labels = k_means(points, count, query.rng, self._iterations)
        clusters = [
            self._cluster(points, (labels == c).nonzero().squeeze(1), known) for c in range(count)
        ]
        return Selection(tuple(ids[row] for row in picks(clusters, query.budget, self._min_size)))

    def _cluster(self, points: Tensor, rows: Tensor, known: int) -> Cluster:
        order = self.off(points[rows]).sort(stable=True).indices
        best = rows[order].tolist()
        return Cluster(len(best), [row for row in best if row >= known])


def picks(clusters: list[Cluster], budget: int, min_size: int) -> list[int]:
    """Rows to take: each from the cluster least covered, among these the largest, then the first.

    Clusters smaller than ``min_size`` come after all others.
    """
    taken: list[int] = []
    while len(taken) < budget:
        left = [c for c in clusters if c.left]
        cluster = min(left, key=lambda c: (c.size < min_size, c.covered, -c.size))
        taken.append(cluster.left.pop(0))
        cluster.covered += 1
    return taken


class KMeans(ClusterStrategy):
    """Clusters all images and takes the one nearest the centroid of each uncovered cluster.

    As in Zhdanov, "Diverse Mini-Batch Active Learning" (2019, section 3), without its weights and
    its pre-selection by uncertainty: for the first images, of which no model has an opinion.

    # Deviation: embeddings are made of length 1, and labelled images are clustered too, so that
    what is like them is taken last; the paper clusters the unlabelled ones alone.

    It does not look at detections: an image without any counts like every other.

    Cost: one forward pass over labelled and unlabelled images; O(images x D) memory;
    O(images x D x clusters) time for each iteration.

    Args:
        max_clusters: most clusters; with fewer than are wanted, clusters take turns.
        iterations: of k-means, at most.

    Raises:
        ConfigError: an option is below 1.
    """

    def __init__(self, max_clusters: int = 500, iterations: int = 100) -> None:
        super().__init__(max_clusters, min_size=1, iterations=iterations)

    def off(self, points: "Float[Tensor, 'N D']") -> "Float[Tensor, ' N']":
        """Squared distances to the centroid, in float64."""
        precise = points.double()
        distances: Tensor = (precise - precise.mean(dim=0)).square().sum(dim=1)
        return distances
