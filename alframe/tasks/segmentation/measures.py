"""How good a segmenter is: intersection over union, from one confusion matrix of the test split."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alframe.datasets.base import IGNORED, LabelledSet
from alframe.datasets.masks import mask_of
from alframe.errors import DIVERGED, TrainingError
from alframe.learner import Metrics
from alframe.shaped import Int
from alframe.signals import SignalBatch
from alframe.tasks.segmentation.class_maps import decided_classes, maps_of


def segmentation_metrics(
    test: LabelledSet, stream: Iterable[SignalBatch], classes: Sequence[str]
) -> Metrics:
    """Metrics of the test images, at the original size of their masks.

    Raises:
        DataError: a mask is not one of its image.
        TrainingError: a logit is not finite, or maps are of other classes; the message names the
            image.
    """
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    for batch in stream:
        maps = maps_of(batch, len(classes))
        finite = maps.logits.isfinite().flatten(1).all(1).tolist()
        for row, item in enumerate(batch.ids):
            height, width = maps.originals[row].tolist()
            mask = mask_of(test.targets[item], item, (height, width))
            if not finite[row]:
                raise TrainingError(f"the class maps of {item} are not finite: {DIVERGED}")
            bands = maps.at_original_size(row)
            found = torch.cat([decided_classes(band, maps.threshold) for band in bands])
            confusion += confusion_of(found.cpu().numpy(), mask, len(classes))
    return metrics_of_confusion(confusion, classes)


def confusion_of(
    found: NDArray[np.uint8], truth: NDArray[np.uint8], classes: int
) -> "Int[NDArray[np.int64], 'K K']":
    """How many pixels of each class (row) were taken for each class (column); none ignored."""
    counted = truth != IGNORED
    pairs = truth[counted].astype(np.int64) * classes + found[counted]
    counts: NDArray[np.int64] = np.bincount(pairs, minlength=classes**2)
    return counts.reshape(classes, classes)


def metrics_of_confusion(
    confusion: "Int[NDArray[np.int64], 'K K']", classes: Sequence[str]
) -> dict[str, Any]:
    """All metrics, the headline first.

    - ``mIoU``: mean of the IoU of the classes that occur in a mask or in a prediction.
    - ``pixel_accuracy``: share of pixels whose class is found.
    - ``mean_accuracy``: mean over the classes that occur in a mask of the share that is found.
    - ``IoU``: TP / (TP + FP + FN) of each class over all images; None where it never occurs,
      neither in a mask nor in a prediction: there is nothing to divide by.

    Args:
        confusion: pixels by true class (row) and predicted class (column).
        classes: names, in label order.
    """
    right, true = np.diag(confusion), confusion.sum(axis=1)
    union = true + confusion.sum(axis=0) - right
    ious = [_share(r, u) for r, u in zip(right, union, strict=True)]
    recalls = [_share(r, t) for r, t in zip(right, true, strict=True)]
    return {
        "mIoU": _mean(ious),
        "pixel_accuracy": _share(right.sum(), true.sum()),
        "mean_accuracy": _mean(recalls),
        "IoU": dict(zip(classes, ious, strict=True)),
    }


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
