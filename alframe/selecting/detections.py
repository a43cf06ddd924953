"""Detections of many images as columns, and batches of them as strategies read them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alframe.annotations.object_columns import ObjectColumns
from alframe.datasets.objects import Box, repeated
from alframe.errors import DataError
from alframe.shaped import Bool, Float, Int
from alframe.signals import Detections
from alframe.streams import BESIDE, BOXES
from alframe.words import plural

if TYPE_CHECKING:
    from torch import Tensor

ONE, MOST = 1e-3, 0.02
"""By so much the scores of classes that exclude each other may miss 1 when they are added; and at
most, where each of them was rounded: a sum of decisions of their own may be near 1, too."""
_DECIMALS = (2, 3, 4)
_BFLOAT16 = 2**-8
"""By so much bfloat16 rounds a number, and a sum of them, relative to it."""


@dataclass(frozen=True, eq=False)
class BareDetections:
    """:class:`~alframe.signals.Detections` of which one score a box is known, as after suppression.

    ``probs`` are made when they are first asked for: the score for the class of the box, and 0 for
    all others. So entropy, margin and least confidence are those of the score alone.

    Attributes:
        boxes: [B, N, 4]; this and the others as of ``Detections``.
        scores: [B, N].
        labels: [B, N].
        valid: [B, N].
        classes: how many there are.
        told: called when ``probs`` are asked for.
    """

    boxes: "Float[Tensor, 'B N 4']"
    scores: "Float[Tensor, 'B N']"
    labels: "Int[Tensor, 'B N']"
    valid: "Bool[Tensor, 'B N']"
    classes: int
    told: Callable[[], None]
    exclusive: bool = False

    @cached_property
    def probs(self) -> "Float[Tensor, 'B N K']":
        """[B, N, K]."""
        self.told()
        empty = self.scores.new_zeros(*self.scores.shape, max(self.classes, 1))
        return empty.scatter_(2, self.labels.unsqueeze(2), self.scores.unsqueeze(2))

    @property
    def decisions(self) -> "Float[Tensor, 'B N 1']":
        """The ``probs`` that are not 0, of the class of each box."""
        self.told()
        return self.scores.unsqueeze(2)


class StoredDetections:
    """What a model found on each of its images.

    Args:
        ids: of the images that it has seen, also those on which it found nothing.
        classes: names, which ``columns.name`` are places of.
        columns: of all boxes, which have scores; ``owner`` are places in ``ids``.
        where: what messages call their source.

    Attributes:
        notes: what was tolerated.
        exclusive: see :class:`~alframe.signals.ClassProbs`.
        in_file: how many boxes it found on each image, also of those that are left out.
        empty: none of them is kept.

    Raises:
        DataError: scores of classes do not fit the classes.
    """

    def __init__(
        self, ids: Sequence[str], classes: Sequence[str], columns: ObjectColumns, where: str
    ) -> None:
        self.rows = {item: row for row, item in enumerate(ids)}
        self.classes, self.where, self.notes = tuple(classes), where, list[str]()
        self._warned, self._strict = False, False
        self.exclusive = _exclusive(columns.scores, self.classes, where)
        self.in_file = np.bincount(columns.owner, minlength=len(ids))
        starts = np.cumsum(self.in_file) - self.in_file
        kept = self._kept(columns)
        by_file = np.argsort(columns.owner, kind="stable")
        place = np.empty(len(by_file), np.int64)
        place[by_file] = np.arange(len(by_file)) - starts[columns.owner[by_file]]
        self._place = place[kept].astype(np.int32)
        self._box = columns.box[kept].astype(np.float32)
        self._score = columns.score[kept].astype(np.float32)
        self.empty = not len(kept)
        self._label, self._scores = columns.name[kept], columns.scores[kept].astype(np.float32)
        if self.exclusive and self._scores.shape[1] == len(self.classes):  # no background
            self._scores = np.pad(self._scores, ((0, 0), (0, 1)))
        self._count = np.bincount(columns.owner[kept], minlength=len(ids))
        self._start = np.cumsum(self._count) - self._count

    def check_pixels(self) -> None:
        """Refuse boxes that are shares of images, whose sizes are not known.

        Raises:
            DataError: says what would give them.
        """
        box = self._box
        if len(box) < BOXES or box.max() > 1 + BESIDE or box.min() < -BESIDE:
            return
        if (box % 1 == 0).all():  # of images of a pixel
            return
        raise DataError(
            f"{self.where}: boxes all reach from 0 to about 1, as shares of images, whose sizes "
            "are not known: give --images, their folder or a list of files that are there (in "
            "Python: pixels)"
        )

    def refuse_bare(self) -> None:
        """From now on, refuse to take a score for the probabilities of classes."""
        self._strict = True

    def batch(self, ids: Sequence[str]) -> "Detections | BareDetections":
        """The detections of some images, padded, largest score first."""
        import torch

        index, valid = self._index(ids)
        inside = torch.from_numpy(valid)
        boxes, scores, labels = (
            torch.from_numpy(_taken(column, index, valid))
            for column in (self._box, self._score, self._label)
        )
        labels = labels.long()
        if not self._scores.shape[1]:
            return BareDetections(boxes, scores, labels, inside, len(self.classes), self._bare)
        probs = torch.from_numpy(_taken(self._scores, index, valid))
        return Detections(boxes, scores, labels, inside, probs, self.exclusive)

    def take_kind(self, other: "StoredDetections") -> None:
        """Have probabilities of the other's kind, so that both can be compared.

        Raises:
            DataError: they are of classes that exclude each other here, and not there, or likewise.
        """
        if self.empty:
            self.exclusive, self._scores = other.exclusive, other._scores[:0]
        elif not other.empty and self.exclusive != other.exclusive:
            kinds = ("a decision of its own for each class", "of classes that exclude each other")
            raise DataError(
                f"{self.where}: scores are {kinds[self.exclusive]}, and those of {other.where} "
                f"{kinds[other.exclusive]}: expected one kind, to be compared"
            )

    def places(self, ids: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """The place of each detection of a batch among the boxes of its image in the file, [B, N].

        Returns:
            Places, and which of them are no padding.
        """
        index, valid = self._index(ids)
        return _taken(self._place, index, valid), valid

    def of(self, item: str) -> list[tuple[int, Box, float]]:
        """Class, box x1 y1 x2 y2 and score of each detection of an image, largest score first."""
        start = self._start[self.rows[item]]
        rows = slice(start, start + self._count[self.rows[item]])
        columns = self._label[rows], self._box[rows], self._score[rows]
        found = zip(*(column.tolist() for column in columns), strict=True)
        return [(label, (x1, y1, x2, y2), score) for label, (x1, y1, x2, y2), score in found]

    def widest(self, ids: Sequence[str]) -> int:
        """How many numbers ``probs`` of one image of a batch may have."""
        most = int(self._count[[self.rows[item] for item in ids]].max(initial=1))
        return most * max(len(self.classes), 1)

    def _index(self, ids: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        rows = np.array([self.rows[item] for item in ids], np.int64)
        count, start = self._count[rows], self._start[rows]
        steps = np.arange(max(int(count.max(initial=0)), 1))
        return start[:, None] + steps, steps < count[:, None]

    def _kept(self, columns: ObjectColumns) -> NDArray[np.int64]:
        """Rows by image and falling score, what is there twice once, without boxes of no area."""
        order = np.lexsort((-columns.score, columns.owner))
        again = repeated(columns.owner, columns.name, columns.score, *columns.box.T)
        if twice := int(again.sum()):
            boxes = "box is" if twice == 1 else "boxes are"
            self.notes.append(
                f"{self.where}: {twice:,} {boxes} there twice, taken once (a detector that appends "
                "to its files makes them)"
            )
        empty = (columns.box[:, 2:] <= columns.box[:, :2]).any(axis=1)
        if nothing := int(empty.sum()):
            noun = "box has" if nothing == 1 else "boxes have"
            self.notes.append(
                f"{self.where}: {nothing:,} {noun} no area (x2 <= x1, or y2 <= y1), left out"
            )
        return order[~(again | empty)[order]]

    def _bare(self) -> None:
        what = (
            f"{self.where} holds one score a box and no probabilities of classes (COCO results may "
            "have them, scores, one for each class)"
        )
        if self._strict:
            raise DataError(
                f"{what}; leave out --strict (in Python: strict) to take the score for them"
            )
        if not self._warned:
            self.notes.append(
                f"{what}; the score is taken for its class and 0 for the others, so that an "
                "entropy is the binary entropy of the score"
            )
        self._warned = True


def _taken(column: Any, index: NDArray[np.int64], valid: NDArray[np.bool_]) -> Any:
    """Rows of a column, zeros where they are padding."""
    if not len(column):
        return np.zeros((*index.shape, *column.shape[1:]), column.dtype)
    taken = column[np.where(valid, index, 0)]
    taken[~valid] = 0
    return taken


def _exclusive(scores: NDArray[np.float64], classes: tuple[str, ...], where: str) -> bool:
    """Whether scores of classes are of one distribution, of which background may be a part."""
    width = scores.shape[1]
    if not width:
        return False
    rounded = (d for d in _DECIMALS if (np.abs(scores - scores.round(d)) < 1e-9).all())
    coarse = _BFLOAT16 if _is_bfloat16(scores) else ONE
    most = min(MOST, max(coarse, width * 0.5 * 10.0 ** -next(rounded, np.inf)))
    exclusive = bool(len(scores) and (np.abs(scores.sum(axis=1) - 1) <= most + 1e-9).all())
    if width not in (len(classes), len(classes) + exclusive):
        raise DataError(
            f"{where}: scores: expected one for each of {plural(len(classes), 'class')}"
            f", and background last if they add up to 1, got {width}"
        )
    return exclusive


def _is_bfloat16(values: NDArray[np.float64]) -> bool:
    """Whether numbers are none but such as bfloat16 has: the first half of a float32."""
    narrow = values.astype(np.float32)
    return bool((narrow == values).all() and not (narrow.view(np.uint32) & 0xFFFF).any())


def columns_of(rows: Sequence[Mapping[str, NDArray[Any]]]) -> ObjectColumns:
    """Columns of what was found on each image in turn: ``boxes scores labels`` and ``probs``."""
    count = np.array([len(row["scores"]) for row in rows], np.int64)
    widths = {row["probs"].shape[1] for row in rows if len(row["scores"])}
    if len(widths) > 1:
        raise DataError("detections: expected probabilities of as many classes for every image")
    width = next(iter(widths), 0)
    return ObjectColumns(
        np.repeat(np.arange(len(rows), dtype=np.int32), count),
        _joined([row["labels"] for row in rows], np.int32),
        _joined([row["boxes"].reshape(-1, 4) for row in rows], np.float64, 4),
        _joined([row["scores"] for row in rows], np.float64),
        _joined(
            [row["probs"].reshape(len(row["scores"]), width) for row in rows], np.float64, width
        ),
    )


def _joined(parts: list[NDArray[Any]], dtype: Any, *shape: int) -> Any:
    return np.concatenate([np.zeros((0, *shape), dtype), *(part.astype(dtype) for part in parts)])
