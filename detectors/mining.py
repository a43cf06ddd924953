"""Hard negative mining: cross-entropy of anchors, with few of the many negatives, the hardest."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor

from alframe.detectors.losses import at_least_float32
from alframe.detectors.matching import BACKGROUND

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


def mined_cross_entropy(
    logits: "Float[Tensor, 'B A K']", labels: "Int[Tensor, 'B A']", negatives: float = 3.0
) -> "Float[Tensor, ' B']":
    """Cross-entropy of the positive anchors and the hardest negative ones, summed.

    Liu et al., SSD (2016), section 2.2 ("Hard negative mining"), with the negatives ranked by
    their own cross-entropy (mmdet, torchvision). An image without positives costs nothing.

    Args:
        logits: of K classes, the last one background.
        labels: class of each anchor; negative for background, :data:`~.matching.IGNORED` for
            anchors that do not count.
        negatives: how many negatives count for each positive, as far as there are so many.
    """
    background = logits.shape[-1] - 1
    target = torch.where(labels >= 0, labels, background)
    flat = F.cross_entropy(
        at_least_float32(logits).flatten(0, 1), target.flatten(), reduction="none"
    )
    loss = flat.view_as(labels)  # [B * A] -> [B, A]
    positive = labels >= 0
    mined = _sum_of_largest(loss, labels == BACKGROUND, negatives * positive.sum(dim=1))
    return loss.masked_fill(~positive, 0).sum(dim=1) + mined  # [B, A] -> [B]


def _sum_of_largest(
    loss: "Float[Tensor, 'B A']", among: "Bool[Tensor, 'B A']", counts: "Float[Tensor, ' B']"
) -> "Float[Tensor, ' B']":
    """Sum of the ``counts`` largest losses of each row; the number may differ from row to row.

    What is not ``among`` them counts as 0, and no loss is less: where too few are left, these
    zeros are added.
    """
    ranked = loss.masked_fill(~among, 0).sort(dim=1, descending=True).values
    rank = torch.arange(loss.shape[1], device=loss.device)
    return ranked.masked_fill(rank >= counts[:, None], 0).sum(dim=1)  # [B, A] -> [B]
