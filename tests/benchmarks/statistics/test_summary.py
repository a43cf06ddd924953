import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alframe.benchmarks.statistics.curves import Summary, summarise


def test_three_values_by_hand() -> None:
    # mean .3, deviations -.2 -.1 .3, squares .04 + .01 + .09 = .14, over n - 1 = 2: variance .07.
    # t(2) at .975 is 4.30265 (any table): half width 4.30265 sqrt(.07 / 3) = .657241
    found = summarise([0.1, 0.2, 0.6])
    assert (found.mean, found.n) == (pytest.approx(0.3), 3)
    assert found.sd == pytest.approx(0.07**0.5)
    assert found.interval == pytest.approx((0.3 - 0.657241, 0.3 + 0.657241), abs=1e-6)


def test_one_value_has_no_spread() -> None:
    assert summarise([0.4]) == Summary(0.4, None, 1, None)


def test_equal_values_have_a_spread_of_nothing() -> None:
    assert summarise([0.1, 0.1, 0.1]) == Summary(0.1, 0.0, 3, (0.1, 0.1))


def test_no_value_is_a_bug() -> None:
    with pytest.raises(ValueError, match="got none"):
        summarise([])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=9).filter(lambda v: np.ptp(v) > 1e-6))
def test_scipy_agrees(values) -> None:
    found = summarise(values)
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert found.interval == pytest.approx(tuple(expected))
