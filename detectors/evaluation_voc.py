"""Average precision of Pascal VOC, for all images at once.

Source: Everingham et al., "The Pascal Visual Object Classes Challenge", IJCV 2010, section 4.2,
and ``VOCevaldet.m`` of the VOC2012 development kit. A detection belongs to the object of its
class that it overlaps most, whether or not a surer detection was there before it. So the
detections need not be walked through one by one: an object goes to the surest of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import Target
from alframe.detectors.evaluation_results import (
    DetectionResults,
    DetectionTable,
    ObjectTable,
    tabulate,
)

TRUE, FALSE, LEFT_OUT = 1, 0, -1
OVERLAP = 0.5
"""That a match needs: intersection over union."""


@dataclass(frozen=True, eq=False)
class VocResult:
    """Average precision of every class, as fractions.

    Attributes:
        area: float64 [K], area under the interpolated precision-recall curve (VOC2010 and later);
            nan where a class has no object to find.
        eleven_point: float64 [K], mean precision at recalls 0, 0.1, ... 1 (VOC2007); nan likewise.
    """

    area: NDArray[np.float64]
    eleven_point: NDArray[np.float64]


def voc_ap(results: DetectionResults, targets: Mapping[str, Target], num_classes: int) -> VocResult:
    """Average precision by Pascal VOC's rules.

    Detections are taken in descending order of score; equal scores by image id, then by order of
    adding. One whose best overlap with an object of its class reaches :data:`OVERLAP` is a true
    positive if that object is free and a false positive if it is taken; it is ignored if the object
    is difficult. Images in ``targets`` without results count as images without detections.

    Deviations from the development kit: overlaps are of continuous boxes (no ``+ 1``), and crowd
    regions, which VOC does not know, follow COCO: a detection that matches no object is ignored
    if a share of at least as much of its own area lies in a crowd region of its class. Recalls are
    compared exactly: 3 of 10 objects reach a recall of 0.3. On numpy's grid, which mmdetection and
    MI-AOD's code use, they do not, as ``np.arange(0, 1.1, 0.1)[3]`` is a little more: there,
    11-point AP is lower, by up to 1/11 for each recall of exactly 0.3, 0.6 or 0.7.

    Args:
        results: the detections.
        targets: the annotations of every test image, by id.
        num_classes: K; labels are 0..K-1.
    """
    hits, counts = _hits(results, targets, num_classes)
    area, eleven = np.full((2, num_classes), np.nan)
    for label in np.flatnonzero(counts):
        area[label] = _area(hits[label], counts[label])
        eleven[label] = _eleven_point(hits[label], counts[label])
    return VocResult(area, eleven)


def precision_recall(
    results: DetectionResults, targets: Mapping[str, Target], num_classes: int
) -> list[NDArray[np.float64] | None]:
    """The curve of each class, whose area is that of :func:`voc_ap`.

    Returns:
        Recall and precision, made non-increasing from the right, after each true positive, from
        the surest on, [n, 2]; None for a class without objects.
    """
    hits, counts = _hits(results, targets, num_classes)
    curves: list[NDArray[np.float64] | None] = []
    for found, objects in zip(hits, counts.tolist(), strict=True):
        true = np.flatnonzero(found == TRUE)
        recall = np.arange(1, len(true) + 1) / max(objects, 1)
        points = np.stack([recall, _envelope(found)[true]], axis=1)
        curves.append(points if objects else None)
    return curves


def _hits(
    results: DetectionResults, targets: Mapping[str, Target], num_classes: int
) -> tuple[list[NDArray[np.int8]], NDArray[np.int64]]:
    """TRUE or FALSE of each class's detections, the surest first, and how many objects it has."""
    detections, objects = tabulate(results, targets, num_classes)
    verdicts = judge(detections, objects, num_classes)
    counts = np.bincount(objects.labels[objects.counted], minlength=num_classes)
    order = np.lexsort((-detections.scores, detections.labels))  # stable
    ends = np.cumsum(np.bincount(detections.labels, minlength=num_classes))
    hits = np.split(verdicts[order], ends[:-1])
    return [each[each != LEFT_OUT] for each in hits], counts


