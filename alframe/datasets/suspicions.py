"""What looks wrong with a dataset that can be read: notes for its user, and one error.

:func:`looked_through` is the one pass over a whole dataset, whoever made it. What only a reader
can see, the numbers as they were written, is in :mod:`alframe.datasets.boxes`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import Dataset, Target
from alframe.datasets.conforming import misshapen
from alframe.datasets.objects import repeated
from alframe.datasets.resize import Resize
from alframe.errors import DataError
from alframe.words import named, plural, tallied

ENLARGED = 4
"""Times that the shorter side may become longer before it is told."""


def looked_through(dataset: Dataset) -> Dataset:
    """The dataset with a note for each thing that looks wrong.

    Args:
        dataset: as :func:`~alframe.datasets.conforming.conforming` has it.

    Raises:
        DataError: see :func:`check_objects` and :func:`wrong_targets`.
    """
    table = _Table({item: dataset.targets[item] for item in dataset.annotated}, len(dataset.test))
    if wrong := table.wrong(len(dataset.classes)):
        raise DataError(f"the dataset {dataset.name} has {what}" for what in wrong)
    check_objects(dataset, test=False)
    check_objects(dataset, test=True)
    notes = [*_twice(table), *_unlearnable(dataset, table)]
    return replace(dataset, notes=(*dataset.notes, *notes))


def wrong_targets(targets: Mapping[str, Target], classes: int) -> list[str]:
    """What is wrong with annotations, with the images: labels that are none, boxes that are none.

    Args:
        targets: by id.
        classes: how many there are.
    """
    return misshapen(targets) or _Table(targets).wrong(classes)


def check_objects(
    dataset: Dataset,
    *,
    test: bool,
    lost: Mapping[str, int] | None = None,
    why: str | None = None,
) -> None:
    """A split has an object that training or evaluation counts, or is still to be annotated.

    Args:
        dataset: to be checked.
        test: whether the evaluation split is meant, or the pool.
        lost: how many objects of the split were left out before, by a word for the reason.
        why: a sentence on these.

    Raises:
        DataError: all are difficult or crowds, or there are none: nothing could be learnt, or no
            metric have a value.
    """
    if not dataset.test if test else dataset.unannotated:
        return
    targets = [dataset.targets[item] for item in (dataset.test if test else dataset.pool)]
    if any(target.trainable().any() for target in targets):
        return
    crowds = sum(int(target.crowd.sum()) for target in targets)
    others = sum(len(target.labels) for target in targets) - crowds
    tally = {"difficult": others, "crowds": crowds, **(lost or {})}
    split, use = ("test split", "measure by") if test else ("pool", "learn from")
    raise DataError(
        f"the {split} has no object to {use} in {plural(len(targets), 'image')}"
        f"{nothing_left(tally, why)}; annotate objects in it, or choose another {split}"
    )


def nothing_left(lost: Mapping[str, int], why: str | None) -> str:
    """The end of a sentence: of how many objects nothing is left, for which reasons."""
    reasons = {reason: count for reason, count in lost.items() if count}
    if not reasons:
        return ": none is annotated"
    shown = tallied(reasons)
    return f": of {plural(sum(reasons.values()), 'object')} none is usable: {shown}" + (
        f"; {why}" if why else ""
    )


class _Table:
    """Columns of targets: a row an object, images in their order, the last ones of the test split.

    ``owner`` are rows of ``ids``; ``boxes`` of images classified as a whole are nan, as ``boxed``
    tells; ``counted`` are neither difficult nor crowd.
    """

    def __init__(self, targets: Mapping[str, Target], tests: int = 0) -> None:
        self.ids, each = list(targets), list(targets.values())
        self.owner = np.repeat(np.arange(len(each)), [len(t.labels) for t in each])
        self.labels = np.concatenate([np.zeros(0, np.int64), *(t.labels for t in each)])
        self.counted = np.concatenate([np.zeros(0, np.bool_), *(t.trainable() for t in each)])
        self.in_test = self.owner >= len(self.ids) - tests
        self.boxed = np.array([t.boxes is not None for t in each], np.bool_)[self.owner]
        none = np.full((len(self.owner), 4), np.nan, np.float32)
        boxes = [none[: len(t.labels)] if t.boxes is None else t.boxes for t in each]
        self.boxes = np.concatenate([none[:0], *boxes])
        self.areas = np.concatenate([none[:0, 0], *(t.area for t in each)])

    def wrong(self, classes: int) -> list[str]:
        """What is none: see :func:`wrong_targets`."""
        known = (self.labels >= 0) & (self.labels < classes)
        whole = np.isfinite(self.boxes).all(axis=1)
        whole &= (self.boxes[:, 2:] > self.boxes[:, :2]).all(axis=1)
        sized = np.isfinite(self.areas) & (self.areas >= 0)
        found = {
            f"labels that are none of 0 to {classes - 1}": self.tally(~known),
            "boxes that are not x1 < x2, y1 < y2 in pixels": self.tally(self.boxed & ~whole),
            "areas that are no numbers of at least 0": self.tally(~sized),
            "boxes in shares of the image: expected pixels": self.tally(
                self.boxed & self._shares()
            ),
        }
        return [f"{what}, in {named(list(images))}" for what, images in found.items() if images]

    def _shares(self) -> NDArray[np.bool_]:
        """All boxes, where each is smaller than a pixel, and not for rounding; else none."""
        boxes = self.boxes[self.boxed]
        shares = bool(((boxes >= 0) & (boxes <= 1)).all() and (boxes % 1).any())
        return np.full(len(self.boxed), shares)

    def tally(self, which: NDArray[np.bool_]) -> dict[str, int]:
        """How many of some objects each image has, those that have any."""
        counts = np.bincount(self.owner[which], minlength=len(self.ids))
        return {self.ids[n]: int(counts[n]) for n in np.flatnonzero(counts).tolist()}


def _twice(table: _Table) -> Iterator[str]:
    """Objects that are annotated more than once: same image, class and box."""
    again = repeated(table.owner, table.labels, *table.boxes.T)
    again &= ~np.isnan(table.boxes).any(axis=1)
    if again.any():
        yield (
            f"{plural(int(again.sum()), 'object')} annotated again with the same class and box: "
            f"{tallied(table.tally(again))}; delete the copies, which count twice in training and "
            "can never be found twice"
        )


def _unlearnable(dataset: Dataset, table: _Table) -> Iterator[str]:
    """Classes of the test split that no object of the pool can teach."""
    taught, asked = (
        set(np.unique(table.labels[table.counted & (table.in_test == test)]).tolist())
        for test in (False, True)
    )
    names = [dataset.classes[label] for label in sorted(asked - taught)]
    if names and not dataset.unannotated:
        verb = "has" if len(names) == 1 else "have"
        yield (
            f"{plural(len(names), 'class')} of the test split {verb} no object in the pool that is "
            f"trained on (difficult ones and crowds are not): {named(names)}"
        )


def leaving(dataset: Dataset) -> Iterator[str]:
    """Objects whose box leaves its image by more than a pixel: our readers cut it at the edge."""
    targets = {item: dataset.targets[item] for item in dataset.annotated}
    table = _Table({item: t for item, t in targets.items() if t.boxes is not None})
    sizes = np.array([dataset.images.size(item) for item in table.ids]).reshape(-1, 2)
    beyond = table.boxes[:, 2:] > sizes[table.owner, ::-1] + 1
    outside = np.any(beyond | (table.boxes[:, :2] < -1), axis=1)
    if outside.any():
        yield (
            f"{plural(int(outside.sum()), 'object')} with a box that leaves its image: "
            f"{tallied(table.tally(outside))}; cut boxes at the edges, or correct them"
        )


def enlarged(dataset: Dataset, resize: Resize) -> Iterator[str]:
    """Images most of which are made many times larger than they are, which takes time for nothing.

    Args:
        dataset: whose images have sizes.
        resize: what is done to them.
    """
    if resize.mode != "fit":  # stretched are those of models that take one size alone
        return
    sizes = Counter(dataset.images.size(item) for item in (*dataset.pool, *dataset.test))
    large = {s: n for s, n in sizes.items() if min(resize.shape(*s)) >= ENLARGED * min(s)}
    if 2 * sum(large.values()) <= sizes.total():
        return
    height, width = max(large, key=large.__getitem__)
    to_height, to_width = resize.shape(height, width)
    yield (
        f"images are enlarged, of {width} x {height} pixels to {to_width} x {to_height}: lower "
        "data.long and data.short, or leave them as they are with data.resize=none"
    )


def crowded(dataset: Dataset, most: int) -> Iterator[str]:
    """Images of the test split with more objects than a detector finds.

    Args:
        dataset: to be looked at.
        most: how many it finds in an image at most.
    """
    counts = {item: int(dataset.targets[item].trainable().sum()) for item in dataset.test}
    over = {item: count for item, count in counts.items() if count > most}
    if over:
        yield (
            f"{plural(len(over), 'image')} of the test split with more objects than "
            f"model.max_detections={most}, so that some can never be found: {tallied(over)}; "
            f"set model.max_detections={max(over.values())} or more"
        )
