"""Turns, ratios and failures, by a clock that says what it is told."""

import pytest
import torch

from alframe.benchmarks.speed import contest as module
from alframe.benchmarks.speed.cases import Setting
from alframe.benchmarks.speed.contest import Side, contest
from alframe.benchmarks.speed.row import GFLOP, RATIO, ROOFLINE, SECONDS

CPU = torch.device("cpu")


class Clock:
    """Every call of a side takes as long as its list says; a warm-up takes the first number."""

    def __init__(self, seconds):
        self.seconds = {side: list(values) for side, values in seconds.items()}
        self.log = []

    def side(self, name, against=None, **options):
        return Side(name, lambda: name, against, **options)

    def __call__(self, work, calls):
        name = work()
        self.log.append((name, calls))
        return self.seconds[name].pop(0)


def rows(clock, sides, **options):
    setting = Setting(CPU, clock, **options)
    return {row.side: row for row in contest("family/case", sides, setting, items=4, unit="images")}


def test_ratios_are_of_the_same_turn():
    """10 and 5, then 30 and 10, then 20 and 8: ratios 0.5, 1/3, 0.4, not 8 / 20 of the medians."""
    clock = Clock({"stock": [1, 10, 30, 20], "ours": [1, 5, 10, 8]})
    found = rows(clock, [clock.side("stock"), clock.side("ours", "stock")], repeats=3)
    assert found["stock"].measures[SECONDS].values == (10, 30, 20)
    assert found["stock"].measures[SECONDS].median == 20
    assert RATIO not in found["stock"].measures
    ratio = found["ours"].measures[RATIO]
    assert ratio.values == pytest.approx((0.5, 1 / 3, 0.4))
    assert (min(ratio.values), ratio.median, max(ratio.values)) == pytest.approx((1 / 3, 0.4, 0.5))
    assert (found["ours"].items, found["ours"].unit, found["ours"].against) == (
        4,
        "images",
        "stock",
    )


def test_turns_alternate_and_quick_work_is_measured_in_bulk():
    """0.05 s a call make 4 calls of a measurement, 0.3 s a single one."""
    clock = Clock({"a": [0.05] * 4, "b": [0.3] * 4})
    rows(clock, [clock.side("a"), clock.side("b")], repeats=3)
    warm_up = [("a", 1), ("b", 1)]
    assert clock.log == [*warm_up, *[("a", 4), ("b", 1), ("b", 1), ("a", 4), ("a", 4), ("b", 1)]]


def test_a_quick_setting_calls_once():
    clock = Clock({"a": [0.001] * 2})
    rows(clock, [clock.side("a")], repeats=2, quick=True)
    assert clock.log == [("a", 1), ("a", 1)]


def test_patience_ends_after_the_least_turns():
    clock = Clock({"a": [1] * 20})
    found = rows(clock, [clock.side("a")], repeats=9, patience=0.0)
    assert len(found["a"].measures[SECONDS].values) == module.LEAST == 3


def test_a_side_that_fails_is_reported_and_the_others_go_on():
    clock = Clock({"stock": [1, 1, 1], "ours": [1, 2, 2]})

    def broken():
        raise torch.OutOfMemoryError("out\nof memory")

    sides = [clock.side("stock"), Side("compiled", broken, "stock"), clock.side("ours", "stock")]
    found = rows(clock, sides, repeats=2)
    assert found["compiled"].failed == "OutOfMemoryError: out of memory"
    assert found["compiled"].measures == {}
    assert found["ours"].measures[RATIO].values == (2, 2)


def test_what_fails_in_a_later_turn_has_no_measures_and_nothing_is_compared_with_it():
    clock = Clock({"stock": [1, 1], "ours": [1, 2, 2, 2]})  # stock runs out of numbers
    found = rows(clock, [clock.side("stock"), clock.side("ours", "stock")], repeats=3)
    assert found["stock"].failed == "IndexError: pop from empty list"
    assert found["ours"].measures[SECONDS].values == (2, 2, 2)
    assert RATIO not in found["ours"].measures


def test_the_share_of_the_roofline(monkeypatch):
    """600 operations in 2 s, where 1000 a second are possible: 30 %."""
    monkeypatch.setattr(module, "peak", lambda device, precision, clock: 1000.0)
    clock = Clock({"a": [1, 2, 3, 4]})
    found = rows(clock, [clock.side("a", flops=600)], repeats=3)
    assert found["a"].measures[ROOFLINE].values == pytest.approx((0.3, 0.2, 0.15))
    assert found["a"].measures[GFLOP].median == pytest.approx(6e-7)
