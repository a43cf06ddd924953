import numpy as np
import pytest

from alframe.benchmarks.statistics.curves import Summary, first_crossing
from alframe.benchmarks.statistics.levels import (
    NOT_ALL,
    ONE_SEED,
    Saving,
    label_savings,
    saving,
    savings_within,
)
from tests.benchmarks.statistics.curves import COSTS, curve


class TestCrossing:
    @pytest.mark.parametrize(
        ("values", "level", "expected"),
        [
            ([0.2, 0.4, 0.6], 0.5, 25),
            ([0.2, 0.4, 0.6], 0.4, 20),
            ([0.2, 0.4, 0.6], 0.6, 30),
            ([0.2, 0.4, 0.6], 0.61, None),
            # the first point is enough: what less would have done is not known
            ([0.2, 0.4, 0.6], 0.1, 10),
            # up to .5 at 20, down, and up again: the first time counts
            ([0.3, 0.5, 0.2, 0.6], 0.4, 15),
            ([0.3, 0.3, 0.3], 0.3, 10),
            # .9 * .8 is .7200000000000001
            ([0.2, 0.72], 0.9 * 0.8, 20),
        ],
    )
    def test_by_hand(self, values, level, expected) -> None:
        budgets = np.arange(10.0, 10.0 * len(values) + 1, 10.0)
        found = first_crossing(budgets, np.array(values), level)
        assert found == (None if expected is None else pytest.approx(expected))

    def test_no_points(self) -> None:
        assert first_crossing(np.empty(0), np.empty(0), 0.0) is None


RANDOM = [curve([0.1, 0.3, 0.5], seed=0), curve([0.1, 0.5, 0.7], seed=1)]
"""Mean curve .1 .4 .6 at 10 20 30 images."""
NEW = [curve([0.1, 0.5, 0.7], "new", 0), curve([0.2, 0.5, 0.9], "new", 1)]
"""Mean curve .15 .5 .8."""


def test_where_the_mean_curves_cross() -> None:
    # .5: random between .4 at 20 and .6 at 30: 25; the new one at 20; 1 - 20 / 25 = .2
    found = saving(NEW, RANDOM, 0.5, "images", COSTS)
    assert (found.method, found.level) == ("new", 0.5)
    assert found.needed == pytest.approx(20)
    assert found.baseline == pytest.approx(25)
    assert found.saving == pytest.approx(0.2)


def test_a_method_that_needs_more_saves_less_than_nothing() -> None:
    assert saving(RANDOM, NEW, 0.5, "images", COSTS).saving == pytest.approx(1 - 25 / 20)


def test_not_reached_stays_not_reached() -> None:
    found = saving(NEW, RANDOM, 0.7, "images", COSTS)
    # 20 + 10 * (.7 - .5) / .3
    assert found.needed == pytest.approx(20 + 20 / 3)
    assert (found.baseline, found.saving) == (None, None)
    assert saving(RANDOM, NEW, 0.7, "images", COSTS).saving is None
    assert saving(NEW, RANDOM, 0.9, "images", COSTS) == Saving("new", 0.9, 2, None, None, None)


def test_mean_over_boxes_that_all_seeds_cover() -> None:
    # values .2 at 20, .4 at 40 objects and .3 at 30, .5 at 50: common 30 .. 40, where the means are
    # (.3 + .3) / 2 and (.4 + .4) / 2
    ours = [
        curve([0.2, 0.4], "new", 0, images=[10, 20], objects=[20, 40]),
        curve([0.3, 0.5], "new", 1, images=[10, 20], objects=[30, 50]),
    ]
    theirs = [curve([0.0, 0.5], images=[10, 20], objects=[20, 70])]
    theirs += [curve([0.0, 0.5], seed=1, images=[10, 20], objects=[20, 70])]
    found = saving(ours, theirs, 0.35, "objects", COSTS)
    # random: .35 of .5 on the way from 20 to 70
    assert (found.needed, found.needed_at_most) == (pytest.approx(35), False)
    assert found.baseline == pytest.approx(55)
    # less than 30 objects seed 1 never had: an upper bound
    start = saving(ours, theirs, 0.3, "objects", COSTS)
    assert (start.needed, start.needed_at_most) == (pytest.approx(30), True)
    assert saving(ours, theirs, 0.45, "objects", COSTS).needed is None


