"""COCO's average precision and recall, by pycocotools from arrays instead of annotation files."""

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.cocoeval import COCOeval

from alframe.datasets.base import Target
from alframe.datasets.boxes import SIDES, written_as
from alframe.detectors.evaluation_results import (
    DetectionResults,
    DetectionTable,
    ObjectTable,
    mean_of_known,
    tabulate,
)

TWELVE = (
    *("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"),
    *("AR1", "AR10", "AR100", "AR_small", "AR_medium", "AR_large"),
)
"""What COCO's numbers are called."""
PER_IMAGE = 100
"""COCO counts so many detections of a class in an image, the surest."""
LEAST = 0.5
"""Of the overlaps that a match may need."""
FEW = (1, 10)
"""Recall is also of so many surest detections of a class in an image."""


def coco_ap(
    results: DetectionResults, targets: Mapping[str, Target], num_classes: int
) -> dict[str, float]:
    """Average precision and recall by COCO's rules (Lin et al. 2014; ``COCOeval``, 101-point).

    Crowd regions are ``iscrowd``: ignored, overlap relative to the detection's own area, any
    number of detections. Difficult objects, which COCO does not know, are ignored as in VOC: by
    their plain overlap, any number of detections. Writing them as ``iscrowd`` in a file, the only
    way a file has, would also excuse every small detection inside a large difficult object.
    ``Target.area`` decides on small, medium and large. Equal scores are ordered by image id, then
    by order of adding.

    Args:
        results: the detections.
        targets: the annotations of every test image, by id.
        num_classes: K; labels are 0..K-1.

    Returns:
        :data:`TWELVE` numbers as fractions, nan where there is no object, averaged over overlaps
        .5, .55, ... .95 (but for AP50 and AP75) and the classes that have objects. An object is
        small up to 32 x 32 square pixels, medium from there to 96 x 96, and large from there on.
        ``AR1`` is the recall of the surest detection of a class in an image, ``AR10`` of ten, the
        others of :data:`PER_IMAGE`.
    """
    detections, objects = tabulate(results, targets, num_classes)
    ranks = _ranked(detections)
    found = _by_class(detections.labels, ranks.rows, num_classes)
    truth = _by_class(objects.labels, np.arange(len(objects.labels)), num_classes)
    classes = [
        _evaluate_class(detections, objects, ranks, d, o) for d, o in zip(found, truth, strict=True)
    ]
    precision, recall = (np.stack(each, axis=1) for each in zip(*classes, strict=True))
    # [T, K, S], [T, K, M]
    ap, *sized = (mean_of_known(precision[:, :, s]) for s in range(4))
    ap50, ap75 = (mean_of_known(precision[t, :, 0]) for t in (0, 5))
    recalls = (mean_of_known(recall[:, :, m]) for m in range(6))
    return dict(zip(TWELVE, (ap, ap50, ap75, *sized, *recalls), strict=True))


class _Ranks(NamedTuple):
    """The order of detections.

    Attributes:
        rows: by image, then by class and descending score: at most ``PER_IMAGE`` of both.
        place: int64 [n], of each detection among those of its image and class, from 0 on.
        standing: float64 [n], falls with the score, for equal ones with the place in ``rows``.
    """

    rows: NDArray[np.int64]
    place: NDArray[np.int64]
    standing: NDArray[np.float64]


def _ranked(detections: DetectionTable) -> _Ranks:
    order = np.lexsort((-detections.scores, detections.labels, detections.image))  # stable
    starts = np.diff(detections.image[order], prepend=-1) != 0
    starts |= np.diff(detections.labels[order], prepend=-1) != 0
    row = np.arange(len(order))
    place, standing = np.empty(len(order), np.int64), np.empty(len(order))
    place[order] = row - np.maximum.accumulate(np.where(starts, row, 0))
    standing[order[np.argsort(-detections.scores[order], kind="stable")]] = -row
    return _Ranks(order[place[order] < PER_IMAGE], place, standing)


def _by_class(
    labels: NDArray[np.int64], rows: NDArray[np.int64], num_classes: int
) -> list[NDArray[np.int64]]:
    """Split row numbers by class, each part in the given order."""
    order = rows[np.argsort(labels[rows], kind="stable")]
    ends = np.cumsum(np.bincount(labels[rows], minlength=num_classes))
    return np.split(order, ends[:-1])


