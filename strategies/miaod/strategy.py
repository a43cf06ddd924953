"""The selection rule of MI-AOD: images on which two classifiers disagree most."""

from typing import Any

from alframe.errors import ConfigError
from alframe.signals import DISAGREEMENT, SignalBatch
from alframe.strategies.miaod.formulas import image_uncertainty
from alframe.strategy import ScoringStrategy


class MIAOD(ScoringStrategy):
    """Takes the images with the largest mean of their ``k`` largest disagreements.

    MI-AOD (Yuan et al., CVPR 2021), section 3.4; the code's ``apis/test.py:15-37`` and
    ``active_datasets.py:60-75``. Anchors count whether they show an object or
    not; there is no weight, no threshold, no suppression of neighbours and no diversity. On COCO
    the code chooses from a fifth of the pool, drawn anew in each cycle: ``budget.candidates=20%``.

    # Deviation: a score that is not a number is an error; the code ranks it first.

    A classifier has one instance an image, whose disagreement is the score.

    Cost: one forward pass of trunk and two classifiers over the pool; O(anchors) memory for an
    image of one batch.

    Args:
        k: how many anchors of an image count: a whole number is a count (10000 in the paper), a
            fraction is a share of the image's anchors. An image with fewer is scored by all.

    Raises:
        ConfigError: ``k`` is out of range.
    """

    requires = frozenset({DISAGREEMENT})

    def __init__(self, k: int | float = 0.1) -> None:
        if k < 1 if isinstance(k, int) else not 0 < k <= 1:
            raise ConfigError(
                f"k: expected a whole number from 1 on, or a fraction up to 1.0, got {k}"
            )
        self._k = k

    def score(self, batch: SignalBatch) -> Any:
        """Mean of the k largest squared disagreements, [B]."""
        each = batch[DISAGREEMENT].float()
        k = self._k if isinstance(self._k, int) else max(1, round(self._k * each.shape[1]))
        return image_uncertainty(each, k)
