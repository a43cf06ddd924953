"""Losses of masks: cross-entropy and Dice, without ignored pixels."""

import torch
from torch import Tensor, nn

from alframe.datasets.base import IGNORED
from alframe.detectors.losses import at_least_float32
from alframe.shaped import Float, UInt8
from alframe.tasks.segmentation.class_maps import probabilities


def mask_cross_entropy(
    logits: "Float[Tensor, 'B C H W']",
    masks: "UInt8[Tensor, 'B H W']",
    weights: "Float[Tensor, ' K'] | None" = None,
) -> "Float[Tensor, '']":
    """Cross-entropy in nats, the mean over pixels that are not ignored; 0 where all are.

    Args:
        logits: of one softmax, or of the foreground alone.
        masks: the class of each pixel.
        weights: of each class; the mean is a weighted one.
    """
    logits, labels = at_least_float32(logits), masks.long()
    counted = labels != IGNORED
    known = labels.where(counted, 0)
    if logits.shape[1] == 1:
        each = nn.functional.binary_cross_entropy_with_logits(
            logits[:, 0], known.to(logits.dtype), reduction="none"
        )
    else:
        each = nn.functional.cross_entropy(logits, known, reduction="none")
    share = counted.to(each.dtype) if weights is None else weights.to(each.dtype)[known] * counted
    # Ignored pixels are selected away, not multiplied by 0: their gradient is 0 whatever they are.
    total = (each.where(counted, 0.0) * share).sum()
    return total / share.sum().clamp(min=torch.finfo(each.dtype).tiny)


def dice_loss(
    logits: "Float[Tensor, 'B C H W']", masks: "UInt8[Tensor, 'B H W']"
) -> "Float[Tensor, '']":
    """1 - Dice of soft masks over the whole batch, the mean over the classes that occur in it.

    Dice is 2 sum(p y) / (sum p + sum y) over the pixels that are not ignored (Milletari et al., 3DV
    2016, with sums in place of sums of squares); 0 where all are ignored.

    Args:
        logits: of one softmax, or of the foreground alone.
        masks: the class of each pixel.
    """
    probs = probabilities(at_least_float32(logits))
    classes = torch.arange(probs.shape[1], device=masks.device)[:, None, None]
    truth = masks[:, None] == classes  # [B, K, H, W]
    probs = probs.where(masks[:, None] != IGNORED, 0.0)
    axes = (0, 2, 3)
    both, said, true = probs.where(truth, 0.0).sum(axes), probs.sum(axes), truth.sum(axes)
    occurs = true > 0
    scores = 2 * both / (said + true).clamp(min=1e-6)
    lost = (1 - scores).where(occurs, 0.0).sum()
    return lost / occurs.sum().clamp(min=1)
