"""From the objects that a reader found to a :class:`~alframe.datasets.base.Dataset`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import Dataset, Target
from alframe.datasets.files import ImageFiles
from alframe.datasets.folders import beside_splits
from alframe.datasets.listing import Listing
from alframe.datasets.name_matching import Meant
from alframe.datasets.objects import Annotated, Objects, Writing
from alframe.datasets.pictures import header_size
from alframe.datasets.problems import SKIP, Problem, Problems
from alframe.datasets.splits import (
    alike,
    check_files,
    check_splits,
    choose_classes,
    not_names,
    overlap,
    unmeasured,
)
from alframe.datasets.suspicions import check_objects, nothing_left
from alframe.datasets.unannotated import Unannotated, settled
from alframe.words import named, plural, tallied


@dataclass(eq=False)
class Found:
    """Findings of a reader, before anything is cleaned or left out; it fills them in.

    Attributes:
        home: the folder of the dataset.
        problems: what went wrong while reading.
        writing: how boxes were written; None where they came as they were meant.
        folders: where its pictures may lie besides ``home``.
        around: folders of which pictures in neither split are told; by default ``folders``.
        files: the picture of every id.
        sizes: (height, width) in pixels of the image of every object, by id.
        objects: of the pool and the test split.
        pool: ids of the items that may be labelled.
        test: ids of the evaluation split.
        known: names that the annotations declare, in their order; empty where they declare none.
        notes: what the reader has to say.
        bare: where the annotation of an image should be that has none, by id.
        tested: whether there is a test split, or its images are still to be annotated.
        listing: what lies in folders.
        meant: finds the files that annotations mean.
    """

    home: Path
    problems: Problems
    writing: Writing | None = None
    folders: list[Path] = field(default_factory=list)
    around: list[Path] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    objects: list[Annotated] = field(default_factory=list)
    pool: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bare: dict[str, str] = field(default_factory=dict)
    tested: bool = True
    listing: Listing = field(default_factory=Listing)

    def __post_init__(self) -> None:
        self.meant = Meant(self.home, self.listing)

    def size(self, item: str, given: tuple[int, int] | None = None) -> tuple[int, int]:
        """(height, width) of an image, of which a box is cleaned: as annotated, else of its file.

        Raises:
            BadItemError: the file is missing, or is no picture.
        """
        if item not in self.sizes:
            self.sizes[item] = given or header_size(self.files[item])
        return self.sizes[item]

    def check_tested(self, remedy: str) -> None:
        """Images of the test split without annotation are problems."""
        cause, remedy = "the annotation is missing", f"{remedy}{SKIP}"
        for item in self.test:
            if item in self.bare:
                self.problems.add(item, Problem(cause, self.bare[item], remedy))


def assemble(
    name: str,
    found: Found,
    classes: Sequence[str] | None,
    *,
    skip_empty: bool = False,
    unannotated: Unannotated | None = "unlabelled",
    leaves_out: str = "",
) -> Dataset:
    """Settle problems, clean boxes, choose classes and build the targets.

    Args:
        name: of the dataset.
        found: what was read.
        classes: the classes wanted, or None for those found in the pool.
        skip_empty: leave images without an annotation of these classes out of the pool.
        unannotated: what images are that have no annotation, see
            :func:`~alframe.datasets.unannotated.settled`.
        leaves_out: see :class:`~alframe.datasets.base.Dataset`.

    Raises:
        DataError: see :class:`Problems`, :func:`choose_classes`, :func:`check_splits`,
            :func:`check_files` and :func:`check_objects`.
    """
    others = (*overlap(found.pool, found.test), *not_names(classes))
    notes = [*found.notes, *found.meant.notes(), *found.problems.settle(others)]
    places, taken = found.around or found.folders, found.files.values()
    notes += beside_splits(found.home, places, taken, found.listing)
    pool, test, bare, more = _splits(found, unannotated, skip_empty=skip_empty)
    notes += more
    members = frozenset((*pool, *test))
    rows = [thing for thing in found.objects if thing.owner in members]
    objects = Objects(rows, found.sizes, frozenset(test))
    doubts = [objects.doubt(found.writing, test=which) for which in (False, True)]
    why = nothing_left(_lost(objects, test=False), doubts[0])
    in_pool, in_test = (objects.usable(test=which) for which in (False, True))
    chosen = choose_classes(in_pool, in_test, classes, found.known, why, growing=bool(bare))
    label_of = {label: index for index, label in enumerate(chosen)}
    labels = np.array([label_of.get(thing.name, -1) for thing in rows], dtype=np.int64)
    if unseen := [name for name in chosen if name not in in_pool and name not in in_test]:
        notes += [f"no object is annotated yet of {named(unseen)}"] if bare and rows else []
    notes += [*_unmeasured(chosen, in_pool, objects), *alike(chosen)]
    notes += [*objects.cleaning.notes(objects.owners), *_left_out(objects, labels)]
    notes += [f"in the {s} {d}" for s, d in zip(("pool", "test split"), doubts, strict=True) if d]
    if skip_empty:
        pool, note = _without_empty(pool, bare, rows, labels)
        notes += note
        check_splits(pool, test, tested=found.tested)
    dataset = Dataset(
        name=name,
        classes=chosen,
        images=ImageFiles(found.files, [found.home, *found.folders], found.sizes),
        targets=_targets([i for i in (*pool, *test) if i not in bare], objects, labels),
        pool=tuple(pool),
        test=tuple(test),
        notes=tuple(notes),
        on_bad_item=found.problems.on_bad_item,
        leaves_out=leaves_out,
    )
    for which, doubt in zip((False, True), doubts, strict=True):
        lost = _lost(objects, test=which, foreign=labels < 0)
        check_objects(dataset, test=which, lost=lost, why=doubt)
    return dataset


def _splits(
    found: Found, unannotated: Unannotated | None, *, skip_empty: bool
) -> tuple[list[str], list[str], frozenset[str], list[str]]:
    """Pool, test split, unannotated ids and notes: no id with a problem, none in both splits."""
    bad = found.problems.items
    pool, test = (sorted(set(ids) - bad) for ids in (found.pool, found.test))
    check_splits(pool, test, tested=found.tested)
    needless = ("pool",) if skip_empty else ()
    splits = {"pool": pool, "test split": test}
    bare, out, notes = settled(splits, found.bare, unannotated, needless=needless)
    test = [item for item in test if item not in out]
    files = {item: found.files[item] for item in (*pool, *test) if item in found.files}
    return pool, test, bare, [*check_files(files, frozenset(test), found.listing), *notes]


def _lost(
    objects: Objects, *, test: bool, foreign: NDArray[np.bool_] | None = None
) -> dict[str, int]:
    """How many objects of a split are left out, by a word for the reason."""
    which = objects.of(test=test)
    kept = objects.cleaning.keep & which
    lost = {"degenerate or outside of the image": int(which.sum() - kept.sum())}
    return lost if foreign is None else {**lost, "of other classes": int((kept & foreign).sum())}


def _unmeasured(classes: Sequence[str], pool: Mapping[str, int], objects: Objects) -> list[str]:
    shown = np.flatnonzero(objects.of(test=True) & objects.cleaning.keep).tolist()
    things = map(objects.rows.__getitem__, shown)
    return unmeasured(classes, pool, {t.name for t in things if not (t.difficult or t.crowd)})


def _left_out(objects: Objects, labels: NDArray[np.int64]) -> list[str]:
    others = objects.names(labels < 0)
    if not others:
        return []
    return [f"left out {plural(others.total(), 'object')} of other classes: {tallied(others)}"]


def _without_empty(
    pool: list[str], bare: Collection[str], objects: Sequence[Annotated], labels: NDArray[np.int64]
) -> tuple[list[str], list[str]]:
    # Before cleaning, as COCO's own counts are: 117,266 of train2017 have an annotation.
    annotated = {objects[row].owner for row in np.flatnonzero(labels >= 0).tolist()}
    annotated.update(bare)
    empty = [item for item in pool if item not in annotated]
    if not empty:
        return pool, []
    note = f"left {plural(len(empty), 'image')} without any object out of the pool: {named(empty)}"
    return [item for item in pool if item in annotated], [note]


def _targets(ids: Sequence[str], objects: Objects, labels: NDArray[np.int64]) -> dict[str, Target]:
    index = {item: position for position, item in enumerate(ids)}
    position = np.array([index.get(owner, -1) for owner in objects.owners], dtype=np.int64)
    usable = np.flatnonzero(objects.cleaning.keep & (labels >= 0) & (position >= 0))
    rows = usable[np.argsort(position[usable], kind="stable")]
    all_of_them = Target.of(
        objects.cleaning.boxes[rows],
        labels[rows],
        difficult=[objects.rows[row].difficult for row in rows],
        crowd=[objects.rows[row].crowd for row in rows],
    )
    given = objects.area[rows].astype(np.float32)
    area = np.where(np.isnan(given), all_of_them.area, given)
    ends = np.searchsorted(position[rows], np.arange(len(ids)), side="right").tolist()
    return {
        item: _rows_of(all_of_them, area, slice(start, end))
        for item, (start, end) in zip(ids, pairwise([0, *ends]), strict=True)
    }


def _rows_of(target: Target, area: NDArray[np.float32], rows: slice) -> Target:
    return Target(
        target.require_boxes()[rows],
        target.labels[rows],
        target.difficult[rows],
        target.crowd[rows],
        area[rows],
    )
