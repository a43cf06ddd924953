"""k-means centroids: the image in the middle of each cluster, for a start from nothing."""

from typing import TYPE_CHECKING

from torch import Tensor

from alframe.strategies.clusters import ClusterStrategy

if TYPE_CHECKING:
    from jaxtyping import Float


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
