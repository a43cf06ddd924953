"""Least confidence: how likely the best explanation of a prediction is wrong."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alframe.strategies.uncertainty import UncertaintyStrategy

if TYPE_CHECKING:
    from jaxtyping import Float


class LeastConfidence(UncertaintyStrategy):
    """Chooses images whose predictions are least sure of themselves: 1 - p1 is largest.

    p1 is the probability of the likeliest outcome (Settles, "Active Learning Literature Survey",
    2009, section 3.1). Where the detector is a softmax one (SSD), an outcome is a class or
    background. Where it is a sigmoid one (RetinaNet), K classes are K independent decisions and
    an outcome is one of the 2^K sets of classes, the empty set (background) among them: p1 is
    the product over classes of max(p, 1 - p).

    Images without detections score ``empty``. See
    :class:`~alframe.strategies.uncertainty.UncertaintyStrategy` for the options and the cost.
    """

    def uncertainty(self, probs: "Float[Tensor, 'B N K']", exclusive: bool) -> Tensor:
        """[B, N, K] -> [B, N]."""
        return least_confidence(probs, exclusive)


def least_confidence(probs: "Float[Tensor, '... K']", exclusive: bool) -> "Float[Tensor, '...']":
    """1 - p1 over the last axis.

    Args:
        probs: probabilities.
        exclusive: True: of one distribution. False: of K independent decisions.
    """
    p = probs.float()
    return 1 - (p.amax(dim=-1) if exclusive else decided(p))


def decided(p: "Float[Tensor, '... K']") -> "Float[Tensor, '...']":
    """The probability of the likeliest outcome of K independent decisions."""
    total: Tensor = torch.maximum(p, 1 - p).prod(dim=-1)
    return total
