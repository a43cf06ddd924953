"""PPAL: entropy weighted by how hard classes are, then diversity of what is on the images."""

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alframe.config.checks import Checks
from alframe.datasets.base import Target
from alframe.detectors.box_ops import box_iou
from alframe.shaped import Float
from alframe.signals import DETECTIONS, Detections, SignalBatch, above
from alframe.strategies.instances import REQUIRES, Instances, all_instances
from alframe.strategies.uncertainty import entropy
from alframe.strategy import Query, Selection, check_finite, top

AT_ONCE = 2**24
"""Cosines that are computed at a time."""


class PPAL:
    """Yang et al., "Plug and Play Active Learning for Object Detection" (CVPR 2024).

    1. Difficulty-calibrated uncertainty sampling: the entropy of each detection times
       ``1 + alpha ub log(b d + 1)``, b = exp(1 / alpha) - 1, d the difficulty of its class;
       summed over the image. The best ``factor`` times the budget are candidates.
    2. Category-conditioned matching similarity: for each detection of one image (1 + cosine) / 2
       to the likest of the same class on the other, and 0 if there is none, averaged with the
       detections' scores as weights; both directions averaged. k-center greedy on 1 - similarity
       among the candidates, beginning with the best of them.

    The difficulty of a class is the mean over its annotated objects of the smallest
    ``1 - score^xi IoU^(1 - xi)`` of the detections of its class; 1 if nothing is annotated.

    # Deviation: the paper keeps it as a moving average over matched boxes while it trains; here
    it is measured with the trained model on the labelled images, which needs nothing of the
    learner, and an object that is not found counts as 1.

    # Deviation: entropies are those of :func:`~alframe.strategies.uncertainty.entropy`, over all
    classes, and features are the signal ``box_features``; the authors' code takes the binary
    entropy of the score, and features of the classifier's tower at the box's centre.

    # Deviation: k-center's picks are taken; the authors begin at random and refine by k-medoids.

    An image without detections scores 0; as no other is like it, k-center would take it first. It
    is taken where fewer than the budget score more.

    Cost: a forward pass over labelled and unlabelled images, and another over the candidates;
    O((factor x budget)^2 + boxes of the candidates x F) memory; products of all pairs of boxes of
    one class.

    Args:
        alpha: of the weight of a class by its difficulty; smaller is steeper.
        ub: how much more the hardest class counts.
        xi: share of the score in the difficulty; the rest is the overlap's.
        factor: candidates for each image of the budget.
        min_score: detections count above this score.

    Raises:
        ConfigError: an option is out of range.
    """

    requires = REQUIRES
    signed: ClassVar[bool] = False

    def __init__(
        self,
        alpha: float = 0.3,
        ub: float = 0.2,
        xi: float = 0.6,
        factor: int = 4,
        min_score: float = 0.05,
    ) -> None:
        with Checks() as check:
            check.above_zero("alpha", alpha)
            check.at_least("ub", ub, 0)
            check.in_range("xi", xi, 0, 1)
            check.at_least("factor", factor, 1)
            check.in_range("min_score", min_score, 0, 1)
        self._alpha, self._ub, self._xi = alpha, ub, xi
        self._factor, self._min_score = factor, min_score

    def select(self, query: Query) -> Selection:
        """Choose ``query.budget`` ids."""
        scores = self.scores(query)
        candidates = [i for i in top(scores, self._factor * query.budget) if scores[i] > 0]
        if len(candidates) <= query.budget:
            return Selection(top(scores, query.budget), scores)
        shown = all_instances(query, candidates, self._min_score)
        distances = 1 - similarities([shown[item] for item in candidates], len(query.classes))
        return Selection(tuple(candidates[i] for i in k_center_of(distances, query.budget)), scores)

    def scores(self, query: Query) -> dict[str, float]:
        """The weighted entropy of every unlabelled image: the first stage.

        Raises:
            SelectionError: a score is not finite; the message names the image.
        """
        weights = self.weights(self._difficulties(query))
        scores: dict[str, float] = {}
        for batch in query.learner.signals(query.unlabelled, frozenset({DETECTIONS})):
            scores.update(zip(batch.ids, self._uncertainties(batch, weights), strict=True))
        check_finite(scores)
        return scores

    def weights(self, difficulties: Tensor) -> Tensor:
        """What the entropy of each class is multiplied by, [C] -> [C]."""
        steep = 1 / self._alpha
        hard = -math.expm1(-steep) * difficulties.double().clamp(min=0)  # b d / exp(steep)
        logs = torch.logaddexp(steep + hard.log(), hard.new_zeros(()))  # b itself may overflow
        return (1 + self._alpha * self._ub * logs).float()

    def _uncertainties(self, batch: SignalBatch, weights: Tensor) -> list[float]:
        """Sum of the weighted entropies of each image's detections."""
        found = batch[DETECTIONS]
        counted = above(found, self._min_score)
        each = entropy(found.probs, found.exclusive) * weights.to(found.labels.device)[found.labels]
        total: Tensor = each.double().masked_fill(~counted, 0).sum(dim=1)  # [B, N] -> [B]
        values: list[float] = total.tolist()
        return values

    def _difficulties(self, query: Query) -> Tensor:
        """[C]; 1 for a class of which nothing is annotated."""
        sums = torch.zeros(len(query.classes), 2, dtype=torch.float64)
        for batch in query.learner.signals(query.labelled, frozenset({DETECTIONS})):
            for row, item in enumerate(batch.ids):
                for label, value in difficulties(
                    batch[DETECTIONS], row, query.targets[item], self._xi
                ):
                    sums[label] += torch.tensor([value, 1.0], dtype=torch.float64)
        return torch.where(sums[:, 1] > 0, sums[:, 0] / sums[:, 1].clamp(min=1), 1.0).float()


