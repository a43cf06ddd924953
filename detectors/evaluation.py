"""Evaluation of detectors: Pascal VOC's and COCO's average precision, and COCO's recall.

:func:`detection_metrics` is what a detector's ``measure`` needs.
"""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alframe.datasets.base import LabelledSet, Target
from alframe.detectors.evaluation_coco import coco_ap
from alframe.detectors.evaluation_results import DetectionResults, mean_of_known
from alframe.detectors.evaluation_voc import voc_ap
from alframe.errors import DataError
from alframe.learner import InferenceSetup
from alframe.model import COCO
from alframe.signals import DETECTIONS, SignalBatch
from alframe.words import plural

logger = logging.getLogger(__name__)


def detection_metrics(
    test: LabelledSet, stream: Iterable[SignalBatch], setup: InferenceSetup
) -> dict[str, Any]:
    """The metrics of any detector, from a stream of its detections: see :func:`metrics`.

    A warning says where most detections lie beside their images.

    Raises:
        TrainingError: a detection is not finite; the message names the image.
    """
    results = collected(stream)
    _look_at_places(results, test)
    return metrics(results, test.targets, setup.classes, setup.evaluation.coco)


def _look_at_places(results: DetectionResults, test: LabelledSet) -> None:
    """Say so where most boxes lie beside their image, as where its size is that of another."""
    beside = total = 0
    for item in test.ids:
        try:
            height, width = test.images.size(item)
        except DataError:  # of a picture that nobody has to be able to read
            continue
        x1, y1, x2, y2 = results[item].boxes.T
        beside += int(((x1 >= width) | (y1 >= height) | (x2 <= 0) | (y2 <= 0)).sum())
        total += len(x1)
    if beside > total / 2:
        logger.warning(
            "%s of %s lie beside their images: expected pixels of the original image, not of one "
            "that was resized",
            f"{beside:,}",
            plural(total, "detection"),
        )


def collected(stream: Iterable[SignalBatch]) -> DetectionResults:
    """The detections of a stream.

    Raises:
        TrainingError: one is not finite; the message names the image.
    """
    results = DetectionResults()
    for batch in stream:
        found = batch[DETECTIONS]
        columns = (found.valid, found.boxes.float(), found.scores.float(), found.labels)
        valid, boxes, scores, labels = (c.cpu().numpy() for c in columns)
        for row, item in enumerate(batch.ids):
            kept = valid[row]
            results.add(item, boxes[row, kept], scores[row, kept], labels[row, kept])
    return results


def metrics(
    results: DetectionResults, targets: Mapping[str, Target], classes: Sequence[str], coco: bool
) -> dict[str, Any]:
    """The numbers of a cycle, ready for JSON: fractions 0..1, None where there is no object.

    Args:
        results: the detections.
        targets: the annotations of every test image, by id.
        classes: names; labels index them.
        coco: also compute COCO's numbers, some forty times as long as the rest.

    Returns:
        ``mAP50`` (VOC, area under the curve), ``mAP50_11pt`` (VOC2007), ``mAP`` (COCO, overlaps
        .5 to .95; only if ``coco``), ``AP50`` (class name to VOC area) and ``COCO`` (its twelve
        numbers by name, see :func:`~alframe.detectors.evaluation_coco.coco_ap`; only if ``coco``).
    """
    voc = voc_ap(results, targets, len(classes))
    numbers: dict[str, Any] = {
        "mAP50": _number(mean_of_known(voc.area)),
        "mAP50_11pt": _number(mean_of_known(voc.eleven_point)),
    }
    found = coco_ap(results, targets, len(classes)) if coco else None
    if found:
        numbers["mAP"] = _number(found["AP"])
    numbers["AP50"] = {
        name: _number(value) for name, value in zip(classes, voc.area.tolist(), strict=True)
    }
    if found:
        numbers[COCO] = {name: _number(value) for name, value in found.items()}
    return numbers


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
