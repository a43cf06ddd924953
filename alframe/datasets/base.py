"""What a dataset is: pixels on one side, annotations on the other, joined by stable ids.

The two sides never hold a reference to each other. A learner or strategy that is handed an
:class:`ImageSet` of unlabelled items therefore has no path to their targets: there is none.
"""

import copyreg
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

OnBadItem = Literal["error", "skip"]

IGNORED = 255
"""In masks: a pixel of no class, which is neither trained on nor evaluated."""


class ImageSource(Protocol):
    """Pixels by id. Knows nothing of annotations."""

    def read(self, item: str) -> NDArray[np.uint8]:
        """Decode one image to RGB, uint8 [H, W, 3].

        Raises:
            DataError: the file is missing, truncated or not an image; the message names it.
        """
        ...

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) of the original image in pixels, the frame of its target's boxes."""
        ...

    def stamp(self, item: str) -> str:
        """A string that changes when the image does (for files: length and time of change)."""
        ...


@dataclass(frozen=True, eq=False)
class Target:
    """The annotation of one image. It cannot be changed: its arrays are read-only copies.

    Labels are of every task, geometry is where the task has one: an image classified as a whole
    has a label and no boxes.

    Attributes:
        boxes: float32 [N, 4], x1 y1 x2 y2 in pixels of the original image, 0-based; or None.
        labels: int64 [N], indices into ``Dataset.classes``.
        difficult: bool [N]. Background in training and ignored in evaluation (Pascal VOC).
        crowd: bool [N]. Left out of training and ignored in evaluation (COCO ``iscrowd``).
        area: float32 [N], square pixels; of the segmentation where there is one, else the box; 0
            without geometry.
        mask: reads the class of each pixel of the original image, uint8 [H, W] with
            :data:`IGNORED`; or None. It is read when it is needed and not kept: all together
            would not fit memory; each time a new array. The objects are its regions.
    """

    boxes: NDArray[np.float32] | None
    labels: NDArray[np.int64]
    difficult: NDArray[np.bool_]
    crowd: NDArray[np.bool_]
    area: NDArray[np.float32]
    mask: Callable[[], NDArray[np.uint8]] | None = None

    def __post_init__(self) -> None:
        parts = self.__dict__  # written to directly: there are as many targets as images
        for name, array in parts.items():
            if array is None or name == "mask":
                continue
            # A copy, as the base of a slice would lead to the annotations of other images; a view
            # of it, as who owns memory may make it writable again.
            owner = array.copy() if isinstance(array, np.ndarray) else np.array(array)
            # Not writable; as a keyword, write=False, it would take three times as long.
            owner.setflags(False)  # type: ignore[call-arg]
            parts[name] = owner[...]

    def __reduce__(self) -> tuple[type["Target"], tuple[Any, ...]]:
        """Unpickled and copied through the constructor, so that arrays are read-only there too."""
        return type(self), tuple(self.__dict__.values())

    @staticmethod
    def of(
        boxes: object,
        labels: object,
        difficult: object = None,
        crowd: object = None,
        area: object = None,
        mask: Callable[[], NDArray[np.uint8]] | None = None,
    ) -> "Target":
        """Build a target from array-likes; flags default to false, areas to those of the boxes.

        Without geometry ``boxes`` are None; an image without objects has zero rows of them.

        Raises:
            ValueError: labels are fractions, or boxes are not rows of four.
        """
        b = None if boxes is None else np.asarray(boxes, dtype=np.float32)
        if b is not None:
            if not are_rows_of_four(b):
                raise ValueError(f"boxes are of the shape {list(b.shape)}: expected [N, 4]")
            b = b.reshape(-1, 4)
        given = np.asarray(labels).reshape(-1)
        if given.dtype.kind == "f" and (given % 1 != 0).any():  # also of what is not finite
            raise ValueError(f"labels are whole numbers, got {given.tolist()!r:.60}")
        y = given.astype(np.int64)
        flags = [
            np.zeros(len(y), dtype=np.bool_) if f is None else np.asarray(f, dtype=np.bool_)
            for f in (difficult, crowd)
        ]
        own = np.zeros(len(y)) if b is None else (b[:, 2:] - b[:, :2]).prod(axis=1)
        a = np.asarray(own if area is None else area, dtype=np.float32)
        return Target(b, y, flags[0], flags[1], a, mask)

    def require_boxes(self) -> NDArray[np.float32]:
        """The boxes, for code that is about boxes.

        Raises:
            ValueError: there is no geometry.
        """
        if self.boxes is None:
            raise ValueError("the annotation has no boxes: expected that of a detection dataset")
        return self.boxes

    def trainable(self) -> NDArray[np.bool_]:
        """The objects that a detector is trained on, bool [N]: neither difficult nor crowd."""
        return ~(self.difficult | self.crowd)


def are_rows_of_four(boxes: NDArray[Any]) -> bool:
    """Whether boxes are [N, 4]; a single one may be [4], and none of any shape."""
    return not boxes.size or boxes.shape == (4,) or (boxes.ndim == 2 and boxes.shape[1] == 4)


