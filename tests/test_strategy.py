import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from alframe.datasets.base import ImageSet
from alframe.errors import SelectionError, TrainingError
from alframe.signals import SignalBatch
from alframe.strategy import Query, ScoringStrategy, Selection, check_selection, tied, top
from alframe.streams import DeclaredSignals
from tests.fakes import FakeLearner, fake_dataset


class ByNumber(ScoringStrategy):
    requires = frozenset({"number"})

    def score(self, batch: SignalBatch) -> Any:
        return batch["number"]


class Reader:
    def __init__(self, numbers: dict[str, float], tensors: bool = False) -> None:
        self.numbers, self.tensors = numbers, tensors

    def signals(self, ids: Any, names: frozenset[str]) -> Any:
        assert names == {"number"}
        for item in reversed(ids):  # any order is allowed
            value = [self.numbers[item]]
            yield SignalBatch((item,), {"number": torch.tensor(value) if self.tensors else value})


def query(numbers: dict[str, float], budget: int, **more: Any) -> Query:
    return Query(
        learner=Reader(numbers, **more),
        unlabelled=tuple(sorted(numbers)),
        labelled=(),
        targets={},
        classes=("a",),
        budget=budget,
        rng=np.random.default_rng(0),
        cycle=0,
    )


def test_the_largest_scores_are_taken_and_ties_go_to_the_smaller_id() -> None:
    numbers = {"d": 1.0, "a": 2.0, "c": 2.0, "b": 0.5}
    for tensors in (False, True):
        selection = ByNumber().select(query(numbers, 3, tensors=tensors))
        assert selection.ids == ("a", "c", "d")
        assert selection.scores == numbers


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64, torch.int64])
def test_scores_may_be_of_any_type_of_numbers(kind: torch.dtype) -> None:
    scores = Giving(torch.tensor([2.0]).to(kind)).select(query({"a": 1.0}, 1)).scores
    assert scores == {"a": 2.0}


def test_ids_of_a_query_are_sorted() -> None:
    asked = replace(query({"a": 1.0}, 1), unlabelled=("b", "a"), labelled=("d", "c"))
    assert (asked.unlabelled, asked.labelled) == (("a", "b"), ("c", "d"))


def test_top_takes_everything_when_the_pool_is_smaller() -> None:
    assert top({"b": 1.0, "a": 1.0}, 5) == ("a", "b")
    assert top({}, 5) == ()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_refused_by_name(bad: float) -> None:
    with pytest.raises(SelectionError, match=r"1 of 3 scores are not finite: b \("):
        ByNumber().select(query({"a": 1.0, "b": bad, "c": 2.0}, 1))