def test_only_seeds_that_both_have() -> None:
    # each seed is .1 above the one before; all four: mean .25 .35 .45, so .4 is reached at 25
    four = [curve([0.1 * s + 0.1, 0.1 * s + 0.2, 0.1 * s + 0.3], seed=s) for s in range(4)]
    good = [curve(c.values, "same", c.seed) for c in four[2:]]
    # seeds 2 and 3: mean .35 .45 .55, .4 at 15, of the method and of random alike
    found = saving(good, four, 0.4, "images", COSTS)
    assert (found.n, found.saving) == (2, pytest.approx(0))
    assert (found.needed, found.baseline) == (pytest.approx(15), pytest.approx(15))
    assert saving(four, good, 0.4, "images", COSTS).baseline == pytest.approx(15)


def test_no_seed_in_common() -> None:
    others = [curve([0.1, 0.9], "other", 7)]
    assert saving(others, RANDOM, 0.5, "images", COSTS) == Saving("other", 0.5, 0, None, None, None)


HIGH = [curve([0.4, 0.5, 0.9], "high", seed) for seed in (0, 1)]


def test_a_curve_that_starts_above_the_level_gives_bounds() -> None:
    # .3 is reached by the high one before 10 images, by random at 10 + 10 * .2 / .3
    found = saving(HIGH, RANDOM, 0.3, "images", COSTS)
    assert (found.needed, found.needed_at_most) == (10, True)
    assert (found.baseline, found.baseline_at_most) == (pytest.approx(50 / 3), False)
    assert found.saving == pytest.approx(0.4)  # or more: 1 - 10 / (50 / 3)
    back = saving(RANDOM, HIGH, 0.3, "images", COSTS)
    assert (back.needed_at_most, back.baseline_at_most) == (False, True)
    assert back.saving == pytest.approx(1 - 5 / 3)  # or less
    alone = saving([curve([0.5], "new")], [curve([0.1])], 0.5, "images", COSTS)
    assert (alone.needed, alone.needed_at_most) == (10, True), "and one of a single budget"


def test_of_two_bounds_nothing_is_known() -> None:
    found = saving(HIGH, RANDOM, 0.1, "images", COSTS)
    assert (found.needed_at_most, found.baseline_at_most, found.saving) == (True, True, None)
    assert type(found.needed_at_most) is bool  # JSON knows no numpy


def test_cycles_at_different_sizes_are_interpolated() -> None:
    # random 0: .1 at 10, .5 at 30, so .3 at 20; random 1: .3 at 20 too
    apart = [
        curve([0.1, 0.5], seed=0, images=[10, 30]),
        curve([0.1, 0.3, 0.7], seed=1, images=[10, 20, 30]),
    ]
    assert saving(NEW, apart, 0.3, "images", COSTS).baseline == pytest.approx(20)


def test_seeds_that_cover_nothing_in_common() -> None:
    apart = [curve([0.1, 0.9], seed=0), curve([0.1, 0.9], seed=1, images=[30, 40])]
    assert saving(NEW, apart, 0.5, "images", COSTS).baseline is None


def test_a_baseline_that_costs_nothing_leaves_nothing_to_save() -> None:
    free = [curve([0.6, 0.7], objects=[0, 5])]
    assert saving(NEW, free, 0.5, "objects", COSTS).saving is None


def test_savings_of_every_method_but_the_baseline() -> None:
    other = [curve([0.1, 0.2, 0.3], "other", seed) for seed in (0, 1)]
    new, late = label_savings([*NEW, *RANDOM, *other], 0.625, "images", COSTS, q=0.8)
    assert (new.method, new.saving) == ("new", pytest.approx(0.2))
    assert (late.method, late.needed, late.saving) == ("other", None, None)
    assert late.baseline == pytest.approx(25)
    (nine,) = label_savings([*NEW, *RANDOM], 0.6, "images", COSTS)
    assert nine.level == pytest.approx(0.54)


def test_full_supervision_of_one_seed_decides_nothing() -> None:
    (new,) = savings_within([*NEW, *RANDOM], Summary(0.5 / 0.9, None, 1, None), "images", COSTS)
    assert (new.needed, new.baseline) == (pytest.approx(20), pytest.approx(25))
    assert (new.saving, new.between, new.undecided) == (None, None, ONE_SEED)