@dataclass(frozen=True)
class ImageSet:
    """Items whose pixels may be read: the unlabelled view. It cannot return a target."""

    images: ImageSource
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class LabelledSet(ImageSet):
    """Items whose targets are known: to a learner once annotated, to evaluation always."""

    targets: Mapping[str, Target]

    def __post_init__(self) -> None:
        # Keep only the targets of these ids: what a learner holds is what it may see.
        kept = {i: self.targets[i] for i in self.ids}
        object.__setattr__(self, "targets", unchangeable(kept))

    def objects(self) -> int:
        """How many objects are annotated in these items."""
        return sum(len(t.labels) for t in self.targets.values())


@dataclass(frozen=True)
class Dataset:
    """A pool to choose from and a test split to evaluate on.

    Attributes:
        name: as registered, for reports.
        classes: names; ``Target.labels`` index them.
        images: pixels of every id in ``pool`` and ``test``.
        targets: annotations, as far as they are known: of every id in ``test``, and of those in
            ``pool`` that are not ``unannotated``; only the oracle and evaluation are handed this.
        pool: ids of the items that may be labelled, sorted: names that files may have, with ``/``
            for folders, as pictures and annotations are written under them.
        test: ids of the evaluation split, sorted.
        notes: what loading dropped, clipped or skipped, one sentence each.
        on_bad_item: what to do with an image that cannot be decoded.
        task: what a target is: ``detection``, ``classification``, ...
        leaves_out: the setting by which unannotated items of the pool are left out where nobody
            is asked to annotate them; without one they are an error, see
            :func:`alframe.datasets.unannotated.check_annotated`.
        grown: the last of the classes, which the reader did not give: they came with answers.
    """

    name: str
    classes: tuple[str, ...]
    images: ImageSource
    targets: Mapping[str, Target]
    pool: tuple[str, ...]
    test: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())
    on_bad_item: OnBadItem = "error"
    task: str = "detection"
    leaves_out: str = ""
    grown: tuple[str, ...] = ()

    @cached_property
    def unannotated(self) -> tuple[str, ...]:
        """Ids of the pool of which no annotation is known, sorted; an empty image is not one."""
        return tuple(item for item in self.pool if item not in self.targets)

    @property
    def annotated(self) -> tuple[str, ...]:
        """Ids of both splits that have a target, those of the pool first."""
        return tuple(item for item in (*self.pool, *self.test) if item in self.targets)

    @property
    def known(self) -> dict[str, Target]:
        """Annotations of the pool, as far as there are."""
        return {item: self.targets[item] for item in self.pool if item in self.targets}

    @property
    def image_set(self) -> ImageSet:
        """The images of both splits, those of the pool first."""
        return ImageSet(self.images, (*self.pool, *self.test))

    def file(self, item: str) -> Path | None:
        """Where the picture of an item lies; None where it is no file."""
        return file_of(self.images, item)

    def fingerprint(self) -> str:
        """SHA-256 over classes, splits and annotations; runs with the same can be compared.

        It is over what the reader gave, and stays while people annotate.
        """
        classes = self.classes[: len(self.classes) - len(self.grown)]
        parts = (classes, self.pool, self.test)
        named = repr((*parts, self.unannotated) if self.unannotated else parts).encode()
        return fingerprint((self.targets[item] for item in self.annotated), named)


def with_classes(dataset: Dataset, names: Iterable[str]) -> Dataset:
    """The dataset with further classes, after its own; the labels of those stay as they are."""
    new = tuple(name for name in names if name not in dataset.classes)
    return replace(dataset, classes=(*dataset.classes, *new), grown=(*dataset.grown, *new))


def file_of(images: ImageSource, item: str) -> Path | None:
    """Where the picture of an item lies; None where it is no file."""
    find = getattr(images, "file", None)
    return None if find is None else find(item)


def without(dataset: Dataset, ids: Collection[str]) -> Dataset:
    """The dataset without some of its items."""
    if not ids:
        return dataset
    pool, test = (tuple(i for i in s if i not in ids) for s in (dataset.pool, dataset.test))
    targets = {i: t for i, t in dataset.targets.items() if i not in ids}
    return replace(dataset, pool=pool, test=test, targets=targets)


def fingerprint(targets: Iterable[Target], start: bytes = b"", *, masks: bool = True) -> str:
    """SHA-256 over what annotations say, after the bytes in ``start``; masks are read for it."""
    digest = hashlib.sha256(start)
    for target in targets:
        mask = target.mask() if masks and target.mask is not None else None
        shape = None if mask is None else mask.shape
        digest.update(repr((len(target.labels), shape)).encode())  # whose bytes they are
        own = (target.boxes, target.labels, target.difficult, target.crowd, target.area, mask)
        for part in own:
            if part is not None:
                digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def unchangeable(targets: Mapping[str, Target]) -> MappingProxyType[str, Target]:
    """A view of ``targets`` that cannot add, remove or replace one."""
    return MappingProxyType(targets)


# Such a view goes to other processes, and is copied, as what it is.
copyreg.pickle(MappingProxyType, lambda view: (unchangeable, (dict(view),)))


def batched(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Consecutive slices of ``ids`` of at most ``size``."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
