"""Which images are chosen: those with the largest predictions."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from alframe.plugins import registry
from alframe.signals import PREDICTED_LOSS, SignalBatch
from alframe.strategies.ll4al.strategy import LL4AL
from alframe.strategy import Query

LOSSES = {"a": 0.3, "b": -2.0, "c": 1.5, "d": 0.3, "e": 0.9}


class Reader:
    def signals(self, ids: Sequence[str], names: frozenset[str]) -> Iterator[SignalBatch]:
        assert names == {PREDICTED_LOSS}
        for item in reversed(ids):
            yield SignalBatch((item,), {PREDICTED_LOSS: torch.tensor([LOSSES[item]])})


def query(budget: int, seed: int = 0) -> Query:
    rng = np.random.default_rng(seed)
    return Query(Reader(), tuple(LOSSES), (), {}, ("x",), budget, rng, 0)


def test_the_largest_predictions_are_taken() -> None:
    chosen = LL4AL().select(query(4))
    assert chosen.ids == ("c", "e", "a", "d"), "a and d tie: the smaller id first"
    assert chosen.scores == pytest.approx(LOSSES)


def test_the_strategy_asks_for_its_own_learner() -> None:
    entry = registry().get("strategies", "ll4al")
    assert entry.learner == "ll4al"
    provided = registry().get("learners", "ll4al").load().provides  # type: ignore[attr-defined]
    assert entry.load().requires <= provided  # type: ignore[attr-defined]
