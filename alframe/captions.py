"""Captions of boxes in a picture, laid out so that they can be read where boxes overlap."""

from collections.abc import Sequence

MOST_LINES = 3
"""So far a caption is moved; then it is hardly seen which box it is of."""


def apart(
    spans: Sequence[tuple[float, float]], tops: Sequence[float], line: float, height: float
) -> list[float]:
    """Move captions up or down, as little as it takes, off those that come before them.

    Args:
        spans: left and right end of each caption, in pixels.
        tops: where each would begin.
        line: the height of a caption.
        height: of the picture, which they stay in.

    Returns:
        The tops; where there is no room within :data:`MOST_LINES`, a caption stays.
    """
    placed: list[float] = []
    for (left, right), top in zip(spans, tops, strict=True):
        beside = [t for (a, b), t in zip(spans, placed, strict=False) if a < right and left < b]
        places = [min(top, height - line), *(t + line for t in beside), *(t - line for t in beside)]
        free = [
            place
            for place in places
            if 0 <= place <= height - line
            if abs(place - top) <= MOST_LINES * line
            if all(abs(place - t) > 0.99 * line for t in beside)
        ]
        placed.append(min(free, key=lambda place: abs(place - top), default=top))
    return placed
