"""The selection rule of Learning Loss: images on which the learner expects to do worst."""

from typing import Any

from alframe.signals import PREDICTED_LOSS, SignalBatch
from alframe.strategy import ScoringStrategy


class LL4AL(ScoringStrategy):
    """Takes the images with the largest predicted loss.

    Learning Loss (Yoo & Kweon, CVPR 2019), section 3.1. An image without objects or detections
    is scored like any other: its loss is that of taking it for background.

    Predictions are trained to rank, not to be losses, and may be negative: ``power`` around this
    strategy needs ``kind: softrank`` or ``softmax``.

    The paper chooses from 10,000 images that are drawn anew in each cycle on CIFAR-10, and from all
    of them for detection: ``budget.candidates``.

    Cost: one forward pass of trunk and loss module over the pool; O(1) memory an image.
    """

    requires = frozenset({PREDICTED_LOSS})
    signed = True

    def score(self, batch: SignalBatch) -> Any:
        """The predicted loss, [B]."""
        return batch[PREDICTED_LOSS]