def judge(detections: DetectionTable, objects: ObjectTable, num_classes: int) -> NDArray[np.int8]:
    """Decide on every detection: TRUE, FALSE or LEFT_OUT; int8 [n]."""
    verdicts = np.full(len(detections.scores), FALSE, dtype=np.int8)
    keys = objects.image * num_classes + objects.labels
    found = detections.image * num_classes + detections.labels

    det, obj = _pairs(found, keys, ~objects.crowd)
    inter, union = _overlap(detections.boxes[det], objects.boxes[obj])
    det, obj = _best(det, obj, _ratio(inter, union))
    verdicts[det[objects.difficult[obj]]] = LEFT_OUT
    free = ~objects.difficult[obj]
    verdicts[_surest(det[free], obj[free], detections.scores)] = TRUE

    matched = np.zeros(len(verdicts), dtype=np.bool_)
    matched[det] = True
    det, obj = _pairs(found, keys, objects.crowd)
    inter, _ = _overlap(detections.boxes[det], objects.boxes[obj])
    within = _ratio(inter, _areas(detections.boxes[det])) >= OVERLAP
    verdicts[det[within & ~matched[det]]] = LEFT_OUT
    return verdicts


def _pairs(
    found: NDArray[np.int64], keys: NDArray[np.int64], among: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All (detection, object) with equal keys, by detection, then by object; indices [p], [p]."""
    rows = np.flatnonzero(among)
    rows = rows[np.argsort(keys[rows], kind="stable")]
    first = np.searchsorted(keys[rows], found, side="left")
    count = np.searchsorted(keys[rows], found, side="right") - first
    det = np.repeat(np.arange(len(found)), count)
    start = np.cumsum(count) - count
    return det, rows[first[det] + np.arange(len(det)) - start[det]]


def _best(
    det: NDArray[np.int64], obj: NDArray[np.int64], overlap: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the pairs of each detection the one of largest overlap, the first of equals, if enough."""
    order = np.lexsort((-overlap, det))  # stable
    first = np.flatnonzero(np.diff(det[order], prepend=-1))
    chosen = order[first]
    chosen = chosen[overlap[chosen] >= OVERLAP]
    return det[chosen], obj[chosen]


def _surest(
    det: NDArray[np.int64], obj: NDArray[np.int64], scores: NDArray[np.float32]
) -> NDArray[np.int64]:
    """For each object the detection of highest score among those that chose it."""
    order = np.argsort(-scores[det], kind="stable")
    _, first = np.unique(obj[order], return_index=True)
    return det[order[first]]


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)  # [p, 4] -> [p, 2]
    return cast(NDArray[np.float64], sides[:, 0] * sides[:, 1])


def _overlap(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas of intersection and union of boxes row by row: [p, 4], [p, 4] -> [p], [p]."""
    corners = np.hstack([np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])])
    inter = _areas(corners)
    return inter, _areas(a) + _areas(b) - inter


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """``part / whole``, and 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _envelope(hits: NDArray[np.int8]) -> NDArray[np.float64]:
    """Precision after each detection, made non-increasing from the right."""
    precision = np.cumsum(hits, dtype=np.int64) / np.arange(1, len(hits) + 1)
    return cast(NDArray[np.float64], np.maximum.accumulate(precision[::-1])[::-1])


def _area(hits: NDArray[np.int8], objects: int) -> float:
    """Area under the precision-recall curve."""
    return float(_envelope(hits)[hits == TRUE].sum() / objects)


def _eleven_point(hits: NDArray[np.int8], objects: int) -> float:
    """Mean over recalls 0, 0.1, ... 1 of the best precision at that recall or more, else 0."""
    found = np.cumsum(hits, dtype=np.int64)
    # recall >= k / 10 in whole numbers: 3 of 10 is 0.3, which floating point may deny
    first = np.searchsorted(10 * found, np.arange(11) * objects, side="left")
    return float(np.append(_envelope(hits), 0.0)[first].mean())
