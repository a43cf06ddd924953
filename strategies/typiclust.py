"""TypiClust: typical images of clusters that nothing is labelled of, for small budgets."""

import torch
from torch import Tensor

from alframe.config.checks import Checks
from alframe.shaped import Float
from alframe.strategies.clusters import ClusterStrategy

AT_ONCE = 2**24
"""Distances that are computed at a time."""


class TypiClust(ClusterStrategy):
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
        min_size: clusters of fewer images are outliers, taken from when all others are used up; the
            paper asks for more than 5.
        iterations: of k-means, at most.

    Raises:
        ConfigError: an option is below 1.
    """

    def __init__(
        self,
        max_clusters: int = 500,
        neighbours: int = 20,
        min_size: int = 6,
        iterations: int = 100,
    ) -> None:
        with Checks() as check:
            check.at_least("neighbours", neighbours, 1)
            super().__init__(max_clusters, min_size, iterations)
        self._neighbours = neighbours

    def off(self, points: "Float[Tensor, 'N D']") -> "Float[Tensor, ' N']":
        """The inverse of typicality."""
        return mean_distance(points, self._neighbours)


def mean_distance(points: "Float[Tensor, 'N D']", neighbours: int) -> "Float[Tensor, ' N']":
    """Mean distance of each point to its nearest others, in float64; 0 where there are none."""
    count = min(neighbours, len(points) - 1)
    if count < 1:
        return points.new_zeros(len(points), dtype=torch.float64)
    precise = points.double()
    precise = precise - precise.mean(dim=0)  # so that less is lost to rounding
    parts = [
        torch.cdist(block, precise).topk(count + 1, dim=1, largest=False).values
        for block in torch.split(precise, max(1, AT_ONCE // len(precise)))
    ]
    # The nearest of all is the point itself, or a duplicate of it, at distance 0 but for rounding.
    return torch.cat(parts).sum(dim=1) / count
