"""Boxes around outlines that are no upright boxes."""

import math
from collections.abc import Sequence
from itertools import accumulate

from alframe.datasets.objects import Box


def enclosing(points: Sequence[tuple[float, float]]) -> Box:
    """The upright box around points (x, y)."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0) -> Box:
    """The upright box around an ellipse of the middle (x, y), turned clockwise around it.

    Args:
        x: pixels.
        y: pixels.
        rx: half its width before the turn.
        ry: half its height before the turn.
        degrees: of the turn, clockwise as y points down.
    """
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across, down = math.hypot(rx * cos, ry * sin), math.hypot(rx * sin, ry * cos)
    return x - across, y - down, x + across, y + down


def pixels(runs: Sequence[int], width: int, height: int) -> Box:
    """The box around the pixels of a mask.

    Args:
        runs: lengths, row by row: in turn of pixels that are not of it, and of some that are.
        width: of the mask in pixels, which begins at (0, 0).
        height: likewise.

    Raises:
        ValueError: no pixel is of it, runs are longer than all its rows, or end before the last.
    """
    ends = list(accumulate(runs))
    own = [(a, b - 1) for a, b in zip(ends[::2], ends[1::2], strict=False) if a < b]
    if not own or min(runs) < 0 or not width * (height - 1) < ends[-1] <= width * height:
        raise ValueError(runs)
    inside = [(a % width, b % width) for a, b in own if a // width == b // width]
    if len(inside) < len(own):  # one goes on in the next row, so from edge to edge
        inside.append((0, width - 1))
    left, right = min(a for a, _ in inside), max(b for _, b in inside)
    return left, own[0][0] // width, right + 1, own[-1][1] // width + 1


def turned(box: Box, degrees: float, *, around: tuple[float, float] | None = None) -> Box:
    """The upright box around one that is turned clockwise.

    Args:
        box: x1 y1 x2 y2.
        degrees: of the turn, clockwise as y points down.
        around: the point (x, y) that stays where it is; the middle by default.
    """
    if degrees % 360 == 0:
        return box
    x1, y1, x2, y2 = box
    x, y = around or ((x1 + x2) / 2, (y1 + y2) / 2)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    return enclosing(
        [(x + (u - x) * cos - (v - y) * sin, y + (u - x) * sin + (v - y) * cos) for u, v in corners]
    )
