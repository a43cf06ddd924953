"""The objects of a dataset as columns, and what became of their boxes."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.boxes import CORNERS, clean_boxes, misread, written_as

Box = tuple[float, float, float, float]


class Annotated(NamedTuple):
    """One object as annotated.

    Attributes:
        owner: the id of its image.
        name: its class.
        box: x1 y1 x2 y2 in pixels, 0-based.
        difficult: see :class:`~alframe.datasets.base.Target`; likewise ``crowd``.
        crowd: see there.
        area: square pixels; NaN stands for the area of the box.
        score: of a model that found it, 0..1; NaN where a person did.
        scores: of a model for each class, in their order, maybe with background last; () where
            only the best is known.
    """

    owner: str
    name: str
    box: Box
    difficult: bool = False
    crowd: bool = False
    area: float = float("nan")
    score: float = float("nan")
    scores: tuple[float, ...] = ()


class Collected(Protocol):
    """What takes objects: a list, or columns of them."""

    def append(self, thing: Annotated, /) -> None:
        """Add one."""
        ...

    def __iadd__(self, objects: Iterable[Annotated], /) -> Self: ...

    def __iter__(self) -> Iterator[Annotated]: ...

    def __len__(self) -> int: ...


def repeated(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """[N] columns of numbers -> bool [N]: which rows equal one before them, bit by bit.

    Hashes tell where one may be: sorting millions of rows would take eight times as long.
    """
    wide = [c.astype(np.float64 if c.dtype.kind == "f" else np.int64) for c in columns]
    parts = [np.ascontiguousarray(part).view(np.uint64) for part in wide]
    mixed = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        mixed = (mixed ^ part) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    again = np.zeros(len(mixed), np.bool_)
    order = np.argsort(mixed, kind="stable")
    alike = np.flatnonzero(mixed[order][1:] == mixed[order][:-1])
    seen: set[tuple[int, ...]] = set()
    for row in sorted({*order[alike].tolist(), *order[alike + 1].tolist()}):
        key = tuple(int(part[row]) for part in parts)
        again[row] = key in seen
        seen.add(key)
    return again


class Writing(NamedTuple):
    """How boxes were written, before a reader made x1 y1 x2 y2 of them, 0-based.

    Attributes:
        numbers: the meaning of the four, see :data:`alframe.datasets.boxes.READINGS`.
        shift: what was subtracted from them.
    """

    numbers: str = CORNERS
    shift: float = 0.0


class Objects:
    """All objects of both splits.

    Args:
        rows: the objects.
        sizes: (height, width) in pixels of the image of every object, by id.
        test: ids of the evaluation split.

    Attributes:
        rows: the objects, N of them.
        owners: ids of their images.
        in_test: bool [N], whether they are of the evaluation split.
        area: float64 [N], square pixels as annotated.
        cleaning: of their boxes.
    """

    def __init__(
        self, rows: Sequence[Annotated], sizes: Mapping[str, tuple[int, int]], test: Collection[str]
    ) -> None:
        self.rows = rows
        self.owners = [thing.owner for thing in rows]
        self.in_test = np.array([owner in test for owner in self.owners], dtype=np.bool_)
        self.area = np.array([thing.area for thing in rows], dtype=np.float64)
        boxes = [thing.box for thing in rows]
        self._boxes = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        frames = [sizes[owner] for owner in self.owners]
        self._frames = np.array(frames, dtype=np.float64).reshape(-1, 2)
        self.cleaning = clean_boxes(self._boxes, self._frames[:, 0], self._frames[:, 1])

    def of(self, *, test: bool) -> NDArray[np.bool_]:
        """Which are of the test split or of the pool, bool [N]."""
        return self.in_test if test else ~self.in_test

    def usable(self, *, test: bool) -> Counter[str]:
        """How many usable objects of each class a split has."""
        return self.names(self.of(test=test) & self.cleaning.keep)

    def names(self, which: NDArray[np.bool_]) -> Counter[str]:
        """A tally of the classes of some objects, by name."""
        return Counter(sorted(self.rows[row].name for row in np.flatnonzero(which).tolist()))

    def doubt(self, writing: Writing | None, *, test: bool) -> str | None:
        """What the boxes of a split may have meant instead, where most make no sense."""
        which = self.of(test=test)
        if writing is None or not which.any():
            return None
        numbers = written_as(self._boxes[which] + writing.shift, writing.numbers)
        lost = not self.cleaning.keep[which].any()
        frames, area = self._frames[which], self.area[which]
        return misread(numbers, frames, writing.numbers, area, all_dropped=lost)
