import pytest
from hypothesis import given
from hypothesis import strategies as st

from alframe.benchmarks.statistics.significance import decidable, holm, least_seeds

PS = st.lists(st.floats(0, 1), max_size=8)


def test_holm_by_hand() -> None:
    # ascending .01 .02 .03 .04, times 4 3 2 1: .04 .06 .06 .04, and never below the one before
    assert holm([0.02, 0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.06, 0.04, 0.06))
    # Holm rejects the first where Bonferroni (.03 * 2) rejects nothing after it: .01 * 2, .03 * 1
    assert holm([0.03, 0.01]) == pytest.approx((0.03, 0.02))


def test_tests_that_were_not_made_do_not_count() -> None:
    assert holm([None, 0.02, None, 0.04]) == pytest.approx((None, 0.04, None, 0.04))
    assert holm([None]) == (None,)
    assert holm([]) == ()


def test_no_p_value_is_above_one() -> None:
    assert holm([0.5, 0.6, 1.0]) == (1.0, 1.0, 1.0)


@given(PS)
def test_no_smaller_than_before_and_in_the_same_order(ps) -> None:
    found = [p for p in holm(ps) if p is not None]
    assert len(found) == len(ps)
    assert all(
        p <= corrected <= min(1, len(ps) * p) for p, corrected in zip(ps, found, strict=True)
    )
    ascending = [corrected for _, corrected in sorted(zip(ps, found, strict=True))]
    assert ascending == sorted(ascending)


@given(PS.filter(len), st.data())
def test_a_smaller_p_value_makes_no_other_larger(ps, data) -> None:
    """What :func:`decidable` rests on."""
    place = data.draw(st.integers(0, len(ps) - 1))
    smaller = [*ps]
    smaller[place] *= data.draw(st.floats(0, 1))
    after, before = holm(smaller), holm(ps)
    assert all(a <= b + 1e-15 for a, b in zip(after, before, strict=True) if a is not None and b)


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        # 2 / 2^5 = .0625, 2 / 2^6 = .03125
        ([5], [False]),
        ([6], [True]),
        # two pairs: 2 * .03125 = .0625; 2 * 2 / 2^7 = .03125
        ([6, 6], [False, False]),
        ([7, 7], [True, True]),
        # .03125 ranks behind 2 / 2^10 * 2 and is left as it is
        ([6, 10], [True, True]),
        # .0625 stays what it is behind any other
        ([5, 10], [False, True]),
        # a pair without a common seed is not tested
        ([6, 0], [True, False]),
        ([], []),
    ],
)
def test_decidable(ns, expected) -> None:
    assert decidable(ns, 0.05) == tuple(expected)


def test_alpha_itself_is_not_below_alpha() -> None:
    assert decidable([3], 0.25) == (False,)
    assert decidable([3], 0.26) == (True,)


@pytest.mark.parametrize(
    ("pairs", "alpha", "expected"),
    [
        (1, 0.05, 6),  # 2 / 2^6 = .031, 2 / 2^5 = .0625
        (3, 0.05, 7),  # 6 / 2^7 = .047, 6 / 2^6 = .094
        (9, 0.05, 9),  # 18 / 2^9 = .035, 18 / 2^8 = .070
        (1, 0.0625, 6),  # 2 / 2^5 is not below it
    ],
)
def test_least_seeds(pairs, alpha, expected) -> None:
    assert least_seeds(pairs, alpha) == expected
    assert all(decidable([expected] * pairs, alpha))
    assert not any(decidable([expected - 1] * pairs, alpha))
