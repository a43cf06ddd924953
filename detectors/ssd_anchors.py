"""SSD's anchors, its default or prior boxes (Liu et al., 2016, section 2.2), in published sizes."""

import math
from collections.abc import Sequence

from alframe.detectors.anchors import Cell


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
