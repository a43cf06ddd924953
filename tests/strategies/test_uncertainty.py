import math
from typing import Any

import pytest
import torch

from alframe.errors import ConfigError, SelectionError
from alframe.signals import CLASS_PROBS, DETECTIONS, ClassProbs, Detections, SignalBatch
from alframe.strategies.uncertainty import Entropy, aggregate, entropy


def h(*p: float) -> float:
    return -sum(x * math.log(x) for x in p if x > 0)


def detections(
    probs: list[list[list[float]]], exclusive: bool, valid: list[list[int]]
) -> SignalBatch:
    """Scores are the largest foreground probability; boxes do not matter."""
    p = torch.tensor(probs)
    found = Detections(
        boxes=torch.zeros(*p.shape[:2], 4),
        scores=p[..., :2].amax(dim=-1),
        labels=torch.zeros(p.shape[:2], dtype=torch.long),
        valid=torch.tensor(valid, dtype=torch.bool),
        probs=p,
        exclusive=exclusive,
    )
    return SignalBatch(("a", "b"), {DETECTIONS: found})


# Image a: two detections; image b: one below the score threshold and one that is padding.
PROBS = [[[0.5, 0.1], [0.9, 0.2]], [[0.04, 0.01], [0.8, 0.8]]]
VALID = [[1, 1], [1, 0]]


def test_binary_entropies_are_summed_over_classes() -> None:
    value = entropy(torch.tensor([0.5, 0.1, 0.0, 1.0]), exclusive=False)
    assert float(value) == pytest.approx(h(0.5, 0.5) + h(0.1, 0.9))


@pytest.mark.parametrize("exclusive", [True, False])
def test_entropies_of_doubles_are_doubles(exclusive: bool) -> None:
    p = torch.tensor([0.3, 0.7], dtype=torch.float64)
    expected = -(p * p.log()).sum() * (1 if exclusive else 2)
    torch.testing.assert_close(entropy(p, exclusive), expected, rtol=1e-15, atol=0)
    assert entropy(p.half(), exclusive).dtype == torch.float32


def test_softmax_entropy_is_of_one_distribution() -> None:
    value = entropy(torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]), exclusive=True)
    assert value.tolist() == pytest.approx([h(0.5, 0.25, 0.25), 0.0])
    uniform = entropy(torch.full((20,), 0.05), exclusive=True)
    assert float(uniform) == pytest.approx(math.log(20))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", (h(0.5, 0.5) + h(0.1, 0.9) + h(0.9, 0.1) + h(0.2, 0.8)) / 2),
        ("sum", h(0.5, 0.5) + h(0.1, 0.9) + h(0.9, 0.1) + h(0.2, 0.8)),
        ("max", h(0.5, 0.5) + h(0.1, 0.9)),
        ("topk", h(0.5, 0.5) + h(0.1, 0.9)),
    ],
)
def test_detections_by_hand(how: str, expected: float) -> None:
    strategy = Entropy(aggregate=how, k=1, empty=-7.0)  # type: ignore[arg-type]
    assert strategy.requires == {DETECTIONS}
    scores = strategy.score(detections(PROBS, exclusive=False, valid=VALID))
    assert scores.tolist() == pytest.approx([expected, -7.0]), "b has no detection above 0.05"


@pytest.mark.parametrize(
    ("exclusive", "expected"),
    [
        (True, h(0.5, 0.3, 0.2) / 2),
        (False, (h(0.5, 0.5) + h(0.3, 0.7) + h(0.2, 0.8)) / 2),
    ],
)
def test_anchors_by_hand(exclusive: bool, expected: float) -> None:
    strategy = Entropy(unit="anchors")
    assert strategy.requires == {CLASS_PROBS}
    values = torch.tensor([[[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]]])
    batch = SignalBatch(("a",), {CLASS_PROBS: ClassProbs(values, exclusive)})
    assert strategy.score(batch).tolist() == pytest.approx([expected])


