"""The sign-flip test by hand, by enumeration and by scipy."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alframe.benchmarks.statistics.significance import MOST, _on_a_grid, sign_flip_p, smallest_p

SMALL = st.lists(st.integers(-9, 9), max_size=9)
"""Small whole numbers: sums tie often."""


def enumerated(differences) -> float:
    """Every sign vector, one by one, in whole numbers."""
    observed = abs(sum(differences))
    flips = list(product((-1, 1), repeat=len(differences)))
    sums = [abs(sum(s * d for s, d in zip(f, differences, strict=True))) for f in flips]
    return sum(total >= observed for total in sums) / len(flips)


def p_of(differences) -> float:
    found = sign_flip_p(np.array(differences, float))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        # one sign only: itself and its mirror image, 2 of 2^n
        ([0.3], 1.0),
        ([0.1, 0.2], 0.5),
        ([0.1, 0.2, 0.3], 0.25),
        ([-0.1, -0.2, -0.3, -0.1, -0.2], 0.0625),
        ([0.1, 0.2, 0.3, 0.1, 0.2, 0.4], 0.03125),
        # 1 + 2 + 3 - 1 = 5; sums of +-1 +-2 +-3 +-1 that reach 5: 7, and 5 with either 1 negative:
        # 3 of 16, and as many that reach -5
        ([1, 2, 3, -1], 6 / 16),
        # 3 - 1 - 1 = 1: every sum is at least 1 away from 0
        ([3, -1, -1], 1.0),
        # .1 + .2 - .3 is 5.6e-17 in floating point, and 0
        ([0.1, 0.2, -0.3], 1.0),
    ],
)
def test_by_hand(differences, expected) -> None:
    assert p_of(differences) == expected


def test_no_difference() -> None:
    assert sign_flip_p(np.empty(0)) is None
    assert p_of([0, 0, 0]) == 1.0


def test_zeros_change_nothing() -> None:
    assert p_of([0.1, 0, 0.2, 0, 0.3]) == p_of([0.1, 0.2, 0.3]) == 0.25


@settings(deadline=None)
@given(SMALL.filter(len), st.sampled_from([1.0, 0.1, 1e-6, 1 / 3]))
def test_every_sign_vector(differences, scale) -> None:
    assert p_of(scale * np.array(differences)) == enumerated(differences)


@given(SMALL.filter(len), st.randoms(use_true_random=False))
def test_symmetric_in_sign_and_order_and_at_least_the_smallest(differences, shuffler) -> None:
    shuffled = shuffler.sample(differences, len(differences))
    p = p_of(differences)
    assert p == p_of([-d for d in differences]) == p_of(shuffled)
    assert smallest_p(len(differences)) <= p <= 1


@pytest.mark.parametrize("n", [2, 5, 10, 13])
def test_scipy_agrees(n) -> None:
    differences = np.random.default_rng(n).normal(0.02, 0.03, n)
    expected = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=2**n
    )
    assert p_of(differences) == pytest.approx(expected.pvalue, abs=1e-12)


def test_a_million_vectors_at_once() -> None:
    differences = np.random.default_rng(0).normal(0.01, 0.03, 20)
    signs = 1 - 2 * ((np.arange(2**20)[:, None] >> np.arange(20)) & 1)
    far = np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12
    assert p_of(differences) == far.mean()


@pytest.mark.parametrize("n", [MOST, MOST + 1])
def test_many_seeds_with_one_sign_and_with_two(n) -> None:
    assert p_of([0.01] * n) == smallest_p(n)
    # k of n equal differences are negative: the number of positive signs is binomial
    differences = [0.01] * (n - 12) + [-0.01] * 12
    assert p_of(differences) == pytest.approx(stats.binomtest(12, n).pvalue)


def test_the_grid_and_the_count_agree() -> None:
    for seed in range(5):
        differences = np.random.default_rng(seed).normal(0.01, 0.03, 16)
        assert _on_a_grid(differences) == pytest.approx(p_of(differences), abs=1e-3)
        assert _on_a_grid(-differences) == pytest.approx(_on_a_grid(differences))
        hundredths = np.random.default_rng(seed).integers(-3, 5, 36) / 100  # many equal sums
        assert _on_a_grid(hundredths) == pytest.approx(p_of(hundredths), rel=1e-3)


def test_smallest_p() -> None:
    assert [smallest_p(n) for n in (0, 1, 3, 5, 6)] == [1, 1, 0.25, 0.0625, 0.03125]
    assert smallest_p(5000) == 0
