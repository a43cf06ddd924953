"""From the objects that a reader found to a :class:`~alframe.datasets.base.Dataset`."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import Dataset, ImageSource, Target
from alframe.datasets.boxes import Cleaning, clean_boxes
from alframe.datasets.problems import Problems, named, plural, tallied
from alframe.datasets.splits import alike, check_splits, choose_classes

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
    """

    owner: str
    name: str
    box: Box
    difficult: bool = False
    crowd: bool = False
    area: float = float("nan")


@dataclass(frozen=True, eq=False)
class Found:
    """What a reader found on disk, before anything is cleaned or left out.

    Attributes:
        images: pixels of every id.
        sizes: (height, width) in pixels of the image of every object, by id.
        objects: of the pool and the test split.
        pool: ids of the items that may be labelled.
        test: ids of the evaluation split.
        problems: what went wrong while reading.
        known: names that the annotations declare, in their order; empty where they declare none.
        notes: what the reader has to say.
        settings: what the dataset calls pool and test split, for messages.
    """

    images: ImageSource
    sizes: Mapping[str, tuple[int, int]]
    objects: Sequence[Annotated]
    pool: Collection[str]
    test: Collection[str]
    problems: Problems
    known: Sequence[str] = ()
    notes: Sequence[str] = ()
    settings: tuple[str, str] = ("dataset.pool", "dataset.test")


def assemble(
    name: str, found: Found, classes: Sequence[str] | None, *, skip_empty: bool = False
) -> Dataset:
    """Settle problems, clean boxes, choose classes and build the targets.

    Args:
        name: of the dataset.
        found: what was read.
        classes: the classes wanted, or None for those found in the pool.
        skip_empty: leave images without an annotation of these classes out of the pool.

    Raises:
        DataError: see :class:`Problems`, :func:`choose_classes` and :func:`check_splits`.
    """
    notes = [*found.notes, *found.problems.settle()]
    bad = found.problems.items
    pool, test = (sorted(set(ids) - bad) for ids in (found.pool, found.test))
    check_splits(pool, test, found.settings)
    objects = [thing for thing in found.objects if thing.owner not in bad]
    cleaning = _clean(objects, found.sizes)
    chosen = choose_classes(*_count(objects, cleaning, pool), classes, found.known)
    label_of = {label: index for index, label in enumerate(chosen)}
    labels = np.array([label_of.get(thing.name, -1) for thing in objects], dtype=np.int64)
    notes += alike(chosen)
    notes += [*cleaning.notes([thing.owner for thing in objects]), *_left_out(objects, labels)]
    if skip_empty:
        pool, note = _without_empty(pool, objects, labels)
        notes += note
        check_splits(pool, test)
    return Dataset(
        name=name,
        classes=chosen,
        images=found.images,
        targets=_targets((*pool, *test), objects, cleaning, labels),
        pool=tuple(pool),
        test=tuple(test),
        notes=tuple(notes),
        on_bad_item=found.problems.on_bad_item,
    )


def _clean(objects: Sequence[Annotated], sizes: Mapping[str, tuple[int, int]]) -> Cleaning:
    frames = np.array([sizes[thing.owner] for thing in objects], dtype=np.float64).reshape(-1, 2)
    return clean_boxes([thing.box for thing in objects], frames[:, 0], frames[:, 1])


def _count(
    objects: Sequence[Annotated], cleaning: Cleaning, pool: Sequence[str]
) -> tuple[Counter[str], Counter[str]]:
    """Usable objects of each class in the pool and in the test split."""
    in_pool, in_test = Counter[str](), Counter[str]()
    members = frozenset(pool)
    for row in np.flatnonzero(cleaning.keep).tolist():
        counts = in_pool if objects[row].owner in members else in_test
        counts[objects[row].name] += 1
    return in_pool, in_test


def _left_out(objects: Sequence[Annotated], labels: NDArray[np.int64]) -> list[str]:
    others = Counter(sorted(objects[row].name for row in np.flatnonzero(labels < 0).tolist()))
    if not others:
        return []
    return [f"left out {plural(others.total(), 'object')} of other classes: {tallied(others)}"]


def _without_empty(
    pool: list[str], objects: Sequence[Annotated], labels: NDArray[np.int64]
) -> tuple[list[str], list[str]]:
    # Before cleaning, as COCO's own counts are: 117,266 of train2017 have an annotation.
    annotated = {objects[row].owner for row in np.flatnonzero(labels >= 0).tolist()}
    empty = [item for item in pool if item not in annotated]
    if not empty:
        return pool, []
    note = f"left {plural(len(empty), 'image')} without any object out of the pool: {named(empty)}"
    return [item for item in pool if item in annotated], [note]


def _targets(
    ids: Sequence[str],
    objects: Sequence[Annotated],
    cleaning: Cleaning,
    labels: NDArray[np.int64],
) -> dict[str, Target]:
    index = {item: position for position, item in enumerate(ids)}
    position = np.array([index.get(thing.owner, -1) for thing in objects], dtype=np.int64)
    usable = np.flatnonzero(cleaning.keep & (labels >= 0) & (position >= 0))
    rows = usable[np.argsort(position[usable], kind="stable")]
    all_of_them = Target.of(
        cleaning.boxes[rows],
        labels[rows],
        difficult=[objects[row].difficult for row in rows],
        crowd=[objects[row].crowd for row in rows],
    )
    given = np.array([objects[row].area for row in rows], dtype=np.float32)
    area = np.where(np.isnan(given), all_of_them.area, given)
    ends = np.searchsorted(position[rows], np.arange(len(ids)), side="right").tolist()
    starts = [0, *ends[:-1]]
    return {
        item: _rows_of(all_of_them, area, slice(start, end))
        for item, start, end in zip(ids, starts, ends, strict=True)
    }


def _rows_of(target: Target, area: NDArray[np.float32], rows: slice) -> Target:
    return Target(
        target.boxes[rows],
        target.labels[rows],
        target.difficult[rows],
        target.crowd[rows],
        area[rows],
    )
