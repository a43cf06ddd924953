"""Columns of predicted objects: a fifth of the memory that a list of them takes."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.objects import Annotated, Collected
from alframe.errors import DataError

UNEVEN = (
    "scores of classes: expected as many for every box, one for each class, or none for any: write "
    "those of all rows"
)
AT_ONCE = 1 << 15
"""Objects that wait to become columns."""


@dataclass(frozen=True, eq=False)
class ObjectColumns:
    """Objects, one a row, in the order in which they were added.

    Attributes:
        owner: int32 [n], places in ``owners``.
        name: int32 [n], places in ``names``.
        box: float64 [n, 4], x1 y1 x2 y2 as they were written.
        score: float64 [n]; NaN where there is none.
        scores: float64 [n, K], one a class, where the file has them; else [n, 0].
    """

    owner: NDArray[np.int32]
    name: NDArray[np.int32]
    box: NDArray[np.float64]
    score: NDArray[np.float64]
    scores: NDArray[np.float64]


class Packed:
    """Objects of predictions, to be added and gone through as in a list.

    Attributes:
        owners: ids of images, in the order in which they came.
        names: of classes, likewise.
    """

    def __init__(self, objects: Iterable[Annotated] = ()) -> None:
        self.owners: dict[str, int] = {}
        self.names: dict[str, int] = {}
        self._waiting: list[Annotated] = []
        self._parts: list[ObjectColumns] = []
        for thing in objects:
            self.append(thing)

    def append(self, thing: Annotated) -> None:
        """Add one."""
        self._waiting.append(thing)
        if len(self._waiting) >= AT_ONCE:
            self._pack()

    def add(
        self,
        owners: Sequence[str],
        names: Sequence[str],
        box: NDArray[np.float64],
        score: NDArray[np.float64],
    ) -> None:
        """Add many, without scores of classes."""
        self._pack()
        places = _places(owners, self.owners), _places(names, self.names)
        self._parts.append(ObjectColumns(*places, box, score, np.empty((len(box), 0))))

    def __iadd__(self, objects: Iterable[Annotated]) -> "Packed":
        self._waiting.extend(objects)
        if len(self._waiting) >= AT_ONCE:
            self._pack()
        return self

    def rename(self, named: Callable[[str], str]) -> None:
        """Call the classes otherwise, each by a name of its own."""
        self._pack()
        self.names = {named(name): place for name, place in self.names.items()}

    def __len__(self) -> int:
        return sum(len(part.box) for part in self._parts) + len(self._waiting)

    def __iter__(self) -> Iterator[Annotated]:
        self._pack()
        owners, names = list(self.owners), list(self.names)
        for part, start in ((p, n) for p in self._parts for n in range(0, len(p.box), AT_ONCE)):
            rows = (part.owner, part.name, part.box, part.score, part.scores)
            columns = zip(*(each[start : start + AT_ONCE].tolist() for each in rows), strict=True)
            for owner, name, (x1, y1, x2, y2), score, scores in columns:
                thing = Annotated(owners[owner], names[name], (x1, y1, x2, y2), score=score)
                yield thing._replace(scores=tuple(scores)) if scores else thing

    def columns(self) -> ObjectColumns:
        """All of them.

        Raises:
            DataError: scores of classes are of several lengths, or only some objects have them.
        """
        self._pack()
        parts = self._parts or [_columns([], {}, {})]
        if len({part.scores.shape[1] for part in parts}) > 1:
            raise DataError(UNEVEN)
        self._parts = [
            ObjectColumns(
                *(
                    np.concatenate([getattr(part, name) for part in parts])
                    for name in ("owner", "name", "box", "score", "scores")
                )
            )
        ]
        return self._parts[0]

    def _pack(self) -> None:
        if self._waiting:
            self._parts.append(_columns(self._waiting, self.owners, self.names))
            self._waiting = []


def without_scores(objects: Collected) -> list[str]:
    """Images of which a box has none."""
    if not isinstance(objects, Packed):
        return list(dict.fromkeys(thing.owner for thing in objects if math.isnan(thing.score)))
    owners, columns = list(objects.owners), objects.columns()
    rows: list[int] = np.unique(columns.owner[np.isnan(columns.score)]).tolist()
    return [owners[row] for row in rows]


def _columns(
    objects: list[Annotated], owners: dict[str, int], names: dict[str, int]
) -> ObjectColumns:
    count = len(objects)
    if len({len(thing.scores) for thing in objects}) > 1:
        raise DataError(UNEVEN)
    return ObjectColumns(
        _places([o.owner for o in objects], owners),
        _places([o.name for o in objects], names),
        np.array([o.box for o in objects], np.float64).reshape(count, 4),
        np.array([o.score for o in objects], np.float64),
        np.array([o.scores for o in objects], np.float64).reshape(count, -1 if count else 0),
    )


def _places(values: Sequence[str], known: dict[str, int]) -> NDArray[np.int32]:
    """The place of each value in a table, to which new ones are added."""
    for value in dict.fromkeys(values):
        known.setdefault(value, len(known))
    return np.fromiter(map(known.__getitem__, values), np.int32, len(values))
