"""Losses of dense detectors, summed over the anchors of an image: focal, mined, smooth L1."""

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor

from alframe.detectors.matching import BACKGROUND, LEFT_OUT
from alframe.shaped import Bool, Float, Int

Normalizer = Literal["batch", "image"]


def at_least_float32(x: Tensor) -> Tensor:
    """Half precision, as mixed precision leaves it, to single; anything wider stays."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def focal_loss(
    logits: "Float[Tensor, 'B A K']",
    labels: "Int[Tensor, 'B A']",
    alpha: float = 0.25,
    gamma: float = 2.0,
) -> "Float[Tensor, ' B']":
    """Focal loss of independent (sigmoid) classes, summed over anchors and classes.

    Lin et al., RetinaNet (2017), equation 5: -alpha_t (1 - p_t)^gamma log(p_t).

    Args:
        logits: of K classes.
        labels: class of each anchor; negative for background, :data:`~.matching.LEFT_OUT` for
            anchors that do not count.
        alpha: weight of the true class; the others weigh 1 - alpha.
        gamma: how much easy examples are played down; 0 is cross-entropy.
    """
    classes = torch.arange(logits.shape[-1], device=logits.device)
    target = labels.unsqueeze(-1) == classes  # [B, A, K]
    logits = at_least_float32(logits)
    wrong = torch.where(target, -logits, logits)  # sigmoid(wrong) = 1 - p_t
    weight = torch.where(target, alpha, 1 - alpha)
    easy = wrong.sigmoid()
    if 0 < gamma < 1:  # at 0, which a sure anchor rounds to, the gradient of the power is infinite
        easy = easy.clamp(min=torch.finfo(easy.dtype).tiny)
    loss = weight * easy.pow(gamma) * F.softplus(wrong)
    per_anchor = loss.sum(dim=2)  # [B, A, K] -> [B, A]
    return per_anchor.masked_fill(labels == LEFT_OUT, 0).sum(dim=1)  # [B, A] -> [B]


def box_loss(
    deltas: "Float[Tensor, 'B A 4']",
    targets: "Float[Tensor, 'B A 4']",
    positive: "Bool[Tensor, 'B A']",
    beta: float = 0.0,
) -> "Float[Tensor, ' B']":
    """Smooth L1 loss of the positive anchors' deltas, summed over anchors and coordinates.

    Girshick, Fast R-CNN (2015), equation 3.

    Args:
        deltas: predicted, see :func:`alframe.detectors.box_ops.encode`.
        targets: finite everywhere, positive or not.
        positive: which anchors count.
        beta: errors below it are squared; 0 is plain L1.
    """
    error = F.smooth_l1_loss(at_least_float32(deltas), targets, beta=beta, reduction="none")
    per_anchor = error.sum(dim=2)  # [B, A, 4] -> [B, A]
    return per_anchor.masked_fill(~positive, 0).sum(dim=1)  # [B, A] -> [B]


def normalise(
    sums: "Float[Tensor, ' B']", positives: "Int[Tensor, ' B']", by: Normalizer = "batch"
) -> "Float[Tensor, '']":
    """One number from the sums of a batch's images.

    Args:
        sums: summed loss of each image.
        positives: number of positive anchors of each image; one without any counts as 1.
        by: ``"batch"``: all sums over all positives (mmdet; MI-AOD); ``"image"``: the mean of
            each image's sum over its positives (torchvision).
    """
    counts = positives.clamp(min=1)
    return sums.sum() / counts.sum() if by == "batch" else (sums / counts).mean()


def mined_cross_entropy(
    logits: "Float[Tensor, 'B A K']", labels: "Int[Tensor, 'B A']", negatives: float = 3.0
) -> "Float[Tensor, ' B']":
    """Cross-entropy of the positive anchors and the hardest negative ones, summed.

    Liu et al., SSD (2016), section 2.2 ("Hard negative mining"), with the negatives ranked by
    their own cross-entropy (mmdet, torchvision). An image without positives costs nothing.

    Args:
        logits: of K classes, the last one background.
        labels: class of each anchor; negative for background, :data:`~.matching.LEFT_OUT` for
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