def test_a_saving_is_told_with_those_at_the_ends_of_the_interval() -> None:
    # levels .4, .5, .56: random needs 20, 25, 28; the new one 10 + 10 * .25 / .35, 20, 22
    full = Summary(0.5 / 0.9, 0.1, 3, (0.4 / 0.9, 0.56 / 0.9))
    (new,) = savings_within([*NEW, *RANDOM], full, "images", COSTS)
    assert (new.saving, new.undecided) == (pytest.approx(0.2), "")
    assert new.between == pytest.approx((1 - (120 / 7) / 20, 1 - 22 / 28))
    # the other way round what is saved falls as the level rises
    (late,) = savings_within([*NEW, *RANDOM], full, "images", COSTS, baseline="new")
    assert late.between == pytest.approx((1 - 28 / 22, 1 - 20 / (120 / 7)))
    # whose interval ends at .7, which random does not reach, or at .1, where both begin
    for low, high in ((0.4, 0.7), (0.1, 0.56)):
        wide = Summary(0.5 / 0.9, 0.1, 3, (low / 0.9, high / 0.9))
        (new,) = savings_within([*NEW, *RANDOM], wide, "images", COSTS)
        assert (new.saving, new.between, new.undecided) == (None, None, NOT_ALL)
    # what is not reached at the mean is said to be so
    far = Summary(1.0, 0.1, 3, (0.9, 1.1))
    (new,) = savings_within([*NEW, *RANDOM], far, "images", COSTS)
    assert (new.needed, new.saving, new.undecided) == (None, None, "")


def test_the_extremes_of_a_saving_may_lie_within_the_interval() -> None:
    """Just above .36 random needs 21 images of 20, the slow one 90; at .405 both need 95."""
    budgets = [10, 20, 21, 100], [10, 20, 90, 100]
    values = [0.30, 0.36, 0.385, 0.41]
    random = curve(values, images=budgets[0])
    slow = curve(values, "slow", images=budgets[1])
    full = Summary(0.36 / 0.9, 0.02, 3, (0.33 / 0.9, 0.41 / 0.9))
    (found,) = savings_within([slow, random], full, "images", COSTS)
    assert found.saving == pytest.approx(0)
    assert found.between == pytest.approx((1 - 90 / 21, 0))
    levels = np.linspace(0.33, 0.41, 2001)
    dense = [saving([slow], [random], each, "images", COSTS).saving for each in levels]
    assert found.between == pytest.approx((min(dense), max(dense)))


def test_a_curve_that_falls_and_rises_again_jumps_where_it_was_highest() -> None:
    """Up to .5 it needs 20 images, above it more than 30."""
    dip = curve([0.1, 0.5, 0.2, 0.8], "dip")
    full = Summary(0.45 / 0.9, 0.02, 3, (0.4 / 0.9, 0.6 / 0.9))
    (found,) = savings_within([dip, curve([0.1, 0.3, 0.5, 0.7])], full, "images", COSTS)
    after = 30 + 10 * (0.5 - 0.2) / 0.6
    assert found.between == pytest.approx((1 - after / 30, 1 - 20 / 30))


def test_the_extremes_are_those_of_the_seeds_that_both_have() -> None:
    new = [curve([0.1, 0.2, 0.9], "new", 0), curve([0.1, 0.6, 0.9], "new", 1)]
    random = [curve([0.1, 0.9], seed=1, images=(10, 40))]
    full = Summary(0.6 / 0.9, 0.1, 3, (0.3 / 0.9, 0.8 / 0.9))
    (found,) = savings_within([*new, *random], full, "images", COSTS)
    levels = np.linspace(0.3, 0.8, 5001)
    dense = [saving(new, random, each, "images", COSTS).saving for each in levels]
    assert found.between == pytest.approx((min(dense), max(dense)), abs=1e-6)


def test_a_jump_at_the_end_of_the_interval_counts() -> None:
    new, random = curve([0.1, 0.45, 0.3, 0.9], "new"), curve([0.1, 0.3, 0.5, 0.9])
    full = Summary(0.5 / 0.9, 0.1, 3, (0.45 / 0.9, 0.6 / 0.9))
    (found,) = savings_within([new, random], full, "images", COSTS)
    assert found.between is not None
    assert found.between[0] == pytest.approx(1 - (30 + 10 * 0.15 / 0.6) / 27.5)


def test_a_bound_at_one_end_of_the_interval_is_told() -> None:
    early = curve([0.45, 0.5, 0.9], "early")
    full = Summary(0.5 / 0.9, 0.02, 3, (0.4 / 0.9, 0.55 / 0.9))
    (found,) = savings_within([early, curve([0.1, 0.4, 0.6])], full, "images", COSTS)
    assert (found.needed_at_most, found.between_bounds) == (False, (False, True))
    (other,) = savings_within(
        [early, curve([0.1, 0.4, 0.6])], full, "images", COSTS, baseline="early"
    )
    assert other.between_bounds == (True, False)


def test_no_savings_without_the_baseline() -> None:
    assert label_savings(NEW, 0.6, "images", COSTS) == ()
    assert label_savings([], 0.6, "images", COSTS) == ()