def _evaluate_class(
    detections: DetectionTable,
    objects: ObjectTable,
    ranks: _Ranks,
    found: NDArray[np.int64],
    truth: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AP and recall of one class, nan without objects.

    Returns:
        AP by overlap and size (all, small, medium, large), [T, 4]; recall by overlap, of the 1 and
        10 surest, then by size, [T, 6].
    """
    evaluator: Any = COCOeval(iouType="bbox")
    slots = _slots(detections, objects, found, truth)
    areas = evaluator.params.areaRng
    most = max(len(found), 1)  # PER_IMAGE was seen to
    evaluator.params.imgIds, evaluator.params.catIds = list(range(len(slots))), [0]
    evaluator.params.maxDets = [most]
    for slot, (dt, gt, overlaps) in enumerate(slots):
        evaluator._dts[slot, 0] = _detection_records(detections, ranks.standing, dt)
        evaluator._gts[slot, 0] = _object_records(objects, gt)
        evaluator.ious[slot, 0] = overlaps
    whole = [evaluator.evaluateImg(slot, 0, areas[0], most) for slot in range(len(slots))]
    sized = [
        _of_size(image, detections, objects, area) or evaluator.evaluateImg(slot, 0, area, most)
        for area in areas[1:]
        for slot, image in enumerate(whole)
    ]
    evaluator.evalImgs = whole + sized
    evaluator._paramsEval = evaluator.params
    with redirect_stdout(io.StringIO()):
        evaluator.accumulate()
    precision: NDArray[np.float64] = evaluator.eval["precision"][:, :, 0, :, 0]  # [T, R, S]
    recall: NDArray[np.float64] = evaluator.eval["recall"][:, 0, :, 0]  # [T, S]
    few = _recall_of_few(evaluator.evalImgs[: len(slots)], ranks.place, len(recall))
    recall = np.where(recall < 0, np.nan, recall)
    mean: NDArray[np.float64] = np.where(precision < 0, np.nan, precision).mean(axis=1)
    return mean, np.hstack([few, recall])  # [T, R, S] -> [T, S]; [T, 2 + S]


def _of_size(
    whole: Any, detections: DetectionTable, objects: ObjectTable, area: Sequence[float]
) -> Any:
    """What COCOeval finds for objects of a size, made of what it finds for those of any.

    Matches are the same where all or none of the objects are of that size; None elsewhere.
    """
    if whole is None or whole["gtIgnore"].any():
        return None
    outside = _beyond(objects.area[np.array(whole["gtIds"], np.int64) - 1], area)
    if outside.any() != outside.all():
        return None
    rows = np.array(whole["dtIds"], np.int64) - 1
    sides = detections.boxes[rows, 2:] - detections.boxes[rows, :2]
    matched = whole["dtMatches"] != 0
    ignored = np.where(matched, outside.any(), _beyond(sides.prod(axis=1), area))
    return whole | {"gtIgnore": outside.astype(np.int64), "dtIgnore": ignored}


def _beyond(areas: NDArray[np.float64], limits: Sequence[float]) -> NDArray[np.bool_]:
    return (areas < limits[0]) | (areas > limits[1])


def _recall_of_few(
    images: Sequence[Any], place: NDArray[np.int64], overlaps: int
) -> NDArray[np.float64]:
    """Recall of the :data:`FEW` surest detections of an image, nan without objects; [T, 2].

    What matches nothing, and shares a slot, adds nothing to it.
    """
    there = [image for image in images if image is not None and len(image["gtIds"])]
    objects = sum(np.count_nonzero(np.asarray(image["gtIgnore"]) == 0) for image in there)
    if not objects:
        return np.full((overlaps, len(FEW)), np.nan)
    matches, ignored = (
        np.concatenate([image[key] for image in there], axis=1) for key in ("dtMatches", "dtIgnore")
    )
    rows = np.concatenate([np.array(image["dtIds"], np.int64) for image in there]) - 1
    rank = place[rows]
    hit = (matches != 0) & ~ignored.astype(bool)  # [T, D]
    return np.stack([hit[:, rank < most].sum(axis=1) for most in FEW], axis=1) / objects


def _slots(
    detections: DetectionTable,
    objects: ObjectTable,
    found: NDArray[np.int64],
    truth: NDArray[np.int64],
) -> list[tuple[NDArray[np.int64], NDArray[np.int64], Any]]:
    """Split one class's rows into what COCOeval takes for an image: detections, objects, overlaps.

    COCOeval matches image by image, then sorts all detections by score. What overlaps too little
    for any match, detections and objects of whatever image, is the last slot: far less to match,
    and every number and, by their standing, the order of detections stay as they were.
    """
    images, starts = np.unique(objects.image[truth], return_index=True)
    image = detections.image[found]
    begin, end = (np.searchsorted(image, images, side).tolist() for side in ("left", "right"))
    slots, alone, near = [], [truth[:0]], np.zeros(len(found), np.bool_)
    for first, last, gt in zip(begin, end, np.split(truth, starts)[1:], strict=True):
        dt = found[first:last]
        overlaps = _overlaps(detections, objects, dt, gt)
        close = overlaps.max(axis=1) >= LEAST if len(dt) else near[:0]
        near[first:last] = close
        if close.any():
            slots.append((dt[close], gt, overlaps[close]))
        else:
            alone.append(gt)
    return [*slots, (found[~near], np.concatenate(alone), [])]


def _detection_records(
    table: DetectionTable, standing: NDArray[np.float64], rows: NDArray[np.int64]
) -> list[dict[str, float]]:
    """``score`` stands for the order alone."""
    sides = table.boxes[rows, 2:] - table.boxes[rows, :2]
    columns = (rows + 1).tolist(), standing[rows].tolist(), sides.prod(axis=1).tolist()
    return [
        {"id": i, "score": score, "area": area} for i, score, area in zip(*columns, strict=True)
    ]


def _object_records(table: ObjectTable, rows: NDArray[np.int64]) -> list[dict[str, float]]:
    """``iscrowd`` stands for "any number of detections"; ``_overlaps`` asks which are crowds."""
    columns = (rows + 1).tolist(), (~table.counted[rows]).tolist(), table.area[rows].tolist()
    return [
        {"id": i, "ignore": ignored, "iscrowd": ignored, "area": area}
        for i, ignored, area in zip(*columns, strict=True)
    ]


def _overlaps(
    detections: DetectionTable, objects: ObjectTable, dt: NDArray[np.int64], gt: NDArray[np.int64]
) -> Any:
    """Overlap of each detection with each object, float64 [n, m]; [] of none."""
    iou: Any = coco_mask.iou  # its type hints forget arrays of float64
    crowd = objects.crowd[gt].tolist()
    found, there = (written_as(b, SIDES) for b in (detections.boxes[dt], objects.boxes[gt]))
    return iou(found, there, crowd)
