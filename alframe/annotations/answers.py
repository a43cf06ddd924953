"""Answers of people: read, checked against the dataset, and kept as COCO instances."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alframe.annotations.vocabulary import UNSIZED, Annotations
from alframe.datasets.base import Dataset, ImageSource, Target
from alframe.datasets.boxes import clean_boxes
from alframe.datasets.objects import Annotated
from alframe.datasets.problems import SKIP, BadItemError, Problem, Problems
from alframe.datasets.splits import closest
from alframe.grouping import by_key
from alframe.oracle import Answers

REMEDY = "correct the answers"
SIDE = 1000.0
"""Pixels, of a picture that is not there, by which shares of it are told from nothing."""
SAME = 1.0
"""Pixels by which a tool may move the corner of a box that nobody touched."""


@dataclass(frozen=True)
class Exactly:
    """Pictures by their ids alone, as our own files name them (:class:`.vocabulary.Images`).

    Attributes:
        ids: of the dataset.
        images: for their sizes.
        path: of the file that names them.
    """

    ids: Collection[str]
    images: ImageSource
    path: Path

    def find(self, name: str) -> str:
        """The id, if it is one of the dataset."""
        if name not in self.ids:
            raise BadItemError(
                Problem("the image is not of the dataset", f"{self.path}: {name}", REMEDY)
            )
        return name

    def doubts(self, items: Collection[str]) -> tuple[()]:
        """None: a name is exactly what it is."""
        del items
        return ()

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.images.size(item)


class CheckedAnswers:
    """Answers with their boxes cleaned: what is wrong with them, and what they mean.

    Args:
        found: what was read.
        dataset: whose classes and images the answers are about.
        path: of the file, for messages.
        allow: the command by which the run takes classes that it does not have, for messages.

    Attributes:
        found: see there.
        new_classes: those of ``found.new`` that an object has and the dataset has not, sorted.
    """

    def __init__(
        self, found: Annotations, dataset: Dataset, path: Path, allow: str | None = None
    ) -> None:
        self.found, self._known, self._path, self._allow = found, dataset.classes, path, allow
        used = {thing.name for thing in found.objects}
        self.new_classes = tuple(sorted(used & found.new - set(dataset.classes)))
        self._classes = (*dataset.classes, *self.new_classes)
        sizes = {owner: dataset.images.size(owner) for owner in {o.owner for o in found.objects}}
        frames = np.array([sizes[thing.owner] for thing in found.objects], float).reshape(-1, 2)
        boxes = np.array([thing.box for thing in found.objects], float).reshape(-1, 4)
        unsized = (frames == UNSIZED).all(axis=1)
        frames[unsized] = np.inf
        boxes[unsized & (boxes.max(axis=1, initial=0) <= 1)] *= SIDE  # they are shares
        self._clean = clean_boxes(boxes, frames[:, 0], frames[:, 1])

    def problems(self) -> Iterator[tuple[str, Problem]]:
        """What makes them unusable: ids of images, and what is wrong."""
        classes = frozenset(self._classes)
        allow = f", or, for a class that the run is to learn too: {self._allow}"
        remedy = f"use one of {', '.join(self._known)}{allow if self._allow else ''}"
        if self.found.numbered:
            remedy = "give the names of the numbers in a data.yaml or classes.txt beside the labels"
        clean = self._clean
        rows = zip(self.found.objects, clean.keep.tolist(), clean.swapped.tolist(), strict=True)
        first: dict[str, str] = {}  # image of each name, in a file or folder of many
        for thing, kept, swapped in rows:
            if thing.name not in classes:
                item = first.setdefault(thing.name, thing.owner)
                meant = closest(thing.name, self._known)
                at = f"{self._path}: {thing.name!r}{meant} in {item}"
                yield thing.owner, Problem("the class is unknown", at, remedy)
            if not kept:
                cause = "the box is less than a pixel wide or high, or lies outside of its image"
                cause = "the corners of the box are swapped" if swapped else cause
                corners = ", ".join(f"{number:g}" for number in thing.box)
                at = f"{self._path}: {thing.owner}, {thing.name} at {corners}"
                yield thing.owner, Problem(cause, at, f"{REMEDY}{SKIP}")

    def tell(self, problems: Problems) -> set[str]:
        """Add what makes them unusable; the ids of the images that it is wrong with."""
        found = list(self.problems())
        problems.add_all(found)
        return {item for item, _ in found}

    def answers(self) -> Answers:
        """What they say, once there are no problems."""
        found, label_of = self.found, {name: label for label, name in enumerate(self._classes)}
        rows: dict[str, list[int]] = {item: [] for item in found.images}
        for row, thing in enumerate(found.objects):
            rows[thing.owner].append(row)
        labels = np.array([label_of[thing.name] for thing in found.objects], int)
        difficult = np.array([thing.difficult for thing in found.objects], bool)
        crowd = np.array([thing.crowd for thing in found.objects], bool)
        targets = {
            item: Target.of(self._clean.boxes[own], labels[own], difficult[own], crowd[own])
            for item, own in rows.items()
            if item not in found.ignored
        }
        return Answers(targets, frozenset(found.ignored), dict(found.seconds), self.new_classes)

    def clipped(self) -> tuple[str, ...]:
        """A sentence that counts the boxes that reached over the edge of their image."""
        none = np.zeros_like(self._clean.clipped)  # of the others that is a problem
        cleaning = replace(self._clean, degenerate=none, swapped=none, outside=none)
        return cleaning.notes([thing.owner for thing in self.found.objects])


def of_images(found: Annotations, ids: Collection[str]) -> Annotations:
    """The part of annotations that is about some images."""
    return replace(
        found,
        images=[item for item in found.images if item in ids],
        objects=[thing for thing in found.objects if thing.owner in ids],
        ignored={item for item in found.ignored if item in ids},
        seconds={item: took for item, took in found.seconds.items() if item in ids},
    )


def merged(before: Annotations, after: Annotations) -> Annotations:
    """Both, and where both have an image, what was said of it last."""
    kept = of_images(before, set(before.images) - set(after.images))
    return Annotations(
        classes=tuple(dict.fromkeys((*before.classes, *after.classes))),
        images=[*kept.images, *after.images],
        objects=[*kept.objects, *after.objects],
        ignored=kept.ignored | after.ignored,
        seconds=kept.seconds | after.seconds,
    )


def changed(before: Annotations, after: Annotations, within: float = SAME) -> set[str]:
    """Images that both have and of which they say something else, corners apart by more pixels."""
    old, new = by_image(before), by_image(after)
    common = set(before.images) & set(after.images)
    return {
        item
        for item in common
        if (item in before.ignored) != (item in after.ignored)
        or not _alike(old.get(item, []), new.get(item, []), within)
    }


def by_image(found: Annotations) -> Mapping[str, list[Annotated]]:
    """The objects of each image that has some."""
    return by_key((thing.owner, thing) for thing in found.objects)


def _says(thing: Annotated) -> tuple[str, bool, bool]:
    """What is said of an object beside where it lies."""
    return thing.name, thing.crowd, thing.difficult


def _alike(one: list[Annotated], other: list[Annotated], within: float) -> bool:
    """Whether two lists of objects are the same but for the order and some pixels."""
    left = list(other)
    for thing in one:
        twin = next((t for t in left if _says(t) == _says(thing) and _near(t, thing, within)), None)
        if twin is None:
            return False
        left.remove(twin)
    return not left


def _near(one: Annotated, other: Annotated, within: float) -> bool:
    return all(abs(a - b) <= within for a, b in zip(one.box, other.box, strict=True))
