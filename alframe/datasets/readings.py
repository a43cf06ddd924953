"""What the four numbers of a box may have meant, where they make no sense as they were read."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.boxes import clean_boxes
from alframe.datasets.problems import plural

Numbers = NDArray[np.float64]

CORNERS, SIDES = "x1 y1 x2 y2", "x y width height"


def _sides(n: Numbers) -> Numbers:
    return np.hstack([n[:, :2], n[:, :2] + n[:, 2:]])


READINGS: dict[str, Callable[[Numbers], Numbers]] = {
    CORNERS: lambda n: n,
    SIDES: _sides,
    "centre x, centre y, width, height": lambda n: np.hstack(
        [n[:, :2] - n[:, 2:] / 2, n[:, :2] + n[:, 2:] / 2]
    ),
    "y1 x1 y2 x2": lambda n: n[:, [1, 0, 3, 2]],
    "y x height width": lambda n: _sides(n[:, [1, 0, 3, 2]]),
    "x2 y2 x1 y1": lambda n: n[:, [2, 3, 0, 1]],
}
"""From four numbers to x1 y1 x2 y2, by the words for it."""

MANY, FEW = 0.1, 0.01
"""Shares of boxes that do not fit: of these many another reading is looked for, in which at most
these few do not."""
LEAST = 4
"""So many boxes that do not fit are no accident."""


def written_as(boxes: Numbers, written: str) -> Numbers:
    """The four numbers of boxes x1 y1 x2 y2, as they were written."""
    if written == SIDES:
        return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    return boxes


def misread(
    numbers: Numbers, frames: Numbers, written: str, areas: Numbers, *, all_dropped: bool = False
) -> str | None:
    """A sentence on boxes that were probably meant otherwise, or None.

    Args:
        numbers: [N, 4], as written.
        frames: [N, 2], height and width of the image of each box.
        written: how they were read, a name of :data:`READINGS`.
        areas: [N], as annotated, nan where unknown: of boxes and polygons alike they are not
            larger than the box, and of the corners of a box they are its area.
        all_dropped: whether none could be used, so that a single one is enough to speak.
    """
    with np.errstate(all="ignore"):  # of numbers that no image has
        count, wrong = len(numbers), _unfitting(READINGS[written](numbers), frames)
        if all_dropped or (wrong >= LEAST and wrong > MANY * count):
            said = f"{wrong:,} of {plural(count, 'box')} do not fit their image as {written}"
            meant = _fitting(numbers, frames)
            if meant is None and (all_dropped or 2 * wrong > count):
                meant = f"{CORNERS}, or of another size of the images"
            if meant is not None:
                return f"{said}: are they {meant.removeprefix(f'{written}, or ')}?"
        return _areas_of_corners(numbers, written, areas)


def _fitting(numbers: Numbers, frames: Numbers) -> str | None:
    """The reading in which next to all boxes fit."""
    if (np.abs(numbers) <= 1).all():
        return "fractions of the image's width and height (expected pixels)"
    most = FEW * len(numbers)
    fitting = (name for name, of in READINGS.items() if _unfitting(of(numbers), frames) <= most)
    return next(fitting, None)


def _unfitting(boxes: Numbers, frames: Numbers) -> int:
    """How many boxes reach out of their image or have no area."""
    cleaning = clean_boxes(boxes, frames[:, 0], frames[:, 1])
    return int((cleaning.clipped | ~cleaning.keep).sum())


def _areas_of_corners(numbers: Numbers, written: str, areas: Numbers) -> str | None:
    """Whether areas tell that sides are corners, though these boxes may lie within the image."""
    if written != SIDES:
        return None
    sides, corners = numbers[:, 2:], numbers[:, 2:] - numbers[:, :2]
    as_corners = np.isclose(areas, corners.prod(axis=1), rtol=0.01) & (corners > 0).all(axis=1)
    telling = as_corners & ~np.isclose(areas, sides.prod(axis=1), rtol=0.01)
    count = int(telling.sum())
    if count < LEAST or 2 * count <= len(numbers):
        return None
    return (
        f"the area of {count:,} of {plural(len(numbers), 'box')} is that of corners, not of {SIDES}"
        f": are they {CORNERS}?"
    )
