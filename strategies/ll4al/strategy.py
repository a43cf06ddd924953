"""The selection rule of Learning Loss: images on which the learner expects to do worst."""

from dataclasses import replace
from typing import Any

from alframe.errors import ConfigError
from alframe.learner import PREDICTED_LOSS, SignalBatch
from alframe.strategy import Query, ScoringStrategy, Selection


class LL4AL(ScoringStrategy):
    """Takes the images with the largest predicted loss.

    Learning Loss (Yoo & Kweon, CVPR 2019), section 3.1. An image without objects or detections
    is scored like any other: its loss is that of taking it for background.

    Predictions are trained to rank, not to be losses, and may be negative: ``power`` around this
    strategy needs ``kind: softrank`` or ``softmax``.

    Cost: one forward pass of trunk and loss module over the pool; O(1) memory an image.

    Args:
        subpool: how many unlabelled images are scored and chosen from, drawn anew in each cycle,
            but never fewer than the budget. The paper takes 10,000 on CIFAR-10, against choosing
            the same image many times over, and all of them for detection: null.

    Raises:
        ConfigError: ``subpool`` is below 1.
    """

    requires = frozenset({PREDICTED_LOSS})
    signed = True

    def __init__(self, subpool: int | None = None) -> None:
        if subpool is not None and subpool < 1:
            raise ConfigError(f"subpool: expected at least 1 image, or null for all, got {subpool}")
        self._subpool = subpool

    def select(self, query: Query) -> Selection:
        """Score the unlabelled images, or a part of them, and take the ``budget`` largest."""
        return super().select(replace(query, unlabelled=self._candidates(query)))

    def score(self, batch: SignalBatch) -> Any:
        """The predicted loss, [B]."""
        return batch[PREDICTED_LOSS]

    def _candidates(self, query: Query) -> tuple[str, ...]:
        ids = sorted(query.unlabelled)
        if self._subpool is None:
            return tuple(ids)
        order = query.rng.permutation(len(ids))[: max(self._subpool, query.budget)]
        return tuple(ids[i] for i in sorted(order))
