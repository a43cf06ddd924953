"""What others do, written down as they do it."""

import contextlib
import io
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from alframe.datasets.base import Target
from alframe.detectors.evaluation_results import DetectionResults

Targets = Mapping[str, Target]


def coco_by_records(results: DetectionResults, targets: Targets, classes: int) -> float:
    """COCO AP by pycocotools, from records as in its files."""
    rows = {item: row for row, item in enumerate(sorted(targets), 1)}
    truth: Any = COCO()
    truth.dataset = {
        "images": [{"id": row} for row in rows.values()],
        "categories": [{"id": c} for c in range(classes)],
        "annotations": list(_annotations(targets, rows)),
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluator: Any = COCOeval(truth, truth.loadRes(list(_found(results, rows))), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return float(evaluator.stats[0])


def _annotations(targets: Targets, rows: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    number = 0
    for item, row in rows.items():
        target = targets[item]
        for box, label in zip(_xywh(target.require_boxes()), target.labels.tolist(), strict=True):
            number += 1
            record = {"id": number, "image_id": row, "category_id": label, "bbox": box}
            yield {**record, "area": box[2] * box[3], "iscrowd": 0}


def _found(results: DetectionResults, rows: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for item, row in rows.items():
        boxes, scores, labels = results[item]
        columns = zip(_xywh(boxes), scores.tolist(), labels.tolist(), strict=True)
        for box, score, label in columns:
            yield {"image_id": row, "category_id": label, "bbox": box, "score": score}


def _xywh(boxes: NDArray[np.float32]) -> list[list[float]]:
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).tolist()  # type: ignore[no-any-return]


def voc_by_loop(results: DetectionResults, targets: Targets, classes: int) -> list[float]:
    """AP50 of each class: detection by detection, as the VOC evaluation of Fast R-CNN does it."""
    return [_voc_class(results, targets, label) for label in range(classes)]


def _voc_class(results: DetectionResults, targets: Targets, label: int) -> float:
    truth = {
        item: t.require_boxes()[t.labels == label].astype(np.float64) for item, t in targets.items()
    }
    taken = {item: np.zeros(len(boxes), dtype=bool) for item, boxes in truth.items()}
    detections = []
    for item in sorted(targets):
        boxes, scores, labels = results[item]
        own = labels == label
        detections += [
            (score, item, box) for box, score in zip(boxes[own], scores[own], strict=True)
        ]
    detections.sort(key=lambda each: -each[0])
    hits = np.array([_hits(box, truth[item], taken[item]) for _, item, box in detections])
    return _area(hits, sum(map(len, truth.values())))


def _hits(box: NDArray[np.float32], truth: NDArray[np.float64], taken: NDArray[np.bool_]) -> bool:
    """Whether it finds an object that nothing surer has found."""
    if not len(truth):
        return False
    sides = np.minimum(box[2:], truth[:, 2:]) - np.maximum(box[:2], truth[:, :2])
    common = sides.clip(min=0).prod(axis=1)
    areas = (truth[:, 2:] - truth[:, :2]).prod(axis=1)
    overlaps = common / (areas + (box[2:] - box[:2]).prod() - common)
    best = int(overlaps.argmax())
    if overlaps[best] < 0.5 or taken[best]:
        return False
    taken[best] = True
    return True


def _area(hits: NDArray[np.bool_], objects: int) -> float:
    if not objects:
        return math.nan
    found = np.cumsum(hits)
    recall = found / objects
    precision = np.maximum.accumulate((found / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float((np.diff(recall, prepend=0) * precision).sum())


def k_center_by_products(
    vectors: NDArray[np.float32], centres: int, count: int, block: int = 2048
) -> list[int]:
    """k-center greedy with one product of all points and the new centre for each pick."""
    own = np.einsum("nd,nd->n", vectors, vectors)
    nearest = np.full(len(vectors), np.inf, dtype=np.float32)
    for begin in range(0, centres, block):
        some = slice(begin, min(begin + block, centres))
        for rows in range(0, len(vectors), block):
            part = slice(rows, rows + block)
            products = own[part, None] + own[some] - 2 * vectors[part] @ vectors[some].T
            np.minimum(nearest[part], products.min(axis=1), out=nearest[part])
    nearest[:centres] = -np.inf
    picks: list[int] = []
    for _ in range(count):
        chosen = int(nearest.argmax())
        picks.append(chosen)
        np.minimum(nearest, own + own[chosen] - 2 * (vectors @ vectors[chosen]), out=nearest)
        nearest[picks] = -np.inf
    return picks
