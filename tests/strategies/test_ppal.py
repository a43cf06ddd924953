import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from alframe.datasets.base import Target
from alframe.errors import ConfigError
from alframe.signals import BOX_FEATURES, DETECTIONS
from alframe.strategies import ppal
from alframe.strategies.instances import Instances
from alframe.strategies.ppal import PPAL, difficulties, k_center_of, similarities
from tests.strategies.asking import detections, query, rows


def h(p: float) -> float:
    return -(p * math.log(p) + (1 - p) * math.log(1 - p))


def test_difficulties_by_hand() -> None:
    """Object 0 is found with IoU 1/2; object 1 only as another class; the last is difficult."""
    boxes = {"a": [[0, 0, 10, 5], [20, 0, 30, 10]]}
    found = detections({"a": [[0.7, 0.1], [0.8, 0.2]]}, boxes=boxes)("a")
    target = Target.of(
        [[0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 60, 60]], [0, 1, 1], difficult=[0, 0, 1]
    )
    (first, easy), (second, hard) = difficulties(found, 0, target, xi=0.6)
    assert (first, second) == (0, 1)
    assert easy == pytest.approx(1 - 0.7**0.6 * 0.5**0.4)
    assert hard == 1.0
    assert difficulties(detections({"a": []})("a"), 0, target, 0.6) == [(0, 1.0), (1, 1.0)]


def test_weights_by_hand() -> None:
    """1 for the easiest class; for the hardest 1 + alpha ub log(exp(1 / alpha)) = 1 + ub."""
    b = math.exp(1 / 0.3) - 1
    expected = [1.0, 1 + 0.3 * 0.2 * math.log(b / 2 + 1), 1.2]
    assert PPAL().weights(torch.tensor([0.0, 0.5, 1.0])).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [0.01, 0.001, 1e-300])
def test_weights_of_a_steep_alpha_by_hand(alpha: float) -> None:
    """exp(1 / alpha) is beyond float32, or float64: alpha log(b d + 1) = 1 + alpha log(d)."""
    expected = [1.0, 1 + 0.2 * (1 + alpha * math.log(0.5)), 1.2]
    found = PPAL(alpha=alpha).weights(torch.tensor([0.0, 0.5, 1.0]))
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("alpha", [0.02, 0.3, 3.0, 100.0])
def test_weights_as_the_formula_has_them(alpha: float) -> None:
    hard = torch.linspace(0, 1, 11)
    expected = 1 + alpha * 0.2 * torch.log(math.expm1(1 / alpha) * hard.double() + 1)
    torch.testing.assert_close(
        PPAL(alpha=alpha).weights(hard).double(), expected, rtol=0, atol=1e-6
    )


def image(labels: list[int], scores: list[float], features: list[list[float]]) -> Instances:
    vectors = torch.nn.functional.normalize(torch.tensor(features).reshape(-1, 2))
    return Instances(torch.tensor(labels), torch.tensor(scores), torch.ones(len(labels)), vectors)


