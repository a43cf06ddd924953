"""Boxes: overlap, coding relative to anchors, clipping, scaling. Always x1 y1 x2 y2, in pixels."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from alframe.shaped import Float, Int

UNIT_STDS = (1.0, 1.0, 1.0, 1.0)
MAX_LOG_RATIO = math.log(1000 / 16)
"""A decoded side is at most 62.5 times, at least a 62.5th of its anchor's (mmdet, Detectron)."""


def box_iou(
    first: "Float[Tensor, '... M 4']", second: "Float[Tensor, '... A 4']"
) -> "Float[Tensor, '... M A']":
    """Intersection over union of every pair; leading dimensions broadcast.

    Like ``torchvision.ops.box_iou``, but batched, with at most three tensors of the result's size
    alive at a time (there: nine), and 0 instead of NaN for two boxes without area.
    """
    a, b = first.unsqueeze(-2), second.unsqueeze(-3)  # [..., M, 1, 4], [..., 1, A, 4]
    overlap = _shared_side(a, b, 0).mul_(_shared_side(a, b, 1))
    union = (_area(a) + _area(b)).sub_(overlap).clamp_(min=torch.finfo(overlap.dtype).tiny)
    return overlap.div_(union)


def _shared_side(a: Tensor, b: Tensor, axis: int) -> Tensor:
    end = torch.minimum(a[..., axis + 2], b[..., axis + 2])
    return end.sub_(torch.maximum(a[..., axis], b[..., axis])).clamp_(min=0)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def encode(
    boxes: "Float[Tensor, '... 4']",
    anchors: "Float[Tensor, '... 4']",
    stds: Sequence[float] = UNIT_STDS,
) -> "Float[Tensor, '... 4']":
    """What to add to ``anchors`` to get ``boxes``: (dx, dy, dw, dh) / ``stds``.

    dx, dy: shift of the centre in anchor sides; dw, dh: log of the ratio of the sides
    (Girshick et al., R-CNN, 2014, appendix C).

    Args:
        boxes: x1 y1 x2 y2, with area.
        anchors: x1 y1 x2 y2, with area; broadcast with ``boxes``.
        stds: divides the four numbers; 1 for RetinaNet, (0.1, 0.1, 0.2, 0.2) for SSD.
    """
    centre, side = _centre_and_side(anchors)
    box_centre, box_side = _centre_and_side(boxes)
    deltas = torch.cat([(box_centre - centre) / side, torch.log(box_side / side)], dim=-1)
    return deltas if tuple(stds) == UNIT_STDS else deltas / _constant(tuple(stds), deltas.device)


def decode(
    deltas: "Float[Tensor, '... 4']",
    anchors: "Float[Tensor, '... 4']",
    stds: Sequence[float] = UNIT_STDS,
) -> "Float[Tensor, '... 4']":
    """The inverse of :func:`encode`, with dw and dh clamped to +-:data:`MAX_LOG_RATIO`.

    Returns:
        x1 y1 x2 y2, not clipped to any image.
    """
    if tuple(stds) != UNIT_STDS:
        deltas = deltas * _constant(tuple(stds), deltas.device)
    centre, side = _centre_and_side(anchors)
    centre = centre + deltas[..., :2] * side
    half = 0.5 * side * deltas[..., 2:].clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()
    return torch.cat([centre - half, centre + half], dim=-1)


def _constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Numbers on a device; remembered, but not in a compiled graph, which makes them there."""
    if torch.compiler.is_compiling():
        return torch.stack([torch.full((), value, device=device) for value in values])
    return _remembered(values, device)


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # or a constant first used in inference could not be trained with
def _remembered(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, device=device)  # a copy, for which the host waits


def _centre_and_side(boxes: Tensor) -> tuple[Tensor, Tensor]:
    side = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + 0.5 * side, side


def clip_boxes(
    boxes: "Float[Tensor, 'B N 4']", sizes: "Int[Tensor, 'B 2']"
) -> "Float[Tensor, 'B N 4']":
    """Boxes cut at the borders of their images."""
    limit = _xyxy(sizes).to(boxes.dtype)
    return torch.minimum(boxes.clamp(min=0), limit)


def rescale_boxes(
    boxes: "Float[Tensor, 'B N 4']", sizes: "Int[Tensor, 'B 2']", originals: "Int[Tensor, 'B 2']"
) -> "Float[Tensor, 'B N 4']":
    """Boxes of images of ``sizes`` in pixels of the same images at ``originals``.

    Args:
        boxes: x1 y1 x2 y2.
        sizes: height and width of each image as it is.
        originals: height and width of each image as it shall be.
    """
    return boxes * (_xyxy(originals) / _xyxy(sizes)).to(boxes.dtype)


def _xyxy(sizes: Tensor) -> Tensor:
    """Height, width -> width, height, width, height, beside N boxes: [B, 2] -> [B, 1, 4]."""
    return sizes.flip(-1).repeat(1, 2).unsqueeze(1)
