"""TypiClust: typical images of clusters that nothing is labelled of, for small budgets."""

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from alframe.config.checks import at_least
from alframe.learner import EMBEDDING
from alframe.strategies.gather import embeddings
from alframe.strategies.k_means import k_means
from alframe.strategy import Query, Selection

if TYPE_CHECKING:
    from jaxtyping import Float

AT_ONCE = 2**24
"""Distances that are computed at a time."""


class TypiClust:
    """Clusters all images and takes the most typical one of each cluster that is not covered.

    Hacohen et al., "Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets"
    (ICML 2022). Embeddings of length 1 are clustered by k-means into as many clusters as there
    are labelled and wanted images; the next image comes from the cluster with the fewest labelled
    and taken ones, among these from the largest, and is its most typical: the one with the
    smallest mean distance to its nearest neighbours in the cluster (typicality is the inverse).

    # Deviation: the paper's embeddings are self-supervised; here they are the learner's, and
    those of pretrained weights are what the strategy is for: cold starts.

    # Deviation: the authors' code sorts the clusters once and goes round, whatever is labelled in
    them; looks for neighbours, at most half of the cluster, among unlabelled images alone; and
    averages squared distances.

    It does not look at detections: an image without any counts like every other.

    Cost: one forward pass over labelled and unlabelled images; O(images x D) memory;
    O(images x D x clusters) time for each iteration of k-means, then O(size^2 x D) a cluster.

    Args:
        max_clusters: most clusters; with fewer than are wanted, clusters take turns.
        neighbours: how many nearest neighbours make an image typical.
        min_size: clusters of fewer images are outliers, taken from when all others are used up.
        iterations: of k-means, at most.

    Raises:
        ConfigError: an option is below 1.
    """

    requires: ClassVar[frozenset[str]] = frozenset({EMBEDDING})

    def __init__(
        self,
        max_clusters: int = 500,
        neighbours: int = 20,
        min_size: int = 5,
        iterations: int = 100,
    ) -> None:
        at_least("max_clusters", max_clusters, 1)
        at_least("neighbours", neighbours, 1)
        at_least("iterations", iterations, 1)
        self._max_clusters, self._neighbours = max_clusters, neighbours
        self._min_size, self._iterations = min_size, iterations

    def select(self, query: Query) -> Selection:
        """Cluster every image and pick ``query.budget`` of the unlabelled ones."""
        ids = (*sorted(query.labelled), *sorted(query.unlabelled))
        budget = min(query.budget, len(query.unlabelled))
        if not budget:
            return Selection(())
        points = torch.nn.functional.normalize(embeddings(query, ids))
        known = len(query.labelled)
        count = min(known + budget, self._max_clusters)
        labels = k_means(points, count, query.rng, self._iterations)
        clusters = [
            self._cluster(points, (labels == c).nonzero().squeeze(1), known) for c in range(count)
        ]
        return Selection(tuple(ids[row] for row in picks(clusters, budget, self._min_size)))

    def _cluster(self, points: Tensor, rows: Tensor, known: int) -> "Cluster":
        order = spread(points[rows], self._neighbours).sort(stable=True).indices
        typical = rows[order].tolist()
        return Cluster(len(typical), [row for row in typical if row >= known])


class Cluster:
    """A cluster: how many images it has and, the most typical first, what can be taken of it."""

    def __init__(self, size: int, left: list[int]) -> None:
        self.size, self.left, self.covered = size, left, size - len(left)


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


def spread(points: "Float[Tensor, 'N D']", neighbours: int) -> "Float[Tensor, ' N']":
    """Mean distance of each point to its nearest others, in float64; 0 where there are none."""
    count = min(neighbours, len(points) - 1)
    if count < 1:
        return points.new_zeros(len(points), dtype=torch.float64)
    precise = points.double()
    parts = [
        torch.cdist(block, precise).topk(count + 1, dim=1, largest=False).values
        for block in torch.split(precise, max(1, AT_ONCE // len(precise)))
    ]
    # The nearest of all is the point itself, or a duplicate of it, at distance 0.
    return torch.cat(parts).sum(dim=1) / count