def test_similarity_by_hand() -> None:
    first = image([0, 0, 1], [0.6, 0.2, 0.2], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    second = image([0], [0.5], [[3.0, 4.0]])
    nothing = image([], [], [])
    forth, back = (0.6 * (1 + 0.6) / 2 + 0.2 * (1 + 0.8) / 2 + 0.2 * 0) / 1.0, (1 + 0.8) / 2
    result = similarities([first, nothing, second], 2)
    between = (forth + back) / 2
    expected = [[1, 0, between], [0, 0, 0], [between, 0, 1]]
    torch.testing.assert_close(result, torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize("at_once", [2**24, 50])
def test_similarities_against_loops(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppal, "AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    images = []
    for _ in range(15):
        n = int(rng.integers(0, 6))
        vectors = rng.standard_normal((n, 2)).tolist()
        images.append(image(rng.integers(0, 3, n).tolist(), rng.random(n).tolist(), vectors))

    def one_way(a: Instances, b: Instances) -> float:
        total = 0.0
        for label, score, vector in zip(a.labels, a.scores, a.features, strict=True):
            best = [float(vector @ b.features[n]) for n in range(len(b)) if b.labels[n] == label]
            total += float(score) * (1 + max(best, default=-1.0)) / 2
        return total / float(a.scores.sum()) if len(a) else 0.0

    result = similarities(images, 3)
    for i, a in enumerate(images):
        for j, b in enumerate(images):
            assert float(result[i, j]) == pytest.approx(
                (one_way(a, b) + one_way(b, a)) / 2, abs=1e-5
            )


def test_k_center_of_by_hand() -> None:
    line = torch.tensor([[0.0], [1.0], [9.0], [4.0]])
    assert k_center_of(torch.cdist(line, line), 4) == [0, 2, 3, 1]
    assert k_center_of(torch.zeros(3, 3), 3) == [0, 1, 2]


def test_uncertain_images_that_differ_are_chosen() -> None:
    """a, b and c are candidates; b looks as a does. Class 1 is never found, so it weighs 1.2."""
    found = {"a": [[0.5, 0]], "b": [[0.5, 0]], "c": [[0, 0.4]], "d": [[0.1, 0]], "e": [],
             "l": [[0.9, 0]]}  # fmt: skip
    features = {i: [[1.0, 0.0]] for i in "abcdl"} | {"e": torch.zeros(0, 2)}
    boxes = {i: [[0, 0, 10, 10]] for i in "abcdl"} | {"e": torch.zeros(0, 4)}
    targets = {"l": Target.of([[0, 0, 10, 10], [20, 20, 30, 30]], [0, 1])}
    makers = {DETECTIONS: detections(found, boxes=boxes), BOX_FEATURES: rows(features)}
    asked = query(makers, "edcba", 2, labelled=["l"], targets=targets)
    selection = PPAL(factor=2).select(asked)
    b, d = math.exp(1 / 0.3) - 1, 1 - 0.9**0.6
    weight = 1 + 0.06 * math.log(b * d + 1)
    assert selection.scores == pytest.approx(
        {"a": weight * h(0.5), "b": weight * h(0.5), "c": 1.2 * h(0.4), "d": weight * h(0.1),
         "e": 0.0}, rel=1e-5)  # fmt: skip
    assert selection.ids == ("c", "a"), "c has the largest score, since its class is hard"
    three = query(makers, "edcba", 3, labelled=["l"], targets=targets)
    assert PPAL(factor=1).select(three).ids == ("c", "a", "b"), "no more candidates than wanted"
    nothing = query(makers, "edcba", 1, labelled=["l"], targets={"l": Target.of([], [])})
    scores = PPAL().select(nothing).scores
    assert scores is not None
    assert scores["a"] == pytest.approx(1.2 * h(0.5)), "a class of which nothing is known is hard"
    everything = query(makers, "edcba", 5, labelled=["l"], targets=targets)
    assert PPAL().select(everything).ids == ("c", "a", "b", "d", "e")


def test_empty_images_are_no_candidates_before_others() -> None:
    """No other is like them, so that k-center would take them first."""
    empty = {f"e{n}": list[list[float]]() for n in range(9)}
    found = {"a": [[0.5, 0]], "b": [[0.4, 0]], "c": [[0.3, 0]], **empty}
    features = {i: [[1.0, 0.0]] for i in "abc"} | dict.fromkeys(empty, torch.zeros(0, 2))
    makers = {DETECTIONS: detections(found), BOX_FEATURES: rows(features)}
    for budget, chosen in ((2, "ab"), (3, "abc")):
        assert "".join(PPAL().select(query(makers, list(found), budget)).ids) == chosen
    assert PPAL().select(query(makers, list(found), 4)).ids == ("a", "b", "c", "e0")


def test_detections_up_to_the_least_score_add_nothing() -> None:
    asked = query({DETECTIONS: detections({"a": [[0.6, 0], [0.3, 0]]})}, "a", 1)
    assert PPAL(min_score=0.3).scores(asked) == pytest.approx({"a": 1.2 * h(0.6)})


def test_features_are_asked_for_candidates_alone() -> None:
    found = {"a": [[0.5, 0]], "b": [[0.4, 0]], "c": [[0.3, 0]], "d": [[0.1, 0]]}
    features, asked = {i: [[1.0, 0.0]] for i in "abcd"}, []

    def watched(ids: Sequence[str]) -> torch.Tensor:
        asked.extend(ids)
        return rows(features)(ids)

    makers = {DETECTIONS: detections(found), BOX_FEATURES: watched}
    assert PPAL(factor=2).select(query(makers, "abcd", 1)).ids == ("a",)
    assert sorted(asked) == ["a", "b"]


def test_options_out_of_range() -> None:
    for option, value in (("alpha", 0.0), ("xi", 1.5), ("factor", 0)):
        with pytest.raises(ConfigError, match=f"{option}: expected"):
            PPAL(**{option: value})  # type: ignore[arg-type]


def test_padding_finds_no_object() -> None:
    found = detections({"a": [[0.9, 0]]}, boxes={"a": [[0, 0, 10, 10]]})("a")
    target = Target.of([[0, 0, 10, 10]], [0])
    assert difficulties(found, 0, target, xi=0.6)[0][1] < 0.1
    padding = replace(found, valid=torch.zeros_like(found.valid))
    assert difficulties(padding, 0, target, xi=0.6) == [(0, 1.0)]
