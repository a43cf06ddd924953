"""The evaluation of detections: VOC AP50 and COCO AP."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from alframe.benchmarks.speed.cases import Case, Setting
from alframe.benchmarks.speed.contest import Side, contest
from alframe.benchmarks.speed.peers import coco_by_records, voc_by_loop
from alframe.benchmarks.speed.row import Timing
from alframe.datasets.base import Target
from alframe.detectors.evaluation_coco import coco_ap
from alframe.detectors.evaluation_results import DetectionResults
from alframe.detectors.evaluation_voc import voc_ap

Evaluate = Callable[[DetectionResults, dict[str, Target], int], object]

CLASSES = 20
IMAGES, DETECTIONS = 4952, 100
"""Pascal VOC 2007 test, and what COCO allows of each image."""


def cases(setting: Setting) -> Iterator[Case]:
    """Evaluation of as many detections as a whole test split can have; GPUs have no part in it."""
    if not setting.cuda:
        yield Case("evaluation/voc", partial(_sides, "loop", voc_by_loop, voc_ap))
        yield Case("evaluation/coco", partial(_sides, "pycocotools", coco_by_records, coco_ap))


def _sides(
    peer: str, theirs: Evaluate, ours: Evaluate, name: str, setting: Setting
) -> Sequence[Timing]:
    made_up = _made_up(100 if setting.quick else IMAGES)
    sides = [
        Side(peer, partial(theirs, *made_up, CLASSES)),
        Side("ours", partial(ours, *made_up, CLASSES), peer),
    ]
    return contest(name, sides, setting, items=len(made_up[1]), unit="images")


def _made_up(images: int) -> tuple[DetectionResults, dict[str, Target]]:
    """Objects, and detections of which some are near an object and many are not."""
    rng = np.random.default_rng(0)
    results, targets = DetectionResults(), {}
    for number in range(images):
        objects = int(rng.integers(1, 5))
        boxes, labels = _boxes(rng, objects), rng.integers(0, CLASSES, objects)
        targets[f"{number:06d}"] = Target.of(boxes, labels)
        near = rng.integers(0, objects, DETECTIONS // 5)
        found = np.concatenate([boxes[near], _boxes(rng, DETECTIONS - len(near))])
        found += rng.normal(0, 8, found.shape)
        classes = np.concatenate([labels[near], rng.integers(0, CLASSES, len(found) - len(near))])
        results.add(f"{number:06d}", found, rng.random(DETECTIONS), classes)
    return results, targets


def _boxes(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    first, side = rng.uniform(0, 300, (count, 2)), rng.uniform(20, 200, (count, 2))
    return np.hstack([first, first + side])
