"""Measures of classification, each worked out by hand."""

import math

import numpy as np
import pytest
import torch

from alframe.datasets.base import LabelledSet, Target
from alframe.errors import DataError, TrainingError
from alframe.signals import CLASS_PROBS, ClassProbs, SignalBatch
from alframe.tasks.classification.metrics import (
    calibration_error,
    classification_metrics,
    macro_f1,
    metrics_of,
)
from tests.fakes import FakeImages

PROBS = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]])
LABELS = np.array([0, 0, 1, 1])
"""Predicted: 0, 1, 1, 2; so the first and the third are right."""


def test_all_of_them_by_hand() -> None:
    found = metrics_of(PROBS, LABELS, ("cat", "dog", "emu"))
    assert next(iter(found)) == "accuracy"
    assert found["accuracy"] == 2 / 4
    assert found["class_accuracy"] == {"cat": 1 / 2, "dog": 1 / 2, "emu": None}
    # cat: TP 1, FP 0, FN 1; dog: TP 1, FP 1, FN 1; emu: TP 0, FP 1, FN 0
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    nll = -sum(map(math.log, (0.7, 0.4, 0.8, 0.25))) / 4
    assert found["errors"]["nll"] == pytest.approx(nll)
    # Confidences .7, .5, .8, .5 of 15 bins: .5 and .5 share one, of which none is right.
    ece = (abs(0.7 - 1) + abs(0.5 + 0.5 - 0) + abs(0.8 - 1)) / 4
    assert found["errors"]["ece"] == pytest.approx(ece)


def test_calibration_error_by_hand() -> None:
    """Two bins: .3 and .5 are in the lower one, its border; .6 and .9 in the upper one."""
    confidence, right = np.array([0.3, 0.5, 0.6, 0.9]), np.array([True, False, True, True])
    lower, upper = abs(0.4 - 0.5), abs(0.75 - 1.0)
    assert calibration_error(confidence, right, bins=2) == pytest.approx((lower + upper) / 2)
    border = calibration_error(np.array([0.5, 0.9]), np.array([True, False]), bins=2)
    assert border == pytest.approx((0.5 + 0.9) / 2)  # in the upper bin it would be 0.2
    assert calibration_error(np.ones(3), np.ones(3, bool)) == 0
    assert calibration_error(np.ones(3), np.zeros(3, bool)) == 1
    assert calibration_error(np.zeros(1), np.zeros(1, bool)) == 0


def test_calibration_error_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    confidence, right = rng.random(500), rng.random(500) < 0.5
    total = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            total += inside.sum() * abs(confidence[inside].mean() - right[inside].mean())
    assert calibration_error(confidence, right) == pytest.approx(total / 500)


def test_a_class_that_neither_occurs_nor_is_predicted_has_no_f1() -> None:
    assert macro_f1(np.array([0, 5]), np.array([0, 5])) == 1
    assert macro_f1(np.array([0, 0]), np.array([0, 5])) == pytest.approx((2 / 3 + 0) / 2)


def test_a_probability_of_0_costs_much_and_not_infinity() -> None:
    found = metrics_of(np.array([[1.0, 0.0]]), np.array([1]), ("a", "b"))
    assert found["errors"]["nll"] == pytest.approx(-math.log(1e-12))


def test_batches_in_any_order_and_images_without_a_class() -> None:
    targets = {str(n): Target.of(None, [label]) for n, label in enumerate(LABELS)}
    targets["none"] = Target.of(None, [])
    test = LabelledSet(FakeImages(), tuple(targets), targets)
    stream = [
        SignalBatch(ids, {CLASS_PROBS: ClassProbs(torch.from_numpy(PROBS[rows])[:, None], True)})
        for ids, rows in ((("3", "none"), [3, 0]), (("1", "0", "2"), [1, 0, 2]))
    ]
    classes = ("cat", "dog", "emu")
    assert classification_metrics(test, iter(stream), classes) == metrics_of(PROBS, LABELS, classes)
    for wrong in (math.nan, math.inf):
        stream[1][CLASS_PROBS].values[0, 0, 1] = wrong
        with pytest.raises(TrainingError, match="class probabilities of 1 are not finite"):
            classification_metrics(test, iter(stream), classes)
    several = ClassProbs(torch.from_numpy(PROBS[:3]).expand(2, 3, 3), True)
    with pytest.raises(TrainingError, match=r"\(2, 3, 3\): expected \[B, 1, C\].*; see 1, 2"):
        classification_metrics(test, [SignalBatch(("1", "2"), {CLASS_PROBS: several})], classes)
    nothing = LabelledSet(FakeImages(), ("none",), targets)
    with pytest.raises(DataError, match="none of 1 image to measure on has a class that the model"):
        classification_metrics(nothing, iter([]), classes)
