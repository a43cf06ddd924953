from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from alframe.benchmarks.statistics.significance import pair


def by_seed(values) -> dict[int, float]:
    return dict(enumerate(values))


def test_by_hand() -> None:
    found = pair(by_seed([0.5, 0.6, 0.4]), by_seed([0.4, 0.4, 0.4]))
    # differences .1 .2 0, mean .1, sd .1, t = .1 / (.1 / sqrt 3) = sqrt 3 with 2 degrees, for
    # which p = 1 - t / sqrt(2 + t^2) = 1 - sqrt(3 / 5); sums +-.3 and +-.1: 4 of 8 reach .3
    assert (found.n, found.wins, found.ties) == (3, 2, 1)
    assert found.difference == pytest.approx(0.1)
    assert found.p_t == pytest.approx(1 - 0.6**0.5)
    assert found.p_sign_flip == 0.5


def test_scipy_agrees() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(0.5, 0.05, 8), rng.normal(0.45, 0.05, 8)
    _, expected = stats.ttest_rel(ours, theirs)
    assert pair(by_seed(ours), by_seed(theirs)).p_t == pytest.approx(expected)


def test_only_seeds_that_both_have() -> None:
    found = pair({4: 0.5, 1: 0.6, 7: 0.1}, {1: 0.4, 2: 0.9, 4: 0.4})
    assert (found.n, found.wins) == (2, 2)
    assert found.difference == pytest.approx((0.1 + 0.2) / 2)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([], [], (0, None, 0, 0, None, None)),
        ([0.5], [0.4], (1, 0.1, 1, 0, None, 1.0)),
        # in floating point the differences are .1 + 2.8e-17, .1 - 2.8e-17 and so on
        ([0.3, 0.4, 0.8], [0.2, 0.3, 0.7], (3, 0.1, 3, 0, None, 0.25)),
        ([0.4, 0.7], [0.4, 0.7], (2, 0.0, 0, 2, None, 1.0)),
        # .1 + .2 is not .3 in floating point, but no method is ahead for that
        ([0.1 + 0.2, 0.5], [0.3, 0.6], (2, -0.05, 0, 1, 0.5, 1.0)),
    ],
)
def test_few_and_equal_differences(ours, theirs, expected) -> None:
    assert astuple(pair(by_seed(ours), by_seed(theirs))) == pytest.approx(expected)
