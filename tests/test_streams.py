"""Signals that are what they are said to be pass, and each that is not is told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alframe import signals
from alframe.datasets.base import ImageSet
from alframe.errors import SelectionError, TrainingError
from alframe.signal_checks import AXES, check_signal
from alframe.signals import (
    ANCHORS,
    AUGMENTED,
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    DISAGREEMENT,
    EMBEDDING,
    PREDICTED_LOSS,
    SAMPLES,
    ClassProbs,
    Detections,
    SignalBatch,
)
from alframe.streams import BOXES, DeclaredSignals, as_asked, each_once

ONE = ClassProbs(torch.ones(1, 1, 1), exclusive=True)
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
        (ClassProbs([[[0.5]]], False), "x.values is of type list: expected a tensor"),  # type: ignore[arg-type]
        (replace(FOUND, boxes=FOUND.boxes.numpy()), "x.boxes is of type ndarray: expected a tens"),
        (replace(FOUND, boxes=FOUND.boxes.mT), r"x.boxes has the shape \(2, 4, 2\): expected"),
        (replace(FOUND, scores=FOUND.scores[0]), r"x.scores has the shape \(2,\): expected two"),
        (replace(FOUND, probs=FOUND.probs[..., 0]), r"x.probs has the shape \(2, 2\): expected th"),
        (replace(FOUND, probs=FOUND.probs[:, :1]), r"x.probs has the shape \(2, 1, 2\): expected"),
        (replace(FOUND, valid=FOUND.valid.float()), "x.valid is torch.float32: expected booleans"),
        (replace(FOUND, valid=FOUND.valid.to("meta")), "x.valid are on meta, scores on cpu: exp"),
        (replace(FOUND, labels=FOUND.labels.float()), "x.labels are torch.float32: expected whole"),
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
        (replace(FOUND, labels=FOUND.labels + 1), r"x.labels leave 0\.\.1, the 2 classes"),
        (replace(FOUND, probs=FOUND.probs / 2), "x.probs are exclusive and do not sum to 1"),
        ((FOUND, replace(FOUND, labels=FOUND.labels - 1)), r"x\[1\].labels leave 0\.\.1"),
        (ClassProbs(torch.ones(2, 3, 0), False), "x.values are of no class"),
        (ClassProbs(torch.ones(2, 0, 3), False), "x.values are of no prediction"),
        (replace(FOUND, probs=FOUND.probs[..., :0]), "x.probs are of no class"),
        (ClassProbs(torch.ones(2, 3, 1), "False"), "exclusive is 'False': expected True or False"),  # type: ignore[arg-type]
        (ClassProbs(torch.ones(2, 3, 1) * 1j, False), "x.values is torch.complex64: expected real"),
        (ClassProbs(torch.ones(2, 3, 1).requires_grad_(), False), "x.values requires a gradient"),
    ],
)
def test_what_is_wrong_is_told(values: Any, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        check_signal("x", values)


@pytest.mark.parametrize("classes", [20, 80, 1000])
def test_many_probabilities_miss_one_by_no_more_than_few(classes: int) -> None:
    probs = torch.full((1, 1, classes), 1 / classes)
    check_signal("x", ClassProbs(probs.half(), exclusive=True))
    check_signal("x", ClassProbs(probs * 0.96, exclusive=True))
    for wrong in (0.0, 0.9, 1.1):
        with pytest.raises(TrainingError, match="do not sum to 1"):
            check_signal("x", ClassProbs(probs * wrong, exclusive=True))


@pytest.mark.parametrize(
    ("probs", "exclusive", "right"),
    [
        ([0.5, 1.004], False, True),
        ([0.5, 1.006], False, False),
        ([0.5, -0.004], False, True),
        ([0.5, -0.006], False, False),
        ([0.5, 0.25, 0.264], True, True),
        ([0.5, 0.25, 0.266], True, False),
    ],
)
def test_how_much_probabilities_may_miss(probs: list[float], exclusive: bool, right: bool) -> None:
    values = ClassProbs(torch.tensor([[probs]]), exclusive)
    if right:
        check_signal("x", values)
    else:
        with pytest.raises(TrainingError, match=r"leaves 0|do not sum"):
            check_signal("x", values)


@pytest.mark.parametrize("name", AXES)
def test_every_tensor_has_its_axes(name: str) -> None:
    """Those that its comment in ``alframe.signals`` names."""
    source = Path(signals.__file__).read_text(encoding="utf-8")
    comment = source.partition(f'= "{name}"')[2].partition("Tensor [")[2].partition("]")[0]
    shape = [3] * len(comment.split(", "))
    check_signal(name, torch.ones(shape))
    for wrong in (shape[1:], [*shape, 3]):
        with pytest.raises(TrainingError, match=f"{name} has the shape .* expected"):
            check_signal(name, torch.ones(wrong))


@pytest.mark.parametrize("odd", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_told_by_others(odd: float) -> None:
    for exclusive in (True, False):
        check_signal("x", ClassProbs(torch.tensor([[[odd, 0.5]]]), exclusive))
    scores, boxes = FOUND.scores.clone(), FOUND.boxes.clone()
    scores[0, 0] = boxes[0, 0, 2] = odd
    check_signal("x", replace(FOUND, scores=scores, boxes=boxes))


def test_scores_that_are_rounded_are_right() -> None:
    scores = torch.tensor([[1.0000001, 0.5], [-0.001, 7.0]])
    check_signal("x", replace(FOUND, scores=scores))


def test_nothing_is_of_the_right_kind() -> None:
    for name, shape in ((DISAGREEMENT, (2, 0)), (ANCHORS, (2, 0, 4)), (BOX_FEATURES, (2, 0, 3))):
        check_signal(name, torch.ones(shape))
    check_signal(EMBEDDING, torch.ones(2, 3).int())
    check_signal(CLASS_PROBS, ClassProbs(torch.full((2, 1, 2), 0.5), np.bool_(True)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exclusive", "classes", "right"),
    [(False, 4, True), (False, 3, False), (True, 4, True), (True, 3, True), (True, 2, False)],
)
def test_probabilities_of_other_classes(exclusive: bool, classes: int, right: bool) -> None:
    """Those of one softmax may have one more, of background."""
    probs = ClassProbs(torch.full((2, 3, 4), 0.25), exclusive)
    check_signal("objectness", probs, classes)  # whatever a plugin means by it
    if right:
        check_signal(CLASS_PROBS, probs, classes)
    else:
        with pytest.raises(TrainingError, match=f"are of 4: expected the {classes} classes of the"):
            check_signal(CLASS_PROBS, probs, classes)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        (DETECTIONS, {"boxes": 1}, "detections is of type dict: expected a Detections"),
        (CLASS_PROBS, torch.ones(2, 2), "class_probs is of type Tensor: expected a ClassProbs"),
        (SAMPLES, FOUND, "samples is of type Detections: expected a tuple"),
        (AUGMENTED, (FOUND, ONE), r"augmented\[1\] is of type ClassProbs: expected a Detections"),
        (AUGMENTED, (FOUND, None), r"augmented\[1\] is of type NoneType: expected a Detections"),
        (EMBEDDING, [1.0], "embedding is of type list: expected a tensor"),
        (EMBEDDING, torch.ones(2, 3, 1, 1), r"embedding has .* \(2, 3, 1, 1\): expected two axes"),
        (EMBEDDING, torch.ones(2, 0), "embedding has vectors of no numbers"),
        (BOX_FEATURES, torch.ones(2, 3, 0), "box_features has vectors of no numbers"),
        (EMBEDDING, torch.ones(2, 3) * 1j, "embedding is torch.complex64: expected real numbers"),
        (EMBEDDING, torch.ones(2, 3).bool(), "embedding is torch.bool: expected numbers"),
        (AUGMENTED, (), "augmented is empty: expected a Detections or more"),
        (PREDICTED_LOSS, torch.ones(2, 1), r"predicted_loss has .* \(2, 1\): expected one axis"),
    ],
)
def test_what_a_name_says(name: str, values: Any, said: str) -> None:
    check_signal("x", values)
    with pytest.raises(TrainingError, match=said):
        check_signal(name, values)


def test_background_is_no_class() -> None:
    found = replace(FOUND, exclusive=False)
    check_signal(DETECTIONS, found, 2)
    with pytest.raises(TrainingError, match=r"detections\.labels leave 0\.\.0, the 1 class"):
        check_signal(DETECTIONS, FOUND, 1)  # of two probabilities, the second of background


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"own": 1}, "the signal detections is missing, of a, b: expected every signal that prov"),
        ({DETECTIONS: FOUND, "own": torch.ones(1)}, r"own has the shape \(1,\): expected 2 rows"),
        ({DETECTIONS: FOUND, "own": (torch.ones(2), FOUND, torch.ones(3, 1))}, r"\(3, 1\): exp"),
    ],
)
def test_what_was_asked_for(values: dict[str, Any], said: str) -> None:
    good = SignalBatch(("a", "b"), {DETECTIONS: FOUND, "own": object()})
    assert list(as_asked([good], ["a", "b"], frozenset({DETECTIONS}), 2)) == [good]
    bad = SignalBatch(("c", "d"), values)
    stream = as_asked([good, replace(bad, ids=("a", "b"))], ["a", "b"], frozenset({DETECTIONS}))
    assert next(stream) == good
    with pytest.raises(TrainingError, match=said):
        next(stream)


def test_each_once() -> None:
    batches = [SignalBatch(("a", "b"), {}), SignalBatch(("c",), {})]
    assert list(each_once(batches, ["c", "a", "b"])) == batches
    for ids in (["a", "b"], ["a", "b", "c", "d"]):
        with pytest.raises(TrainingError, match=f"3 images, asked for those of {len(ids)}: exp"):
            list(each_once(batches, ids))
    with pytest.raises(TrainingError, match="expected each once; see a, b"):
        list(each_once([*batches, batches[0]], ["a", "b", "c"]))
    with pytest.raises(TrainingError, match="expected each once; see c"):
        list(each_once([batches[0], SignalBatch(("c", "c"), {})], ["a", "b", "c"]))


EMPTY = replace(FOUND, valid=torch.zeros(2, 2, dtype=torch.bool))
"""A batch on which nothing was found, of which there is nothing to say."""


def detected(**parts: Any) -> dict[str, Any]:
    return {DETECTIONS: replace(FOUND, **parts)}


@pytest.mark.parametrize(
    ("first", "later", "said"),
    [
        ({DETECTIONS: EMPTY}, detected(scores=FOUND.scores.flip(1)), "are not descending"),
        ({DETECTIONS: EMPTY}, detected(labels=FOUND.labels + 1), "leave 0..1, the 2 classes"),
        ({DETECTIONS: EMPTY}, detected(boxes=FOUND.boxes.flip(2)), "expected x1 y1 x2 y2"),
        (
            {DETECTIONS: EMPTY},
            detected(probs=FOUND.probs[:1]),
            r"detections.probs has the shape \(1, 2, 2\): expected \(2, 2\)",
        ),
        ({EMBEDDING: torch.ones(2, 3)}, {EMBEDDING: torch.ones(2, 1)}, "of 1 number, and had thos"),
        (
            {BOX_FEATURES: torch.ones(2, 2, 3)},
            {BOX_FEATURES: torch.ones(2, 2, 1)},
            "box_features has vectors of 1 number, and had those of 3: expected one length",
        ),
        (
            {DETECTIONS: FOUND, BOX_FEATURES: torch.ones(2, 2, 3)},
            {DETECTIONS: FOUND, BOX_FEATURES: torch.ones(2, 1, 3)},
            "as many of each, got 1 of box_features, 2 of detections",
        ),
        (
            {ANCHORS: torch.ones(2, 5, 4), DISAGREEMENT: torch.ones(2, 5)},
            {ANCHORS: torch.ones(2, 5, 4), DISAGREEMENT: torch.ones(2, 1)},
            "as many of each, got 5 of anchors, 1 of disagreement",
        ),
    ],
)
def test_a_run_looks_at_every_batch(
    first: dict[str, Any], later: dict[str, Any], said: str
) -> None:
    class Learner:
        def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
            yield SignalBatch(images.ids[:2], first)
            yield SignalBatch(images.ids[2:], later)

    seen = DeclaredSignals(Learner(), None, frozenset(first), classes=2)  # type: ignore[arg-type]
    stream = seen.signals(["a", "b", "c", "d"], frozenset(first))
    assert next(stream).ids == ("a", "b")
    with pytest.raises(TrainingError, match=f"{said}.*; see c, d"):
        next(stream)


def test_names_of_signals_are_a_set() -> None:
    seen = DeclaredSignals(None, None, frozenset({DETECTIONS}))  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="asks for 'detections': expected a set of signals"):
        seen.signals(["a"], DETECTIONS)  # type: ignore[arg-type]


def boxed(side: float, count: int = BOXES, valid: int = BOXES) -> SignalBatch:
    """One image, with boxes of a half of a side."""
    found = Detections(
        boxes=torch.tensor([0, 0, side / 2, side]).expand(1, count, 4),
        scores=torch.full((1, count), 0.5),
        labels=torch.zeros(1, count, dtype=torch.long),
        valid=torch.arange(count)[None] < valid,
        probs=torch.full((1, count, 1), 0.5),
        exclusive=False,
    )
    return SignalBatch(("a",), {DETECTIONS: found})


@pytest.mark.parametrize(
    ("batch", "right"),
    [
        (boxed(1), False),
        (boxed(1.1), False),  # not clipped
        (boxed(3), True),
        (boxed(1, BOXES - 1), True),
        (boxed(1, BOXES, BOXES - 1), True),
        (boxed(0), True),
    ],
)
def test_boxes_are_no_shares(batch: SignalBatch, right: bool) -> None:
    first = boxed(side=1, valid=0)
    stream = as_asked([first, replace(batch, ids=("b",))], ["a", "b"], frozenset({DETECTIONS}))
    if right:
        assert len(list(stream)) == 2
    else:
        with pytest.raises(TrainingError, match=r"all reach from 0 to about 1: expected pixels"):
            list(stream)


def streamed(*batches: SignalBatch) -> int:
    ids = [str(n) for n in range(len(batches))]
    named = [replace(batch, ids=(item,)) for batch, item in zip(batches, ids, strict=True)]
    return len(list(as_asked(named, ids, frozenset({DETECTIONS}))))


def test_boxes_of_all_batches_are_looked_at() -> None:
    few = boxed(1, BOXES - 1)
    assert streamed(boxed(3), boxed(1)) == streamed(boxed(1), boxed(3)) == 2
    assert streamed(few, boxed(3, 1)) == 2
    with pytest.raises(TrainingError, match="shares"):
        streamed(few, boxed(1, 1))


def test_padding_says_nothing_of_shares() -> None:
    """It lies far outside of the first pixel."""
    batch = boxed(1, BOXES + 1, BOXES)
    boxes = batch[DETECTIONS].boxes.clone()
    boxes[:, -1] = 100.0
    with pytest.raises(TrainingError, match="shares"):
        streamed(replace(batch, values={DETECTIONS: replace(batch[DETECTIONS], boxes=boxes)}))
