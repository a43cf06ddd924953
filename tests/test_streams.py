"""Signals that are what they are said to be pass, and each that is not is told."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from alframe.errors import TrainingError
from alframe.learner import ClassProbs, Detections, SignalBatch
from alframe.streams import check_signal, each_once

FOUND = Detections(
    boxes=torch.tensor([[[0.0, 0, 4, 4], [1, 1, 3, 2]], [[2, 2, 5, 5], [9, 9, 0, 0]]]),
    scores=torch.tensor([[0.75, 0.5], [0.25, 7.0]]),
    labels=torch.tensor([[0, 1], [1, 99]]),
    valid=torch.tensor([[True, True], [True, False]]),
    probs=torch.tensor([[[0.75, 0.25], [0.5, 0.5]], [[0.75, 0.25], [7.0, 7.0]]]),
    exclusive=True,
)
"""What is padding may be anything."""


@pytest.mark.parametrize("values", [FOUND, (FOUND, FOUND), torch.ones(2), [1, 2]])
def test_what_is_right_or_of_no_known_kind_passes(values: Any) -> None:
    check_signal("x", values)
    check_signal("x", ClassProbs(torch.full((2, 3, 4), 0.9), exclusive=False))
    check_signal("x", ClassProbs(torch.full((2, 3, 4), 0.25), exclusive=True))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (ClassProbs(torch.ones(2, 4), False), r"x.values has the shape \(2, 4\): expected three"),
        (ClassProbs(torch.full((1, 1, 2), 1.5), False), r"x.values leaves 0\.\.1"),
        (ClassProbs(torch.full((1, 1, 2), 0.9), True), "x.values are exclusive and do not sum"),
        (replace(FOUND, labels=FOUND.labels[0]), r"x.labels has the shape \(2,\): expected \(2, "),
        (replace(FOUND, valid=~FOUND.valid), "come after padding: expected padding last"),
        (
            replace(FOUND, scores=FOUND.scores[:, [1, 0]]),
            "x.scores are not descending: expected the best first",
        ),
        (replace(FOUND, scores=FOUND.scores * 2), r"x.scores leave 0\.\.1"),
        (replace(FOUND, boxes=FOUND.boxes[..., [2, 3, 0, 1]]), "expected x1 y1 x2 y2"),
        (replace(FOUND, labels=FOUND.labels + 1), "x.labels: expected classes, of which probs has"),
        (replace(FOUND, probs=FOUND.probs / 2), "x.probs are exclusive and do not sum to 1"),
        ((FOUND, replace(FOUND, labels=FOUND.labels - 1)), r"x\[1\].labels: expected classes"),
    ],
)
def test_what_is_wrong_is_told(values: Any, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        check_signal("x", values)


def test_what_is_not_finite_is_told_by_others() -> None:
    check_signal("x", ClassProbs(torch.full((1, 1, 2), torch.nan), True))
    check_signal("x", replace(FOUND, scores=torch.full((2, 2), torch.nan)))


@pytest.mark.parametrize(
    ("exclusive", "classes", "right"),
    [(False, 4, True), (False, 3, False), (True, 4, True), (True, 3, True), (True, 2, False)],
)
def test_probabilities_of_other_classes(exclusive: bool, classes: int, right: bool) -> None:
    """Those of one softmax may have one more, of background."""
    probs = ClassProbs(torch.full((2, 3, 4), 0.25), exclusive)
    if right:
        check_signal("x", probs, classes)
    else:
        with pytest.raises(TrainingError, match=f"are of 4: expected the {classes} classes of the"):
            check_signal("x", probs, classes)


def test_each_once() -> None:
    batches = [SignalBatch(("a", "b"), {}), SignalBatch(("c",), {})]
    assert list(each_once(batches, ["c", "a", "b"])) == batches
    for ids in (["a", "b"], ["a", "b", "c", "d"]):
        with pytest.raises(TrainingError, match=f"3 images, asked for those of {len(ids)}: exp"):
            list(each_once(batches, ids))
    with pytest.raises(TrainingError, match="expected each once; see a, b"):
        list(each_once([*batches, batches[0]], ["a", "b", "c"]))