@pytest.mark.parametrize(
    "given", [["0.5", "2"], [b"1", b"2"], [1j, 2], torch.tensor([1j, 2]), [[1], [2, 3]]]
)
def test_scores_that_are_no_numbers_are_not_made_such(given: Any) -> None:
    class Odd(ByNumber):
        def score(self, batch: SignalBatch) -> Any:
            return given[:1]

    with pytest.raises(SelectionError, match=r"Odd\.score: expected one number for each of 1 im"):
        Odd().select(query({"a": 1.0}, 1))


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(("a",)), "chose 1 items, the budget is 2"),
        (Selection(("a", "a")), "twice"),
        (Selection(("a", "x")), "not unlabelled"),
        (Selection(("a", "b"), {"a": 1.0, "b": math.nan}), "not finite: b"),
        (Selection(("a", "b"), {"a": 1.0, "x": 2.0}), r"scored \['x'\], which are not unlabelled"),
        (Selection(("a", "b"), {"a": "much"}), "expected a number by id, or None"),  # type: ignore[dict-item]
        (Selection(("a", "b"), [1.0, 2.0]), "expected a number by id, or None"),  # type: ignore[arg-type]
        (Selection(None), "expected a tuple of ids"),  # type: ignore[arg-type]
        (Selection((1, 2)), "expected a tuple of ids"),  # type: ignore[arg-type]
    ],
)
def test_a_broken_selection_is_refused(selection: Selection, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        check_selection(selection, ("a", "b", "c"), 2)


@pytest.mark.parametrize(
    "one",
    [
        np.float32(0.5), np.float16(0.5), np.array([0.5]), np.array(0.5), torch.tensor(0.5),
        torch.tensor([0.5], requires_grad=True), torch.tensor(0.5, dtype=torch.bfloat16),
        Fraction(1, 2), Decimal("0.5"),
    ],
)  # fmt: skip
def test_a_selection_ends_in_plain_texts_and_numbers(one: Any) -> None:
    """Which files keep, and which are what they were when they are read again."""
    names = np.array(["a", "b"])
    made = check_selection(Selection(tuple(names), {names[0]: one}), ("a", "b", "c"), 2)
    assert made == Selection(("a", "b"), {"a": 0.5})
    assert made.scores is not None
    assert {type(item) for item in (*made.ids, *made.scores)} == {str}
    assert type(made.scores["a"]) is float


@pytest.mark.parametrize("one", ["0.5", b"0.5", None, np.zeros(2), 10**400, timedelta(1), 1j])
def test_a_score_that_is_no_number(one: Any) -> None:
    with pytest.raises(SelectionError, match="expected a number by id, or None"):
        check_selection(Selection(("a",), {"a": one}), ("a",), 1)


def test_a_strategy_cannot_ask_for_a_signal_that_it_did_not_declare() -> None:
    dataset = fake_dataset()
    reader = DeclaredSignals(FakeLearner(), dataset.images, frozenset())
    with pytest.raises(SelectionError, match=r"asks for .'number'. but does not require it"):
        reader.signals(dataset.pool, frozenset({"number"}))


@pytest.mark.parametrize(
    ("streamed", "said"),
    [
        (lambda ids: ids[1:], r"signals of 4 images, asked for those of 5: .*see p000"),
        (lambda ids: (*ids, ids[2]), r"signals of 6 images, asked for those of 5: .*see p002"),
    ],
)
def test_a_learner_streams_every_image_once(streamed: Any, said: str) -> None:
    class Careless(FakeLearner):
        def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
            return super().signals(replace(images, ids=streamed(images.ids)), names)

    images, ids = fake_dataset().images, fake_dataset().pool[:5]
    reader = DeclaredSignals(Careless(), images, frozenset({"number"}))
    with pytest.raises(TrainingError, match=said):
        list(reader.signals(ids, frozenset({"number"})))


class Giving(ByNumber):
    def __init__(self, values: Any) -> None:
        self.values = values

    def score(self, batch: SignalBatch) -> Any:
        return self.values


def test_scores_that_are_not_one_number_an_image_are_named_by_their_shape() -> None:
    for values, got in (
        (np.zeros((1, 3)), r"shape \[1, 3\]"),
        (np.zeros(2), r"shape \[2\]"),
        (1.0, r"shape \[\]"),
        (["high"], "'high'"),
        ([[1], [2, 3]], r"\[\[1\], \[2, 3\]\]"),
        ({"a": 1.0}, "{'a': 1.0}"),
    ):
        with pytest.raises(SelectionError, match=f"Giving.score: .* for each of 1 .*{got}"):
            Giving(values).select(query({"a": 1.0}, 1))


@pytest.mark.parametrize(
    ("ids", "scores", "said"),
    [
        ("ab", {"a": 1, "b": 1, "c": 1, "d": 0}, "3 images have one score, 1, which does"),
        (
            "abcd",
            {"a": 2, "b": 1, "c": 1, "d": 1, "e": 1},
            "4 images have one score, 1, which does",
        ),
        ("abc", {"a": 2, "b": 1, "c": 1, "d": 1}, None),  # two of three
        ("abc", {"a": 3, "b": 2, "c": 1, "d": 1}, None),  # a single one
        ("ab", {"a": 1, "b": 1, "c": 0.5}, None),  # all that are equal are chosen
        ("bc", {"a": 1, "b": 1, "c": 1}, None),  # drawn, not by name
    ],
)
def test_a_choice_that_follows_from_names_is_told(ids: str, scores: Any, said: str | None) -> None:
    found = tied(list(ids), scores)
    assert found is None if said is None else found and found.startswith(said)
