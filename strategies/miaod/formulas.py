"""The formulas of MI-AOD, on plain tensors (Yuan et al., CVPR 2021; arXiv 2104.02324).

Shapes: B images, A anchors of all levels one after the other, K classes. A head that gives maps
[B, n * K, H, W] for each level is brought into this form by :func:`.towers.flatten_anchors`::

    first = torch.cat([flatten_anchors(maps, K) for maps in f1], dim=1)    # logits [B, A, K]
    per_level = [flatten_anchors(maps, K).shape[1] for maps in f1]
    p1, p2 = first.sigmoid(), second.sigmoid()        # RetinaNet; what SSD puts in: see below

    weights = mil_weights(((first + second) / 2).sigmoid(), mil, per_level)         # [B, A, K]
    scores = image_scores(weights, per_level)                                       # [B, K]
    l_imgcls = image_loss(scores, present_classes(labels, K)).mean()                # labelled
    pseudo = pseudo_labels(p1, p2)                                                  # [B, K]
    l_imgcls = (image_loss(scores, pseudo) * trusted(pseudo, "batch")).mean()       # unlabelled
    l_wave_dis = 0.5 * discrepancy(p1, p2, weights).sum()                           # min
    l_wave_dis_minus = 0.5 * agreement(p1, p2, weights).sum()                       # max
    uncertainty = image_uncertainty(disagreement(p1, p2), 10000)                         # [B]

These are the numbers of the authors' code (github.com/yuantn/MI-AOD, 320b5cd), whose files and
lines each function names: RH is ``MIAOD_retina_head.py``, MH ``MIAOD_head.py``, TE
``apis/test.py``. The code's SSD has K = C + 1 with background last and takes the sigmoid
everywhere but in ``discrepancy`` and ``agreement``, which get the softmax over the K. The
formulas of the paper's text, where they differ, are in :mod:`.variants`.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from alframe.detectors.losses import at_least_float32
from alframe.shaped import Bool, Float, Int

Skip = Literal["batch", "image"]
MARGIN = 1e-5
"""Image scores are kept this far from 0 and 1 (MH:423-432)."""
CONFIDENT = 0.5
"""A class is taken for present in an unlabelled image from this probability on."""


def mil_weights(
    probabilities: "Float[Tensor, 'B A K']",
    mil_logits: "Float[Tensor, 'B A M']",
    per_level: Sequence[int],
    valid: "Bool[Tensor, 'B A'] | None" = None,
) -> "Float[Tensor, 'B A K']":
    """How much each anchor and class speaks for the image: w of equation 5, as coded (RH:103-108).

    w_ic = a_i b_ic, where a is the softmax over the anchors of one level of the largest class
    probability, and b the softmax over classes of the MIL head. All w of a level sum to 1. As a
    probability lies within 0 and 1, two anchors' a differ by a factor e at most.

    # Deviation: the paper has one softmax over all anchors, for each class, of the mean logit.

    Args:
        probabilities: of the mean of the two classifiers' logits; detached here.
        mil_logits: of the MIL head; it trains through b. M - K channels beyond the classes take
            part in the softmax and are then dropped: background, where K = 1.
        per_level: anchors of each level.
        valid: anchors that count; None for all, those in the padding included (the code).
    """
    best = probabilities.detach().amax(dim=2, keepdim=True)  # [B, A, K] -> [B, A, 1]
    classes = _class_shares(mil_logits, probabilities.shape[2])
    return _anchor_shares(best, per_level, valid) * classes


def paper_weights(
    logits: "Float[Tensor, 'B A K']",
    mil_logits: "Float[Tensor, 'B A M']",
    valid: "Bool[Tensor, 'B A'] | None" = None,
) -> "Float[Tensor, 'B A K']":
    """Equation 5 as printed: for each class, a softmax over all anchors of all levels.

    Args:
        logits: mean of the two classifiers'; detached here, as in the code.
        mil_logits: see :func:`mil_weights`.
        valid: likewise.
    """
    classes = _class_shares(mil_logits, logits.shape[2])
    return _anchor_shares(logits.detach(), [logits.shape[1]], valid) * classes


def _anchor_shares(values: Tensor, per_level: Sequence[int], valid: Tensor | None) -> Tensor:
    """Softmax over the anchors of each level, [B, A, n]; a level without valid ones has zeros."""
    if valid is not None:
        values = values.masked_fill(~valid.unsqueeze(2), torch.finfo(values.dtype).min)
    levels = [level.softmax(dim=1) for level in torch.split(values, list(per_level), dim=1)]
    shares = torch.cat(levels, dim=1)
    return shares if valid is None else shares * valid.unsqueeze(2)


def _class_shares(mil_logits: Tensor, classes: int) -> Tensor:
    return at_least_float32(mil_logits).softmax(dim=2)[..., :classes]  # [B, A, M] -> [B, A, K]


def image_scores(
    weights: "Float[Tensor, 'B A K']", per_level: Sequence[int]
) -> "Float[Tensor, 'B K']":
    """Score of each class in each image: the largest over levels of a level's sum (MH:423-432).

    # Deviation: the paper's equation 6 has one sum over all anchors.
    """
    sums = [level.sum(dim=1) for level in torch.split(weights, list(per_level), dim=1)]
    return torch.stack(sums).amax(dim=0)  # [levels, B, K] -> [B, K]


def image_loss(
    scores: "Float[Tensor, 'B K']", present: "Bool[Tensor, 'B K']"
) -> "Float[Tensor, ' B']":
    """Binary cross-entropy of the image scores, mean over classes (equation 6; MH:82, 417-419).

    # Deviation: the paper sums over classes.
    """
    kept = scores.clamp(MARGIN, 1 - MARGIN)
    # By hand: torch's own refuses to run under CUDA's autocast.
    return -torch.where(present, kept, 1 - kept).log().mean(dim=1)  # [B, K] -> [B]


def present_classes(labels: "Int[Tensor, 'B M']", classes: int) -> "Bool[Tensor, 'B K']":
    """Which classes an image has an object of; -1 marks rows of padding."""
    each = torch.arange(classes, device=labels.device)
    return (labels.unsqueeze(2) == each).any(dim=1)  # [B, M, K] -> [B, K]


@torch.no_grad()
def pseudo_labels(
    first: "Float[Tensor, 'B A K']",
    second: "Float[Tensor, 'B A K']",
    valid: "Bool[Tensor, 'B A'] | None" = None,
) -> "Bool[Tensor, 'B K']":
    """Which classes the two classifiers together find in an image (equation 10; MH:501-513)."""
    both = first + second
    if valid is not None:
        both = both * valid.unsqueeze(2)
    return both.amax(dim=1) / 2 >= CONFIDENT  # [B, A, K] -> [B, K]


def trusted(pseudo: "Bool[Tensor, 'B K']", skip: Skip) -> "Float[Tensor, ' B']":
    """1 for images whose pseudo-labels are used, else 0.

    Args:
        pseudo: see :func:`pseudo_labels`.
        skip: what an image without any pseudo-label takes along: ``"batch"``, every image of
            its batch (MH:486-490), or ``"image"``, nothing but itself.
    """
    some = pseudo.any(dim=1)  # [B, K] -> [B]
    return (some.all().expand_as(some) if skip == "batch" else some).float()


def discrepancy(
    first: "Float[Tensor, 'B A K']",
    second: "Float[Tensor, 'B A K']",
    weights: "Float[Tensor, 'B A K']",
) -> "Float[Tensor, ' B']":
    """How much the classifiers differ on an image, weighted (equation 7; MH:434-445).

    sum_i (1/K) sum_c |p1_ic - p2_ic| w_ic; w gets no gradient.

    # Deviation: the paper sums over classes.
    """
    weighted = (first - second).abs() * weights.detach()
    return weighted.mean(dim=2).sum(dim=1)  # [B, A, K] -> [B, A] -> [B]


def agreement(
    first: "Float[Tensor, 'B A K']",
    second: "Float[Tensor, 'B A K']",
    weights: "Float[Tensor, 'B A K']",
) -> "Float[Tensor, ' B']":
    """What the max phase lowers: sum_i (1/K) sum_c (1 - |p1_ic - p2_ic|) w_ic (MH:520-531).

    Its gradient is that of minus :func:`discrepancy`, which is what the paper has.
    """
    weighted = (1 - (first - second).abs()) * weights.detach()
    return weighted.mean(dim=2).sum(dim=1)  # [B, A, K] -> [B, A] -> [B]


def disagreement(
    first: "Float[Tensor, 'B A K']", second: "Float[Tensor, 'B A K']"
) -> "Float[Tensor, 'B A']":
    """Mean over classes of the squared difference of each anchor's probabilities (TE:15-37)."""
    return (first - second).square().mean(dim=2)  # [B, A, K] -> [B, A]


def image_uncertainty(values: "Float[Tensor, 'B A']", k: int) -> "Float[Tensor, ' B']":
    """The score of an image: mean of its ``k`` largest values, or of all it has (TE:15-37)."""
    if k < values.shape[1]:
        values = values.topk(k, dim=1, sorted=False).values
    return values.mean(dim=1)  # [B, A] -> [B]
