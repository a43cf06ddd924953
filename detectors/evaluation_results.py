"""What a detector found on the test images, collected in passing and laid out for evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alframe.datasets.base import Target
from alframe.errors import DIVERGED, DataError, TrainingError


class ImageDetections(NamedTuple):
    """Detections of one image: boxes float32 [n, 4], scores float32 [n], labels int32 [n]."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int32]


class DetectionResults:
    """Collects the detections of one evaluation, image by image.

    Only what is added is kept, as copies in single precision (24 bytes a detection), so a view
    into a padded batch does not keep that batch alive.
    """

    def __init__(self) -> None:
        self._found: dict[str, ImageDetections] = {}

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._found

    def __getitem__(self, item_id: str) -> ImageDetections:
        return self._found[item_id]

    @property
    def ids(self) -> frozenset[str]:
        """The images that were added."""
        return frozenset(self._found)

    def add(self, item_id: str, boxes: ArrayLike, scores: ArrayLike, labels: ArrayLike) -> None:
        """Add the detections of one image; in any order, possibly none.

        Args:
            item_id: the image.
            boxes: [n, 4], x1 y1 x2 y2 in pixels of the original image.
            scores: [n], higher is surer.
            labels: [n], indices into the dataset's classes.

        Raises:
            ValueError: the image was added before, or the lengths differ.
            TrainingError: a box or a score is not finite.
        """
        if item_id in self._found:
            raise ValueError(f"the detections of {item_id!r} were added before")
        found = ImageDetections(
            np.array(boxes, dtype=np.float32).reshape(-1, 4),
            np.array(scores, dtype=np.float32).reshape(-1),
            np.array(labels, dtype=np.int32).reshape(-1),
        )
        if not len(found.boxes) == len(found.scores) == len(found.labels):
            raise ValueError(f"{item_id!r}: boxes, scores and labels differ in length")
        for part in ("scores", "boxes"):
            if not np.isfinite(getattr(found, part)).all():
                said = f"the detections of {item_id} are not finite in their {part}"
                raise TrainingError(f"{said}: {DIVERGED}")
        self._found[item_id] = found


@dataclass(frozen=True, eq=False)
class DetectionTable:
    """Detections of all images, one row each, by image and then in the order of adding.

    Attributes:
        image: int64 [n], the rank of the image's id among the sorted ids of the targets.
        boxes: float64 [n, 4], x1 y1 x2 y2 in pixels.
        scores: float32 [n].
        labels: int64 [n].
    """

    image: NDArray[np.int64]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """Annotated objects of all images, one row each, by image and then as annotated.

    Attributes:
        image: int64 [m], as in :class:`DetectionTable`.
        boxes: float64 [m, 4], x1 y1 x2 y2 in pixels.
        labels: int64 [m].
        difficult: bool [m].
        crowd: bool [m].
        area: float64 [m], square pixels.
    """

    image: NDArray[np.int64]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    difficult: NDArray[np.bool_]
    crowd: NDArray[np.bool_]
    area: NDArray[np.float64]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """The objects that have to be found, neither difficult nor crowd; bool [m]."""
        return ~(self.difficult | self.crowd)


def tabulate(
    results: DetectionResults, targets: Mapping[str, Target], num_classes: int
) -> tuple[DetectionTable, ObjectTable]:
    """Lay out detections and annotations as tables over the same images.

    Raises:
        ValueError: a detection is of an image without a target, or an object of an unknown class.
        TrainingError: a detection is of an unknown class.
        DataError: a target has labels without boxes (an image classified as a whole).
    """
    if foreign := sorted(results.ids - targets.keys()):
        raise ValueError(f"detections of images that have no target: {foreign[:3]}")
    ids = sorted(targets)
    tables = _detections(results, ids), _objects([targets[i] for i in ids], ids)
    found, objects = (t.image[(t.labels < 0) | (t.labels >= num_classes)] for t in tables)
    if found.size:
        most = num_classes - 1
        raise TrainingError(f"the detections of {ids[found[0]]} have labels outside of 0..{most}")
    if objects.size:
        raise ValueError(f"{ids[objects[0]]}: a label is not in 0..{num_classes - 1}")
    return tables


def _detections(results: DetectionResults, ids: list[str]) -> DetectionTable:
    ranks = [rank for rank, item in enumerate(ids) if item in results]
    found = [results[ids[rank]] for rank in ranks]
    none = ImageDetections(
        np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32)
    )
    return DetectionTable(
        np.repeat(np.asarray(ranks, dtype=np.int64), [len(f.scores) for f in found]),
        np.concatenate([f.boxes for f in (none, *found)], dtype=np.float64),
        np.concatenate([f.scores for f in (none, *found)]),
        np.concatenate([f.labels for f in (none, *found)], dtype=np.int64),
    )


def _objects(targets: list[Target], ids: list[str]) -> ObjectTable:
    for item, target in zip(ids, targets, strict=True):
        if len(target.require_boxes()) != len(target.labels):
            raise DataError(f"{item}: expected a box for every label; detections need boxes")
    none = Target.of([], [])
    return ObjectTable(
        np.repeat(np.arange(len(ids)), [len(t.labels) for t in targets]),
        np.concatenate([t.require_boxes() for t in (none, *targets)], dtype=np.float64),
        np.concatenate([t.labels for t in (none, *targets)]),
        np.concatenate([t.difficult for t in (none, *targets)]),
        np.concatenate([t.crowd for t in (none, *targets)]),
        np.concatenate([t.area for t in (none, *targets)], dtype=np.float64),
    )


def mean_of_known(values: NDArray[np.float64]) -> float:
    """The mean of what is not nan; nan where nothing else is there."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
