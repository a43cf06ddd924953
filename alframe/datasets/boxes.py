"""Cleaning of annotated boxes: clip to the image, and find those of which nothing is left."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alframe.datasets.problems import plural, tallied

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
        outside: bool [N], well formed, but without a common area with the image.
    """

    boxes: NDArray[np.float32]
    clipped: NDArray[np.bool_]
    degenerate: NDArray[np.bool_]
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
        for change, rows, where in (
            ("dropped", self.degenerate, ""),
            ("dropped", self.outside, " outside the image"),
            ("clipped", self.clipped, " to the image"),
        ):
            if rows.any():
                noun = "degenerate box" if rows is self.degenerate else "box"
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
    return Cleaning(clipped.astype(np.float32), moved & usable, degenerate, outside)


def _min_side(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, 4] -> [N], the shorter side; negative where the corners are swapped."""
    with np.errstate(invalid="ignore", over="ignore"):  # of boxes that are dropped anyway
        sides = boxes[:, 2:] - boxes[:, :2]
    shorter: NDArray[np.float64] = sides.min(axis=1)
    return shorter
