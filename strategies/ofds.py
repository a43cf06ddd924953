"""OFDS: objects that stand for their class, the rare classes first."""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from alframe.config.checks import Checks
from alframe.shaped import Bool, Float, Int
from alframe.strategies.instances import REQUIRES, all_instances
from alframe.strategies.k_means import k_means
from alframe.strategy import Query, Selection


class OFDS:
    """Clusters the objects of each class and takes the images of those that stand for a cluster.

    Popp et al., "Object-Focused Data Selection for Dense Prediction Tasks" (arXiv 2412.10032). As
    we read it: the classes come one after the other, that of the fewest objects first, each with
    an even share of what is left of the budget. The features of its objects are clustered by
    k-means, into so many clusters that as many as its share hold no object of an image that is
    labelled or taken; of each of these the object nearest the centroid is taken, with its image.

    # Deviation: the paper's objects and features are those of foundation models (Grounding DINO
    and SAM2); here they are the learner's detections, and the signal ``box_features`` at length 1.

    # Deviation: where the classes leave a part of the budget, by objects that lie on one image,
    they have further rounds.

    Images without detections above ``min_score`` are drawn, uniformly, when no others are left.
    Labelled images count by what is detected on them. There are no scores, since a choice depends
    on what was taken before it.

    Cost: one forward pass over labelled and unlabelled images; O(detections x F) memory; k-means
    for each class, again where too many of its clusters are covered:
    O(detections of the class x F x clusters) time for each iteration.

    Args:
        min_score: detections count above this score.
        iterations: of k-means, at most.

    Raises:
        ConfigError: an option is out of range.
    """

    requires: ClassVar[frozenset[str]] = REQUIRES

    def __init__(self, min_score: float = 0.3, iterations: int = 25) -> None:
        with Checks() as check:
            check.in_range("min_score", min_score, 0, 1)
            check.at_least("iterations", iterations, 1)
        self._min_score, self._iterations = min_score, iterations

    def select(self, query: Query) -> Selection:
        """Cluster the objects of every class and pick ``query.budget`` unlabelled ids."""
        ids = (*query.labelled, *query.unlabelled)
        known, budget = len(query.labelled), query.budget
        if not budget:
            return Selection(())
        objects = self._objects(query, ids)
        covered = torch.arange(len(ids)) < known
        taken: list[int] = []
        while more := self._round(objects, covered, budget - len(taken), query.rng):
            taken += more
        rest = known + query.rng.permutation(len(query.unlabelled))
        chosen = dict.fromkeys([*taken, *rest.tolist()])
        return Selection(tuple(ids[row] for row in chosen)[:budget])

    def _objects(self, query: Query, ids: tuple[str, ...]) -> "DetectedObjects":
        """All that is detected, image by image in the order of ``ids``."""
        found = all_instances(query, ids, self._min_score)
        each = [found[item] for item in ids]
        counts = torch.tensor([len(one) for one in each])
        return DetectedObjects(
            torch.repeat_interleave(torch.arange(len(ids)), counts),
            torch.cat([one.labels for one in each]),
            torch.cat([one.features for one in each]),
        )

    def _round(
        self, objects: "DetectedObjects", covered: Tensor, budget: int, rng: np.random.Generator
    ) -> list[int]:
        """Rows of the images that the classes take in turn; marks them as ``covered``."""
        counts = objects.labels[~covered[objects.image]].bincount()
        order = [label for label in counts.argsort(stable=True).tolist() if counts[label]]
        taken: list[int] = []
        for place, label in enumerate(order):
            share = ceil((budget - len(taken)) / (len(order) - place))
            own = objects.take(objects.labels == label)
            rows = representatives(own.features, covered[own.image], share, rng, self._iterations)
            images = dict.fromkeys(own.image[rows].tolist())
            covered[list(images)] = True
            taken += images
        return taken


@dataclass(frozen=True)
class DetectedObjects:
    """Detections of many images.

    Attributes:
        image: [M], rows of their images.
        labels: [M].
        features: [M, F].
    """

    image: "Int[Tensor, ' M']"
    labels: "Int[Tensor, ' M']"
    features: "Float[Tensor, 'M F']"

    def take(self, rows: Tensor) -> "DetectedObjects":
        """Some of them."""
        return DetectedObjects(self.image[rows], self.labels[rows], self.features[rows])


def representatives(
    features: "Float[Tensor, 'M F']",
    covered: "Bool[Tensor, ' M']",
    count: int,
    rng: np.random.Generator,
    iterations: int,
) -> list[int]:
    """At most ``count`` rows, each the nearest to the centroid of a cluster without covered rows.

    Clusters grow in number, by half at least, until ``count`` of them are free or each object has
    its own. The largest cluster is first.
    """
    clusters, wanted = 0, count
    free = sizes = labels = covered.new_zeros(0, dtype=torch.long)
    while clusters < len(features) and wanted > 0:
        clusters = min(len(features), max(clusters + wanted, clusters * 3 // 2))
        labels = k_means(features, clusters, rng, iterations)
        sizes = labels.bincount(minlength=clusters)
        taken = labels[covered].bincount(minlength=clusters)
        free = ((taken == 0) & (sizes > 0)).nonzero().squeeze(1)
        wanted = count - len(free)
    largest = free[sizes[free].argsort(descending=True, stable=True)][:count]
    return [_nearest(features, (labels == c).nonzero().squeeze(1)) for c in largest.tolist()]


def _nearest(features: Tensor, rows: Tensor) -> int:
    """The row of a cluster that is nearest to its centroid."""
    own = features[rows].double()
    return int(rows[(own - own.mean(dim=0)).square().sum(dim=1).argmin()])
