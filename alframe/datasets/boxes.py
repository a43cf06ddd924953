"""Annotated boxes: cleaned, and what their numbers may have meant where they make no sense."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alframe.words import plural, tallied

MIN_SIDE = 1.0
# COCO rounds to hundredths of a pixel, so that many boxes leave their image by less than this.
NOTABLE = 0.5


@dataclass(frozen=True, eq=False)
class Cleaning:
    """Boxes after cleaning, and what was done to each.

    Attributes:
        boxes: float32 [N, 4], x1 y1 x2 y2 in pixels, clipped to the image. Every row is there,
            so that other columns stay aligned; ``keep`` says which are usable.
        clipped: bool [N], kept, and moved by more than half a pixel.
        degenerate: bool [N], a side is shorter than one pixel or not a finite number.
        swapped: bool [N], those of them in which x1 is right of x2, or y1 below y2.
        outside: bool [N], well formed, but without a common area with the image.
    """

    boxes: NDArray[np.float32]
    clipped: NDArray[np.bool_]
    degenerate: NDArray[np.bool_]
    swapped: NDArray[np.bool_]
    outside: NDArray[np.bool_]

    @property
    def keep(self) -> NDArray[np.bool_]:
        """Which boxes can be used, bool [N]."""
        return ~(self.degenerate | self.outside)

    def notes(self, owners: Sequence[str]) -> tuple[str, ...]:
        """One sentence for each kind of change, which counts the boxes and names their images.

        Args:
            owners: the id of the image of each box, N of them.
        """
        notes = []
        for change, rows, noun, where in (
            ("dropped", self.degenerate & ~self.swapped, "degenerate box", ""),
            ("dropped", self.swapped, "box", " of swapped corners (x1 > x2 or y1 > y2)"),
            ("dropped", self.outside, "box", " outside the image"),
            ("clipped", self.clipped, "box", " to the image"),
        ):
            if rows.any():
                tally = Counter(sorted(owners[row] for row in np.flatnonzero(rows).tolist()))
                notes.append(f"{change} {plural(tally.total(), noun)}{where}: {tallied(tally)}")
        return tuple(notes)


def clean_boxes(boxes: ArrayLike, height: ArrayLike, width: ArrayLike) -> Cleaning:
    """Clip boxes to their images and find the degenerate and the outlying ones.

    Args:
        boxes: [N, 4], x1 y1 x2 y2 in pixels, 0-based.
        height: of the image in pixels; one number, or [N] where boxes are of many images.
        width: likewise.
    """
    raw = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    limits = np.empty_like(raw)
    limits[:, 0::2] = np.reshape(width, (-1, 1))
    limits[:, 1::2] = np.reshape(height, (-1, 1))
    finite = np.asarray(np.isfinite(raw).all(axis=1))
    clipped = np.clip(raw, 0.0, limits)
    # float64 until here: in float32 a side of exactly one pixel may come out shorter.
    long_enough = _min_side(clipped) >= MIN_SIDE
    outside = finite & (_min_side(raw) >= MIN_SIDE) & (_min_side(clipped) <= 0)
    degenerate = ~(finite & long_enough) & ~outside
    moved = np.nan_to_num(np.abs(clipped - raw)).max(axis=1) > NOTABLE
    usable = ~(degenerate | outside)
    swapped = degenerate & finite & (_min_side(raw) <= -MIN_SIDE)
    return Cleaning(clipped.astype(np.float32), moved & usable, degenerate, swapped, outside)


def _min_side(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, 4] -> [N], the shorter side; negative where the corners are swapped."""
    with np.errstate(invalid="ignore", over="ignore"):  # of boxes that are dropped anyway
        sides = boxes[:, 2:] - boxes[:, :2]
    shorter: NDArray[np.float64] = sides.min(axis=1)
    return shorter


Numbers = NDArray[np.float64]

CORNERS, SIDES = "x1 y1 x2 y2", "x y width height"
CENTRE = "centre x, centre y, width, height"


def _sides(n: Numbers) -> Numbers:
    return np.hstack([n[:, :2], n[:, :2] + n[:, 2:]])


READINGS: dict[str, Callable[[Numbers], Numbers]] = {
    CORNERS: lambda n: n,
    SIDES: _sides,
    CENTRE: lambda n: np.hstack([n[:, :2] - n[:, 2:] / 2, n[:, :2] + n[:, 2:] / 2]),
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
    sides = boxes[:, 2:] - boxes[:, :2]
    if written == SIDES:
        return np.hstack([boxes[:, :2], sides])
    if written == CENTRE:
        return np.hstack([boxes[:, :2] + sides / 2, sides])
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
