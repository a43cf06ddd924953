"""Captions of boxes in a picture, laid out so that they can be read where boxes overlap."""

from collections.abc import Sequence
from itertools import chain

MOST_LINES = 3
"""So far a caption is moved; then it is hardly seen which box it is of."""


def apart(
    spans: Sequence[tuple[float, float]], tops: Sequence[float], line: float, height: float
) -> list[float]:
    """Move captions up or down, by as few lines as it takes, off those that come before them.

    Args:
        spans: left and right end of each caption, in pixels.
        tops: where each would begin.
        line: the height of a caption.
        height: of the picture, which they stay in.

    Returns:
        The tops; where there is no room within :data:`MOST_LINES`, a caption stays.
    """
    steps = list(chain([0], *((n, -n) for n in range(1, MOST_LINES + 1))))
    placed: list[float] = []
    for (left, right), top in zip(spans, tops, strict=True):
        beside = [t for (a, b), t in zip(spans, placed, strict=False) if a < right and left < b]
        free = (
            moved
            for moved in (top + n * line for n in steps)
            if 0 <= moved <= height - line and all(abs(moved - t) > 0.99 * line for t in beside)
        )
        placed.append(next(free, top))
    return placed