def test_a_detection_that_is_not_a_number_is_not_left_out() -> None:
    batch = detections([[[math.nan, 0.1]], [[0.5, 0.1]]], exclusive=False, valid=[[1], [1]])
    diverged, fine = Entropy().score(batch).tolist()
    assert math.isnan(diverged)
    assert fine == pytest.approx(h(0.5, 0.5) + h(0.1, 0.9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k: expected at least 1, got 0"),
        ({"unit": "boxes"}, "unit: expected one of .None, 'detections', 'anchors'., got 'boxes'"),
        ({"aggregate": "median"}, "aggregate: expected one of .*'topk'., got 'median'"),
    ],
)
def test_options_out_of_range(options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Entropy(**options)


def test_aggregate_against_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(6, 9, generator=generator)
    valid = torch.rand(6, 9, generator=generator) < 0.4
    valid[3] = False
    rows = [v[m].tolist() for v, m in zip(values, valid, strict=True)]
    assert 0 < min(filter(None, map(len, rows))) < 4 < max(map(len, rows))
    expected = {
        "mean": [sum(r) / len(r) if r else 0.0 for r in rows],
        "sum": [sum(r) for r in rows],
        "max": [max(r, default=0.0) for r in rows],
        "topk": [sum(sorted(r)[-4:]) / len(r[-4:]) if r else 0.0 for r in rows],
    }
    for how, numbers in expected.items():
        result = aggregate(values, valid, how, k=4)  # type: ignore[arg-type]
        assert result.tolist() == pytest.approx(numbers), how


def test_no_detection_slot_at_all_is_an_empty_image() -> None:
    nothing = SignalBatch(
        ("a",),
        {
            DETECTIONS: Detections(
                torch.zeros(1, 0, 4),
                torch.zeros(1, 0),
                torch.zeros(1, 0, dtype=torch.long),
                torch.zeros(1, 0, dtype=torch.bool),
                torch.zeros(1, 0, 3),
                False,
            )
        },
    )
    for how in ("mean", "sum", "topk", "max"):
        assert Entropy(aggregate=how, empty=0.5).score(nothing).tolist() == [0.5]  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", ["detections", "anchors"])
def test_a_softmax_over_the_logits_of_a_sigmoid_detector(unit: str) -> None:
    """Logits 2 and 0: sigmoids 0.881 and 0.5, softmax 0.881 and 0.119."""
    logits = torch.tensor([[[2.0, 0.0]], [[-3.0, -3.0]]])
    found = detections(logits.sigmoid().tolist(), False, [[1], [1]])
    dense = {CLASS_PROBS: ClassProbs(logits.sigmoid(), exclusive=False)}
    strategy = Entropy(unit=unit, sigmoid="softmax", min_score=0.0)  # type: ignore[arg-type]
    scores = strategy.score(SignalBatch(("a", "b"), {**found.values, **dense}))
    p = 1 / (1 + math.exp(-2))
    assert scores.tolist() == pytest.approx([h(p, 1 - p), math.log(2)], abs=1e-6)


def test_a_softmax_over_one_class_says_nothing() -> None:
    batch = SignalBatch(("a",), {CLASS_PROBS: ClassProbs(torch.tensor([[[0.5]]]), False)})
    with pytest.raises(SelectionError, match="a single class is always 1: set it to binary"):
        Entropy(unit="anchors", sigmoid="softmax").score(batch)
    sums_to_one = ClassProbs(torch.tensor([[[0.5, 0.5]]]), exclusive=True)
    same = Entropy(unit="anchors", sigmoid="softmax").score(
        SignalBatch(("a",), {CLASS_PROBS: sums_to_one})
    )
    assert same.tolist() == pytest.approx([math.log(2)]), "a softmax detector stays what it is"


def test_detections_of_a_softmax_stay_what_they_are() -> None:
    batch = detections([[[0.6, 0.3, 0.1]]], True, [[1]])
    assert torch.equal(Entropy(sigmoid="softmax").score(batch), Entropy().score(batch))
