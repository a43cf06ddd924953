"""Evaluation of detectors: Pascal VOC's and COCO's average precision.

Collect detections in :class:`DetectionResults` while the test images stream by, then ask for
:func:`metrics`, or for the details with :func:`voc_ap` and :func:`coco_ap`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from alframe.datasets.base import Target
from alframe.detectors.evaluation_coco import CocoResult, coco_ap
from alframe.detectors.evaluation_results import DetectionResults
from alframe.detectors.evaluation_voc import VocResult, voc_ap

__all__ = ["CocoResult", "DetectionResults", "VocResult", "coco_ap", "metrics", "voc_ap"]


def metrics(
    results: DetectionResults,
    targets: Mapping[str, Target],
    classes: Sequence[str],
    coco: bool,
) -> dict[str, Any]:
    """The numbers of a cycle, ready for JSON: fractions 0..1, None where there is no object.

    Args:
        results: the detections.
        targets: the annotations of every test image, by id.
        classes: names; labels index them.
        coco: also compute COCO's AP, some twenty times as long as the rest.

    Returns:
        ``mAP50`` (VOC, area under the curve), ``mAP50_11pt`` (VOC2007), ``mAP`` (COCO, overlaps
        .5 to .95; only if ``coco``) and ``AP50`` (class name to VOC area).
    """
    voc = voc_ap(results, targets, len(classes))
    numbers: dict[str, Any] = {
        "mAP50": _number(voc.mean_area),
        "mAP50_11pt": _number(voc.mean_eleven_point),
    }
    if coco:
        numbers["mAP"] = _number(coco_ap(results, targets, len(classes), sizes=False).ap)
    numbers["AP50"] = {
        name: _number(value) for name, value in zip(classes, voc.area.tolist(), strict=True)
    }
    return numbers


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
