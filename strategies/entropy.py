"""Entropy of class probabilities: the classic uncertainty baseline."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alframe.strategies.uncertainty import UncertaintyStrategy

if TYPE_CHECKING:
    from jaxtyping import Float


class Entropy(UncertaintyStrategy):
    """Chooses images whose predictions have the largest entropy, in nats.

    Where the detector is a sigmoid one (RetinaNet), the binary entropies of the classes are
    summed; where it is a softmax one (SSD), it is the entropy over classes and background.
    Images without detections score ``empty``. See
    :class:`~alframe.strategies.uncertainty.UncertaintyStrategy` for the options and the cost.

    MI-AOD (CVPR 2021, section 4) compares with the average of instance entropies; how its
    authors aggregated is not published. Mean over detections is the default here.
    """

    def uncertainty(self, probs: "Float[Tensor, 'B N K']", exclusive: bool) -> Tensor:
        """[B, N, K] -> [B, N]."""
        return entropy(probs, exclusive)


def entropy(probs: "Float[Tensor, '... K']", exclusive: bool) -> "Float[Tensor, '...']":
    """Entropy in nats over the last axis; 0 log 0 is 0.

    Args:
        probs: probabilities.
        exclusive: True: -sum p log p of one distribution. False: sum of the K binary entropies.
    """
    p = probs.float()
    own = -torch.special.xlogy(p, p)
    if not exclusive:
        own = own - torch.special.xlogy(1 - p, 1 - p)
    total: Tensor = own.sum(dim=-1)
    return total
