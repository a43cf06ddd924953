"""What uncertainty strategies share: one number a prediction, aggregated to the image."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor

from alframe.config.checks import at_least, one_of
from alframe.learner import CLASS_PROBS, DETECTIONS, SignalBatch
from alframe.strategy import ScoringStrategy

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Unit = Literal["detections", "anchors"]
Aggregate = Literal["mean", "sum", "max", "topk"]


class UncertaintyStrategy(ScoringStrategy):
    """Scores an image by the uncertainty of its predictions. Subclasses measure one prediction.

    Cost: one forward pass over the pool, O(predictions) memory for one batch.

    Args:
        unit: ``detections`` (after non-maximum suppression, score above ``min_score``) or
            ``anchors`` (every dense prediction).
        aggregate: how predictions make one number for the image. ``sum`` favours crowded
            images, ``max`` single odd boxes.
        k: predictions that ``topk`` averages, the most uncertain ones.
        min_score: detections at or below it are left out; of no effect on anchors.
        empty: score of an image without detections; 0 chooses it last.

    Raises:
        ConfigError: an option is out of range.
    """

    def __init__(
        self,
        unit: Unit = "detections",
        aggregate: Aggregate = "mean",
        k: int = 10,
        min_score: float = 0.05,
        empty: float = 0.0,
    ) -> None:
        one_of("unit", unit, get_args(Unit))
        one_of("aggregate", aggregate, get_args(Aggregate))
        at_least("k", k, 1)
        self.requires = frozenset({DETECTIONS if unit == "detections" else CLASS_PROBS})
        self._unit: Unit = unit
        self._aggregate: Aggregate = aggregate
        self._k = k
        self._min_score, self._empty = min_score, empty

    @abstractmethod
    def uncertainty(self, probs: "Float[Tensor, 'B N K']", exclusive: bool) -> Tensor:
        """Uncertainty of each prediction, [B, N, K] -> [B, N]; see ``ClassProbs.exclusive``."""

    def score(self, batch: SignalBatch) -> Any:
        """One number an image, [B]."""
        if self._unit == "anchors":
            dense = batch[CLASS_PROBS]
            each = self.uncertainty(dense.values, dense.exclusive)
            return aggregate(
                each, torch.ones_like(each, dtype=torch.bool), self._aggregate, self._k
            )
        found = batch[DETECTIONS]
        valid = found.valid & ~(found.scores <= self._min_score)  # NaN stays, to be refused
        each = self.uncertainty(found.probs, found.exclusive)
        scores = aggregate(each, valid, self._aggregate, self._k)
        return torch.where(valid.any(dim=1), scores, self._empty)


def aggregate(
    values: "Float[Tensor, 'B N']", valid: "Bool[Tensor, 'B N']", how: Aggregate, k: int
) -> "Float[Tensor, ' B']":
    """Make one number of the valid values of each row, [B, N] -> [B]; 0 where there are none."""
    if how in ("max", "topk"):
        k = min(1 if how == "max" else k, values.shape[1])
        values, where = values.masked_fill(~valid, -torch.inf).topk(k, dim=1)
        valid = valid.gather(1, where)
    total = values.masked_fill(~valid, 0.0).sum(dim=1)
    return total if how == "sum" else total / valid.sum(dim=1).clamp(min=1)
