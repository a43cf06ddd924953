"""Greedy non-maximum suppression of a whole batch, of each class of each image for itself."""

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor
from torchvision.ops import batched_nms

from alframe.detectors.box_ops import box_iou
from alframe.shaped import Bool, Float, Int

AT_ONCE = 2**27
"""Pairs of boxes of which a GPU keeps whether they overlap, a byte each and one of working memory:
32 images of 2,000 boxes."""
COMPARED = 2**24
"""Pairs of boxes whose overlap is computed at a time, in three numbers of float32."""
ROUNDS = 8
"""Between two looks at whether anything still changes, for which the host waits."""


def suppress(
    boxes: "Float[Tensor, 'B N 4']",
    scores: "Float[Tensor, 'B N']",
    labels: "Int[Tensor, 'B N']",
    candidate: "Bool[Tensor, 'B N']",
    iou: float,
) -> "Bool[Tensor, 'B N']":
    """Which boxes remain.

    Args:
        boxes: x1 y1 x2 y2, not negative.
        scores: descending.
        labels: only boxes of one class suppress each other.
        candidate: False for padding, which neither remains nor suppresses.
        iou: of two boxes that overlap more, the weaker goes.
    """
    if iou >= 1:  # nothing overlaps more
        return candidate
    if torch.compiler.is_exporting():
        from alframe.detectors.nms_op import suppress_op

        kept: Tensor = suppress_op(boxes, scores, labels, candidate, iou)
        return kept
    return WAYS[boxes.device.type](boxes, scores, labels, candidate, iou)


def one_by_one(
    boxes: Tensor, scores: Tensor, labels: Tensor, candidate: Tensor, iou: float
) -> Tensor:
    """By torchvision's operation: as :func:`suppress`; for a CPU, and for very many candidates."""
    image, place = candidate.nonzero(as_tuple=True)
    group = image * (labels.amax() + 1 if labels.numel() else 1) + labels[image, place]
    own = boxes[image, place].double(), scores[image, place].double()
    kept: Tensor = batched_nms(*own, group, iou)
    remains = torch.zeros_like(candidate)
    remains[image[kept], place[kept]] = True
    return remains


def in_rounds(
    boxes: Tensor, scores: Tensor, labels: Tensor, candidate: Tensor, iou: float
) -> Tensor:
    """By comparing each box with each: as :func:`suppress`; for a GPU.

    torchvision's operation goes through all boxes of a batch one after the other: by whole passes
    of inference on an H100, some 4 microseconds for each that remains. Here a round asks of all
    boxes together whether a better one that remained in the last round overlaps them. The answer
    that no longer changes is that of the greedy rule (induction over the boxes from the best one
    on), and comes after as many rounds as boxes suppress or spare each other in a chain
    (Cluster-NMS; Zheng et al., "Enhancing geometric factors in model learning and inference for
    object detection and instance segmentation", 2022).

    The host waits for the device once, and once for each :data:`ROUNDS`.
    """
    places = torch.arange(1, candidate.shape[1] + 1, device=boxes.device)
    most = int((candidate * places).amax()) if candidate.numel() else 0
    images = AT_ONCE // max(1, most**2)  # at a time
    if not images:
        return one_by_one(boxes, scores, labels, candidate, iou)
    parts = zip(
        *(torch.split(t[:, :most], images) for t in (boxes, labels, candidate)), strict=True
    )
    kept = torch.cat([_remaining(b, own, each, iou) for b, own, each in parts])
    return F.pad(kept, (0, candidate.shape[1] - most))


def _remaining(boxes: Tensor, labels: Tensor, candidate: Tensor, iou: float) -> Tensor:
    images = max(1, COMPARED // max(1, boxes.shape[1] ** 2))  # at a time
    parts = zip(torch.split(boxes, images), torch.split(labels, images), strict=True)
    overlapped = torch.cat([_overlapped(*part, iou) for part in parts])
    overlapped &= candidate.unsqueeze(1)
    gone = before = ~candidate
    while True:
        for _ in range(ROUNDS):  # overlapped, and by one that is not gone
            before, gone = gone, (overlapped > gone.unsqueeze(1)).any(dim=2)
        if torch.equal(before, gone):
            return candidate & ~gone


def _overlapped(boxes: Tensor, labels: Tensor, iou: float) -> Tensor:
    """Of each box (row), which better ones of its class (columns) it may not remain beside."""
    alike = labels.unsqueeze(2) == labels.unsqueeze(1)  # [B, N, N]
    return (alike & (box_iou(boxes, boxes) > iou)).tril_(-1)


WAYS = {"cpu": one_by_one, "cuda": in_rounds}
"""By the type of device."""
