"""Anchors (SSD's default or prior boxes): a few at each cell of each level."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from alframe.shaped import Float

Cell = tuple[tuple[float, float, float, float], ...]
"""The anchors of one cell, x1 y1 x2 y2 relative to its centre."""


@dataclass(frozen=True)
class Anchors:
    """The anchors of every level of one input shape.

    Attributes:
        boxes: [A, 4], x1 y1 x2 y2 in pixels of the input; level by level, row by row, cell by
            cell, the anchors of one cell together.
        per_level: how many of them each level has.
    """

    boxes: "Float[Tensor, 'A 4']"
    per_level: tuple[int, ...]


@dataclass(frozen=True)
class AnchorGrid:
    """Where anchors are, for feature maps of any shape.

    Attributes:
        cells: the anchors of one cell, for each level.
        strides: distance of neighbouring cells in pixels, for each level.
        offset: centre of the first cell, in strides: 0 as in mmdet and torchvision's RetinaNet,
            0.5 as in SSD.
    """

    cells: tuple[Cell, ...]
    strides: tuple[int, ...]
    offset: float = 0.0

    def at(self, shapes: Sequence[tuple[int, int]], device: torch.device) -> Anchors:
        """Anchors of feature maps of these shapes (height, width); the last few are remembered."""
        if len(shapes) != len(self.cells):
            raise ValueError(
                f"anchors for {len(self.cells)} levels, got {len(shapes)} feature maps"
            )
        return _remembered(self, tuple(shapes), device)

    def laid(
        self, cells: "Sequence[Float[Tensor, 'n 4']]", shapes: Sequence[tuple[int, int]]
    ) -> Anchors:
        """Anchors made of :attr:`cells` that are tensors already, on their device."""
        levels = [
            _level(cell, shape, stride, self.offset)
            for cell, shape, stride in zip(cells, shapes, self.strides, strict=True)
        ]
        return Anchors(torch.cat(levels), tuple(level.shape[0] for level in levels))


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # or anchors first asked for in inference could not be trained with
def _remembered(
    grid: AnchorGrid, shapes: tuple[tuple[int, int], ...], device: torch.device
) -> Anchors:
    return grid.laid([torch.tensor(cell, device=device) for cell in grid.cells], shapes)


def _level(cell: Tensor, shape: tuple[int, int], stride: int, offset: float) -> Tensor:
    y, x = (
        (torch.arange(n, dtype=torch.float32, device=cell.device) + offset) * stride for n in shape
    )
    y, x = torch.meshgrid(y, x, indexing="ij")
    centres = torch.stack([x, y, x, y], dim=-1)  # [H, W, 4]
    return (centres[:, :, None] + cell).reshape(-1, 4)  # [H, W, n, 4] -> [H * W * n, 4]


def retina_cell(
    size: float, scales: Sequence[float], ratios: Sequence[float], *, rounded: bool = False
) -> Cell:
    """Anchors of one cell: every ratio with every scale, the scale running fastest.

    RetinaNet, section 4 ("Anchors"); order and arithmetic of mmdet 2.3's AnchorGenerator.

    Args:
        size: side of the square anchor of scale 1, in pixels.
        scales: factors of ``size``.
        ratios: height / width; the area does not depend on it.
        rounded: round as torchvision's RetinaNet does: ``size * scale`` down, corners to the
            nearest integer.
    """
    sides = torch.tensor([int(size * s) if rounded else size * s for s in scales])
    root = torch.tensor(ratios, dtype=torch.float32).sqrt()[:, None]
    width, height = ((1 / root) * sides).flatten(), (root * sides).flatten()
    cell = torch.stack([-width, -height, width, height], dim=1) / 2
    rows = (cell.round() if rounded else cell).tolist()
    return tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in rows)


def octave_scales(count: int) -> tuple[float, ...]:
    """``count`` factors from 1 to below 2, evenly spaced on a logarithmic scale."""
    return tuple(2 ** (i / count) for i in range(count))


def ssd_sides(size: int, first: float, span: tuple[float, float], levels: int) -> tuple[int, ...]:
    """Sides of the square anchors of every level and, last, of one level more, in pixels.

    In whole percents of ``size``, rounded down, as in the published models (Caffe, mmdet).

    Args:
        size: side of the input, in pixels.
        first: side on the first level, as a share of ``size``.
        span: side on the second and about that on the last level, likewise; evenly spaced.
        levels: how many.
    """
    least, most = (round(100 * share) for share in span)
    step = (most - least) // max(levels - 2, 1)
    percents = [round(100 * first), *(least + k * step for k in range(levels))]
    return tuple(size * percent // 100 for percent in percents)


def ssd_cell(side: int, next_side: int, ratios: Sequence[float], longest: float = math.inf) -> Cell:
    """Anchors of one cell: two squares, then a wide and a tall one for each ratio.

    Args:
        side: of the first square, in pixels; the others but the second have its area.
        next_side: of the next level; the second square lies between, at their geometric mean.
        ratios: longer / shorter side.
        longest: longer sides are cut to this (torchvision).
    """
    between = math.sqrt(side * next_side)
    shapes = [(float(side), float(side)), (between, between)]
    for ratio in ratios:
        long, short = side * math.sqrt(ratio), side / math.sqrt(ratio)
        shapes += [(long, short), (short, long)]
    halves = [(min(width, longest) / 2, min(height, longest) / 2) for width, height in shapes]
    return tuple((-x, -y, x, y) for x, y in halves)
