from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from alframe.errors import ConfigError
from alframe.signals import CLASS_PROBS, DETECTIONS, SignalBatch
from alframe.strategies.class_balanced import ClassBalanced
from alframe.strategies.coreset import CoreSet
from alframe.strategies.uncertainty import Entropy
from tests.strategies.asking import detections, query, rows
from tests.strategies.test_power import ByNumber

FOUND = {
    "a1": [[0.5, 0.0]],  # the largest entropy
    "a2": [[0.6, 0.0]],
    "a3": [[0.7, 0.0]],
    "b1": [[0.0, 0.9]],
    "b2": [[0.0, 0.95]],
    "weak": [[0.2, 0.0]],
    "none": [],
}


def chosen(budget: int, seed: int = 0) -> tuple[str, ...]:
    asked = query({DETECTIONS: detections(FOUND)}, sorted(FOUND), budget, seed=seed)
    return ClassBalanced(Entropy()).select(asked).ids


@pytest.mark.parametrize("seed", range(4))
def test_each_class_gives_its_best_in_turn(seed: int) -> None:
    """By entropy alone a1, a2 and a3 come before b1."""
    order = chosen(7, seed)
    assert [item for item in order if item[0] == "a"] == ["a1", "a2", "a3"]
    assert [item for item in order if item[0] == "b"] == ["b1", "b2"]
    assert [set(order[:2]), set(order[2:4])] == [{"a1", "b1"}, {"a2", "b2"}]
    assert order[4:] == ("a3", "weak", "none"), "b has no more; then by score"


def test_the_class_that_is_first_is_drawn() -> None:
    assert {chosen(1, seed) for seed in range(12)} == {("a1",), ("b1",)}


def test_scores_are_those_of_the_other() -> None:
    asked = query({DETECTIONS: detections(FOUND)}, ["a1", "none"], 1)
    scores = ClassBalanced(Entropy()).select(asked).scores
    assert scores == pytest.approx({"a1": np.log(2), "none": 0.0})


def test_what_it_cannot_wrap() -> None:
    with pytest.raises(ConfigError, match="class-balanced needs a strategy that scores images"):
        ClassBalanced(CoreSet())


def test_the_pool_is_looked_at_once() -> None:
    asked = query({DETECTIONS: detections(FOUND)}, sorted(FOUND), 3)
    seen: list[str] = []
    stream = asked.learner.signals

    def counted(ids: Sequence[str], names: frozenset[str]) -> Iterator[SignalBatch]:
        seen.extend(ids)
        return stream(ids, names)

    asked.learner.signals = counted  # type: ignore[method-assign]
    assert len(ClassBalanced(Entropy()).select(asked).ids) == 3
    assert sorted(seen) == sorted(FOUND)


def test_a_class_is_shown_above_the_score_that_is_set() -> None:
    """At 0.1, weak shows class a and comes before what shows nothing."""
    numbers = {item: float(item == "none") for item in FOUND}
    makers = {DETECTIONS: detections(FOUND), "number": rows(numbers)}
    asked = query(makers, ["none", "weak"], 1)
    assert ClassBalanced(ByNumber()).select(asked).ids == ("none",)
    assert ClassBalanced(ByNumber(), min_score=0.1).select(asked).ids == ("weak",)


def test_signals_of_the_other_are_required_as_well() -> None:
    strategy = ClassBalanced(ByNumber())
    assert strategy.requires == {"number", DETECTIONS}
    strategy.adapt(frozenset({CLASS_PROBS}))
    assert strategy.requires == {"number", CLASS_PROBS}
