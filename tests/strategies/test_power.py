from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alframe.errors import ConfigError, SelectionError
from alframe.signals import SignalBatch
from alframe.strategies.coreset import CoreSet
from alframe.strategies.ll4al.strategy import LL4AL
from alframe.strategies.power import Kind, Power
from alframe.strategy import ScoringStrategy
from tests.strategies.asking import query, rows


class ByNumber(ScoringStrategy):
    requires = frozenset({"number"})

    def score(self, batch: SignalBatch) -> Any:
        return batch["number"]


def first_drawn(numbers: dict[str, float], draws: int, **options: Any) -> Counter[str]:
    asked = query({"number": rows(numbers)}, list(numbers), 1)
    strategy = Power(ByNumber(), **options)
    return Counter(
        strategy.select(replace(asked, rng=np.random.default_rng(seed))).ids[0]
        for seed in range(draws)
    )


@pytest.mark.parametrize(
    ("kind", "beta", "weights"),
    [
        ("power", 1.0, {"a": 1, "b": 2, "c": 5}),
        ("power", 2.0, {"a": 1, "b": 4, "c": 25}),
        ("softmax", 0.5, {"a": np.exp(0.5), "b": np.exp(1.0), "c": np.exp(2.5)}),
        ("softrank", 1.0, {"a": 1 / 3, "b": 1 / 2, "c": 1}),
    ],
)
def test_the_first_is_drawn_in_proportion(
    kind: Kind, beta: float, weights: dict[str, float]
) -> None:
    draws = 2000
    counts = first_drawn({"a": 1.0, "b": 2.0, "c": 5.0}, draws, kind=kind, beta=beta)
    for item, weight in weights.items():
        p = weight / sum(weights.values())
        assert abs(counts[item] - draws * p) < 5 * (draws * p * (1 - p)) ** 0.5, item


def test_scores_are_those_of_the_other_and_zeros_come_last_in_any_order() -> None:
    numbers = {"a": 0.0, "b": 1e-9, "c": 0.0, "d": 3.0}
    asked = query({"number": rows(numbers)}, "abcd", 4)
    lasts = set()
    for seed in range(20):
        selection = Power(ByNumber()).select(replace(asked, rng=np.random.default_rng(seed)))
        assert set(selection.ids[:2]) == {"b", "d"}
        assert selection.scores == pytest.approx(numbers)
        lasts.add(selection.ids[2:])
    assert lasts == {("a", "c"), ("c", "a")}


def test_the_draw_does_not_depend_on_what_was_drawn_before() -> None:
    scores = {f"i{n}": 1.0 for n in range(9)}
    fresh, used = (query({}, list(scores), 9) for _ in range(2))
    used.rng.random()
    assert Power(ByNumber()).choose(scores, used) == Power(ByNumber()).choose(scores, fresh)


def test_a_large_beta_is_the_ranking() -> None:
    numbers = {f"i{n}": float(n + 1) for n in range(6)}
    asked = query({"number": rows(numbers)}, list(numbers), 6)
    assert Power(ByNumber(), beta=1e6).select(asked).ids == tuple(sorted(numbers, reverse=True))


def test_negative_scores_are_refused_by_name_where_a_logarithm_is_taken() -> None:
    asked = query({"number": rows({"a": 1.0, "b": -2.0})}, "ab", 1)
    with pytest.raises(SelectionError, match=r"that of b is -2.0: set kind to softmax"):
        Power(ByNumber()).select(asked)
    assert len(Power(ByNumber(), kind="softmax").select(asked).ids) == 1


def test_what_it_cannot_wrap_and_options_out_of_range() -> None:
    with pytest.raises(
        ConfigError, match="power needs a strategy that scores images, such as entropy; CoreSet"
    ):
        Power(CoreSet())
    with pytest.raises(ConfigError, match="beta: expected above 0, got 0"):
        Power(ByNumber(), beta=0)
    with pytest.raises(ConfigError, match=r"kind: expected one of .*, got 'gumbel'"):
        Power(ByNumber(), kind="gumbel")  # type: ignore[arg-type]


def test_scores_that_may_be_negative_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(ConfigError, match="LL4AL may be negative; expected softrank or softmax"):
        Power(LL4AL())
    assert Power(LL4AL(), kind="softrank").requires == LL4AL.requires


def test_the_draw_does_not_depend_on_the_order_of_scores() -> None:
    scores = {f"i{n}": float(n + 1) for n in range(9)}
    backwards = dict(reversed(scores.items()))
    one, other = (query({}, list(scores), 9) for _ in range(2))
    assert Power(ByNumber()).choose(scores, one) == Power(ByNumber()).choose(backwards, other)


def test_equal_scores_have_ranks_in_the_order_of_ids() -> None:
    numbers = {f"{n:03d}": float(n % 2) for n in range(100)}
    asked = query({"number": rows(numbers)}, list(numbers), 100)
    odd, even = sorted(numbers)[1::2], sorted(numbers)[::2]
    chosen = Power(ByNumber(), kind="softrank", beta=1e6).select(asked).ids
    assert chosen == (*odd, *even)
