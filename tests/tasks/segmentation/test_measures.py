"""Intersection over union, against a known tool and by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torchmetrics import Accuracy, JaccardIndex

from alframe.datasets.base import IGNORED, LabelledSet, Target
from alframe.errors import TrainingError
from alframe.signals import SignalBatch
from alframe.tasks.segmentation.class_maps import CLASS_MAPS, ClassMaps
from alframe.tasks.segmentation.measures import (
    confusion_of,
    metrics_of_confusion,
    segmentation_metrics,
)

NAMES = ("road", "sky", "car", "tree")


@pytest.mark.parametrize("seed", range(6))
def test_it_is_that_of_torchmetrics(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shown = rng.choice(4, rng.integers(2, 5), replace=False)  # some classes occur nowhere
    jaccard, ious = (
        JaccardIndex("multiclass", num_classes=4, ignore_index=IGNORED, average=how)  # type: ignore[arg-type]
        for how in ("macro", "none")
    )
    pixels, means = (
        Accuracy("multiclass", num_classes=4, ignore_index=IGNORED, average=how)  # type: ignore[arg-type]
        for how in ("micro", "none")
    )
    confusion = np.zeros((4, 4), np.int64)
    true = set()
    for _ in range(3):  # images of several sizes
        shape = tuple(rng.integers(3, 30, 2).tolist())
        truth = rng.choice(shown, shape).astype(np.uint8)
        found = np.where(rng.random(shape) < 0.6, truth, rng.choice(shown, shape)).astype(np.uint8)
        truth[rng.random(shape) < 0.2] = IGNORED
        true |= set(np.unique(truth).tolist()) - {IGNORED}
        confusion += confusion_of(found, truth, 4)
        for metric in (jaccard, ious, pixels, means):
            metric.update(torch.from_numpy(found)[None], torch.from_numpy(truth.astype(int))[None])
    metrics = metrics_of_confusion(confusion, NAMES)
    assert next(iter(metrics)) == "mIoU"
    assert metrics["mIoU"] == pytest.approx(jaccard.compute().item(), abs=1e-6)
    assert metrics["pixel_accuracy"] == pytest.approx(pixels.compute().item(), abs=1e-6)
    recalls = means.compute()[sorted(true)].mean().item()
    assert metrics["mean_accuracy"] == pytest.approx(recalls, abs=1e-6)
    for number, (name, value) in enumerate(zip(NAMES, ious.compute().tolist(), strict=True)):
        occurs = confusion[number].any() or confusion[:, number].any()
        assert metrics["IoU"][name] == (pytest.approx(value, abs=1e-6) if occurs else None)


def test_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1], [255, 255, 1, 1]], np.uint8)
    found = np.array([[0, 2, 1, 1], [0, 1, 1, 0]], np.uint8)
    metrics = metrics_of_confusion(confusion_of(found, truth, 4), NAMES)
    assert metrics == {
        "mIoU": pytest.approx((1 / 3 + 3 / 4 + 0) / 3),
        "pixel_accuracy": pytest.approx(4 / 6),
        "mean_accuracy": pytest.approx((1 / 2 + 3 / 4) / 2),
        "IoU": {"road": pytest.approx(1 / 3), "sky": 3 / 4, "car": 0.0, "tree": None},
    }
    nothing = metrics_of_confusion(np.zeros((2, 2), np.int64), NAMES[:2])
    assert nothing["mIoU"] is None
    assert nothing["IoU"] == {"road": None, "sky": None}


def test_pairs_of_many_classes_are_more_than_bytes_can_count() -> None:
    truth = np.array([[19, 19, 3]], np.uint8)
    found = np.array([[19, 18, 19]], np.uint8)
    confusion = confusion_of(found, truth, 20)
    places = np.argwhere(confusion).tolist()
    assert (places, int(confusion.sum())) == ([[3, 19], [19, 18], [19, 19]], 3)


def test_masks_are_held_against_predictions_at_their_own_size() -> None:
    """A prediction of 2 x 2 pixels, of a padded image of 8 x 8 that was 30 x 60 before."""
    logits = torch.zeros(1, 2, 2, 2)
    logits[0, 1, :, 1], logits[0, 0, :, 0] = 9, 9  # left 0, right 1
    sizes, originals = torch.tensor([[4, 8]]), torch.tensor([[30, 60]])
    truth = np.zeros((30, 60), np.uint8)
    truth[:, 30:] = 1
    test = LabelledSet(None, ("x",), {"x": Target.of(None, [0, 1], mask=truth.copy)})  # type: ignore[arg-type]
    maps = ClassMaps(logits, sizes, originals, (8, 8), 0.3)
    metrics = segmentation_metrics(test, [SignalBatch(("x",), {CLASS_MAPS: maps})], NAMES[:2])
    assert metrics["mIoU"] == 1.0
    truth[:, 30:32] = 0
    metrics = segmentation_metrics(test, [SignalBatch(("x",), {CLASS_MAPS: maps})], NAMES[:2])
    assert metrics["pixel_accuracy"] == pytest.approx(58 / 60)
    two = ClassMaps(
        logits.repeat(2, 1, 1, 1), *(s.repeat(2, 1) for s in (sizes, originals)), (8, 8), 0.3
    )
    two.logits[1, 0, 1, 1] = torch.nan
    test = LabelledSet(None, ("w", "x"), dict.fromkeys("wx", test.targets["x"]))  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="the class maps of x are not finite"):
        segmentation_metrics(test, [SignalBatch(("w", "x"), {CLASS_MAPS: two})], NAMES[:2])


def test_images_of_all_batches_count_and_the_foreground_from_the_threshold_on() -> None:
    """One channel, everywhere of the probability 0.4; two images in a batch and one in another."""
    sizes = torch.tensor([[4, 4]])
    foreground = torch.full((1, 1, 4, 4), 0.4).logit()
    masks = {name: np.full((4, 4), name != "c", np.uint8) for name in "abc"}
    targets = {name: Target.of(None, [0, 1], mask=mask.copy) for name, mask in masks.items()}
    test = LabelledSet(None, ("a", "b", "c"), targets)  # type: ignore[arg-type]
    for threshold, share in ((0.3, 2 / 3), (0.5, 1 / 3)):
        stream = [
            SignalBatch(
                ids,
                {
                    CLASS_MAPS: ClassMaps(
                        foreground.repeat(len(ids), 1, 1, 1),
                        *[sizes.repeat(len(ids), 1)] * 2,
                        (4, 4),
                        threshold,
                    )
                },
            )
            for ids in (("a", "b"), ("c",))
        ]
        metrics = segmentation_metrics(test, stream, NAMES[:2])
        assert metrics["pixel_accuracy"] == pytest.approx(share)


SIZES = torch.tensor([[4, 6]])
MAPS = ClassMaps(torch.zeros(1, 4, 2, 3), SIZES, SIZES, (4, 6), 0.5)
"""Of one image and the classes of ``NAMES``."""


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        (MAPS.logits, "class_maps is of type Tensor: expected a ClassMaps"),
        (replace(MAPS, logits=MAPS.logits.numpy()), "logits is float32: expected a tensor of fl"),
        (replace(MAPS, logits=MAPS.logits.long()), r"logits is torch\.int64: expected a tensor"),
        (replace(MAPS, logits=MAPS.logits[0]), r"\(4, 2, 3\): expected \[1, C, h, w\]"),
        (replace(MAPS, logits=MAPS.logits.repeat(2, 1, 1, 1)), r"\(2, 4, 2, 3\): expected \[1, C"),
        *[
            (replace(MAPS, logits=torch.zeros(1, count, 2, 3)), "expected 4 channels, one for each")
            for count in (1, 3, 5)
        ],
        (replace(MAPS, logits=MAPS.logits.permute(0, 2, 3, 1)), "expected 4 channels, one for ea"),
        (replace(MAPS, sizes=SIZES[0]), r"class_maps\.sizes: expected whole numbers \[1, 2\]"),
        (replace(MAPS, originals=SIZES.float()), r"class_maps\.originals: expected whole numbers"),
    ],
)
def test_maps_are_held_to_what_they_say(maps: Any, said: str) -> None:
    def measured(maps: Any) -> Any:
        return segmentation_metrics(test, [SignalBatch(("x",), {CLASS_MAPS: maps})], NAMES)

    truth = np.zeros((4, 6), np.uint8)
    test = LabelledSet(None, ("x",), {"x": Target.of(None, [0], mask=truth.copy)})  # type: ignore[arg-type]
    assert measured(MAPS)["mIoU"] == 1.0
    with pytest.raises(TrainingError, match=f"{said}.*; see x"):
        measured(maps)