def difficulties(found: Detections, row: int, target: Target, xi: float) -> list[tuple[int, float]]:
    """Label and difficulty of each annotated object of one image."""
    objects = target.trainable()
    labels = torch.from_numpy(target.labels[objects])
    boxes = torch.from_numpy(target.require_boxes()[objects])
    valid = found.valid[row].cpu()
    scores, own = found.scores[row].cpu()[valid].float(), found.labels[row].cpu()[valid]
    overlaps = box_iou(boxes, found.boxes[row].cpu()[valid].float())  # [M, N]
    quality = scores**xi * overlaps ** (1 - xi) * (labels.unsqueeze(1) == own)
    best = torch.cat([quality, quality.new_zeros(len(labels), 1)], dim=1).amax(dim=1)
    return list(zip(labels.tolist(), (1 - best).tolist(), strict=True))


def similarities(found: list[Instances], classes: int) -> "Float[Tensor, 'N N']":
    """Category-conditioned matching similarity of every two images, 0 to 1."""
    total = torch.zeros(len(found), len(found))
    image = torch.repeat_interleave(torch.arange(len(found)), torch.tensor([*map(len, found)]))
    labels = torch.cat([f.labels for f in found])
    scores = torch.cat([f.scores for f in found]).float()
    features = torch.cat([f.features for f in found])
    for label in range(classes):
        rows = (labels == label).nonzero().squeeze(1)
        for part, best in _best_matches(features[rows], image[rows], len(found)):
            total.index_add_(0, image[rows[part]], best * scores[rows[part]].unsqueeze(1))
    mass = torch.zeros(len(found)).index_add_(0, image, scores)
    directed = total / mass.clamp(min=1e-12).unsqueeze(1)
    return (directed + directed.T) / 2


def _best_matches(features: Tensor, image: Tensor, images: int) -> Iterator[tuple[slice, Tensor]]:
    """Some detections after others, and how like them the likest of each image is, [D, images]."""
    step = max(1, AT_ONCE // max(images, len(features)))
    for begin in range(0, len(features), step):
        rows = slice(begin, begin + step)
        cosines = features[rows] @ features.T
        none = cosines.new_full((len(cosines), images), -1)
        yield rows, (1 + none.scatter_reduce(1, image.expand_as(cosines), cosines, "amax")) / 2


def k_center_of(distances: "Float[Tensor, 'N N']", count: int) -> list[int]:
    """k-center greedy, beginning with row 0; of equal ones the first."""
    matrix: NDArray[np.float64] = distances.double().numpy()
    nearest = matrix[0].copy()
    picks = [0][:count]
    while len(picks) < count:
        nearest[picks] = -np.inf
        picks.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, matrix[picks[-1]])
    return picks
