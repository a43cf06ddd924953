import math

import pytest

from alframe.config.checks import above_zero, at_least, in_range, whole
from alframe.errors import ConfigError


def test_bounds_are_allowed_and_nothing_beyond_them() -> None:
    at_least("k", 1, 1)
    for value in (0, 0.5, 1):
        in_range("share", value, 0, 1)
    for value in (0.9, math.nan):
        with pytest.raises(ConfigError, match=f"k: expected at least 1, got {value}"):
            at_least("k", value, 1)
    above_zero("ratios", 1e-9, 2)
    for value in (0, -1, math.nan):
        with pytest.raises(ConfigError, match=f"ratios: expected above 0, got {value}"):
            above_zero("ratios", 1, value)
    for value in (-0.1, 1.1, math.nan):
        with pytest.raises(ConfigError, match=f"share: expected 0 to 1, got {value}"):
            in_range("share", value, 0, 1)


def test_a_share_of_a_whole_number_is_rounded_down_but_for_rounding() -> None:
    for percent in range(1, 101):
        for count in (2, 10, 50, 100, 413):
            assert whole(percent / 100 * count) == percent * count // 100
            assert whole(count * (1 + percent / 100)) == count * (100 + percent) // 100
