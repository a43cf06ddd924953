"""Margin: how far the best explanation of a prediction is ahead of the second best."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alframe.strategies.least_confidence import decided
from alframe.strategies.uncertainty import UncertaintyStrategy

if TYPE_CHECKING:
    from jaxtyping import Float


class Margin(UncertaintyStrategy):
    """Chooses images whose predictions have the smallest margin: 1 - (p1 - p2) is largest.

    p1 and p2 are the probabilities of the two likeliest outcomes (Scheffer et al., 2001; Settles,
    "Active Learning Literature Survey", 2009, section 3.1). Where the detector is a softmax one
    (SSD), an outcome is a class or background. Where it is a sigmoid one (RetinaNet), K classes
    are K independent decisions and an outcome is one of the 2^K sets of classes, the empty set
    (background) among them: p1 is the product over classes of max(p, 1 - p), and in p2 the
    closest decision goes the other way. That is the distribution whose entropy is the sum of
    binary entropies in :class:`~alframe.strategies.entropy.Entropy`.

    Images without detections score ``empty``. See
    :class:`~alframe.strategies.uncertainty.UncertaintyStrategy` for the options and the cost.
    """

    def uncertainty(self, probs: "Float[Tensor, 'B N K']", exclusive: bool) -> Tensor:
        """[B, N, K] -> [B, N]."""
        return margin(probs, exclusive)


def margin(probs: "Float[Tensor, '... K']", exclusive: bool) -> "Float[Tensor, '...']":
    """1 - (p1 - p2) over the last axis.

    Args:
        probs: probabilities.
        exclusive: True: of one distribution. False: of K independent decisions.
    """
    p = probs.float()
    if exclusive:
        best = p.topk(2, dim=-1).values
        return 1 - (best[..., 0] - best[..., 1])
    first, closest = decided(p), torch.maximum(p, 1 - p).amin(dim=-1)  # closest >= 1/2
    return 1 - (first - first * (1 - closest) / closest)
