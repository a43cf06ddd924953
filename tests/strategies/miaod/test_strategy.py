"""Which images MI-AOD takes, by hand."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from alframe.config.resolve import from_overrides, resolve
from alframe.errors import ConfigError
from alframe.runs.build import build_strategy
from alframe.signals import DISAGREEMENT, SignalBatch
from alframe.strategies.miaod.strategy import MIAOD
from alframe.strategy import Query

EACH = {
    "a": [0.0, 0.9, 0.0, 0.0, 0.0],
    "b": [0.4, 0.4, 0.4, 0.0, 0.0],
    "c": [0.2, 0.2, 0.2, 0.2, 0.3],
}


class Disagreements:
    """Two batches of unlike numbers of anchors, as images of unlike shapes have."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def signals(self, ids: Sequence[str], names: frozenset[str]) -> Iterator[SignalBatch]:
        assert names == {DISAGREEMENT}
        self.asked += ids
        for item in ids:
            row = EACH.get(item, [0.01 * int(item[1:] or 0)] * 10)
            yield SignalBatch((item,), {DISAGREEMENT: torch.tensor([row])})


def query(ids: Sequence[str], budget: int) -> Query:
    return Query(
        learner=Disagreements(),
        unlabelled=tuple(ids),
        labelled=(),
        targets={},
        classes=("x",),
        budget=budget,
        rng=np.random.default_rng(0),
        cycle=0,
    )


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (1, {"a": 0.9, "b": 0.4, "c": 0.3}),
        (2, {"a": 0.45, "b": 0.4, "c": 0.25}),
        (3, {"a": 0.3, "b": 0.4, "c": 0.7 / 3}),
        (10000, {"a": 0.18, "b": 0.24, "c": 0.22}),
        (0.2, {"a": 0.9, "b": 0.4, "c": 0.3}),
        (0.4, {"a": 0.45, "b": 0.4, "c": 0.25}),
        (0.001, {"a": 0.9, "b": 0.4, "c": 0.3}),
        (1.0, {"a": 0.18, "b": 0.24, "c": 0.22}),
    ],
)
def test_the_mean_of_the_k_largest(k: float, expected: dict[str, float]) -> None:
    selection = MIAOD(k=k).select(query(tuple(EACH), 3))
    assert selection.scores == pytest.approx(expected)
    assert list(selection.ids) == sorted(expected, key=lambda i: -expected[i])


def test_half_precision_is_averaged_in_single() -> None:
    values = torch.full((1, 5000), 1e-3, dtype=torch.bfloat16)
    score = MIAOD(k=5000).score(SignalBatch(("a",), {DISAGREEMENT: values}))
    assert score.item() == pytest.approx(values[0, 0].item(), rel=1e-5)


def test_all_are_scored_and_nothing_is_drawn() -> None:
    everything = query([f"i{n:02d}" for n in range(20)], 7)
    before = everything.rng.bit_generator.state
    assert len(MIAOD().select(everything).scores or ()) == 20
    assert everything.rng.bit_generator.state == before


def test_an_empty_pool() -> None:
    assert MIAOD().select(query((), 3)).ids == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k: expected a whole number from 1 on, or a fraction up to 1.0, got 0"),
        ({"k": 1.5}, "k: expected a whole number"),
        ({"k": -0.1}, "k: expected a whole number"),
        ({"k": 0.0}, "k: expected a whole number"),
    ],
)
def test_options_out_of_range(options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MIAOD(**options)


def configured(*words: str) -> Any:
    return resolve([from_overrides(words)])


def test_what_is_configured_by_name() -> None:
    tiny = configured("strategy=miaod")
    assert tiny.learner.name == "miaod"
    assert tiny.strategy.options["k"] == 0.1
    assert tiny.learner.options["skip"] == "image", "a whole batch would nearly always be skipped"
    published = configured("strategy=miaod", "model=retina")
    assert published.strategy.options["k"] == 10000
    assert published.learner.options["label_ratio"] == 3
    assert published.learner.options["skip"] == "batch"
    for given, k in (("20", 20), ("1", 1), ("1.0", 1.0)):
        chosen = configured("strategy=miaod", f"strategy.k={given}").strategy.options["k"]
        assert chosen == k
        assert type(chosen) is type(k)


def test_another_learner_is_refused_at_once() -> None:
    config = configured("strategy=miaod", "learner=plain")
    with pytest.raises(
        ConfigError, match=r"requires the signal disagreement, .* learners that do: .*miaod"
    ):
        build_strategy(config)
