import pytest

from alframe.benchmarks.statistics.curves import Summary
from alframe.benchmarks.statistics.levels import performance_profile
from tests.benchmarks.statistics.curves import COSTS, curve


def level(mean, interval=(0.0, 2.0)):
    return Summary(mean, 0.1, 3, interval)


FULL = {"p": level(1.0), "q": level(0.5)}


def test_by_hand() -> None:
    curves = [
        curve([0.1, 0.3, 0.5], "a"),
        curve([0.1, 0.5, 0.7], "b"),
        curve([0.2, 0.4, 0.6], "a", problem="q"),
        curve([0.1, 0.3, 0.5], "b", problem="q"),
    ]
    found = performance_profile(curves, FULL, "images", COSTS, qs=(0.2, 0.7, 0.9))
    # problem p, level .2: a at 15, b at 10 + 10 / 4 = 12.5: ratios 1.2, 1
    #               .7: a never, b at 30: 1
    #               .9: nobody, not counted
    # problem q, level .1: both at 10: 1, 1
    #               .35: a at 10 + 10 * .15 / .2 = 17.5, b at 20 + 10 * .05 / .2 = 22.5: 1, 9 / 7
    #               .45: a at 20 + 10 * .05 / .2 = 22.5, b at 20 + 10 * .15 / .2 = 27.5: 1, 11 / 9
    assert found is not None
    assert found.problems == 5
    assert found.ratios["a"] == pytest.approx((1, 1, 1, 1.2))
    assert found.ratios["b"] == pytest.approx((1, 1, 1, 11 / 9, 9 / 7))


def test_only_seeds_that_every_method_has() -> None:
    curves = [
        *(curve([0.1, 0.9], "a", seed) for seed in (1, 2, 3)),
        *(curve([0.1, 0.9], "b", seed) for seed in (0, 1, 2)),
        curve([0.1, 0.9], "a", problem="q"),
    ]
    found = performance_profile(curves, FULL, "images", COSTS, qs=(0.5,))
    assert found is not None
    assert (found.problems, found.ratios) == (2, {"a": (1, 1), "b": (1, 1)})
    assert found.left_out == {"p": (0, 3), "q": (0,)}


HARD = [
    *(curve([0.1, 0.5, 0.9], "stable", seed, problem) for problem in "pq" for seed in (0, 1)),
    *(curve([0.1, 0.9, 0.9], "brittle", seed) for seed in (0, 1)),
]
"""Two problems; the brittle one is the better on the first and has failed on the second."""
BOTH = {"p": level(1.0), "q": level(1.0)}


def test_a_failure_is_a_problem_not_solved() -> None:
    failed = [("q", "brittle", 0), ("q", "brittle", 1)]
    found = performance_profile(HARD, BOTH, "images", COSTS, failed=failed, qs=(0.5,))
    # p: .5 at 20 and at 15, twice; q: stable alone, twice
    assert found is not None
    assert found.problems == 4
    assert found.ratios["stable"] == pytest.approx((1, 1, 4 / 3, 4 / 3))
    assert found.ratios["brittle"] == (1, 1)
    assert found.left_out == {}


def test_what_was_not_run_is_left_out_and_said() -> None:
    found = performance_profile(
        HARD, BOTH, "images", COSTS, failed=[("q", "brittle", 1)], qs=(0.5,)
    )
    assert found is not None
    assert (found.problems, found.left_out) == (3, {"q": (0,)})


def test_without_a_level_nothing_can_be_solved() -> None:
    found = performance_profile(HARD, {"p": level(1.0, None)}, "images", COSTS, qs=(0.5,))
    assert found is not None
    assert found.of_one_seed == ("p",)
    assert (found.problems, found.left_out) == (2, {"q": (0, 1)})


def test_a_method_that_failed_everywhere_is_there() -> None:
    found = performance_profile(
        HARD[:1], BOTH, "images", COSTS, failed=[("p", "brittle", 0)], qs=(0.5,)
    )
    assert found is not None
    assert (found.problems, found.ratios) == (1, {"stable": (1,), "brittle": ()})


def test_a_method_that_solves_nothing_is_there() -> None:
    found = performance_profile(
        [curve([0.1, 0.9], "a"), curve([0.1, 0.2], "b")], FULL, "images", COSTS
    )
    assert found is not None
    assert (found.problems, found.ratios) == (3, {"a": (1, 1, 1), "b": ()})


def test_nothing_solved_nothing_known_nothing_run() -> None:
    low = [curve([0.1, 0.2], "a"), curve([0.1, 0.2], "b")]
    assert performance_profile(low, FULL, "images", COSTS) is None
    assert performance_profile(low, {}, "images", COSTS) is None
    assert performance_profile([], FULL, "images", COSTS) is None


def test_a_level_that_was_reached_for_nothing_has_no_ratios() -> None:
    curves = [curve([0.6, 0.8], "a", objects=[0, 9]), curve([0.1, 0.8], "b", objects=[1, 8])]
    found = performance_profile(curves, FULL, "objects", COSTS, qs=(0.5, 0.8))
    assert found is not None
    assert found.ratios == {"a": (9 / 8,), "b": (1,)}
    assert found.problems == 1
