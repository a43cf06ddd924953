import math

import pytest

from alframe.config.checks import at_least, in_range
from alframe.errors import ConfigError


def test_bounds_are_allowed_and_nothing_beyond_them() -> None:
    at_least("k", 1, 1)
    for value in (0, 0.5, 1):
        in_range("share", value, 0, 1)
    for value in (0.9, math.nan):
        with pytest.raises(ConfigError, match=f"k: expected at least 1, got {value}"):
            at_least("k", value, 1)
    for value in (-0.1, 1.1, math.nan):
        with pytest.raises(ConfigError, match=f"share: expected 0 to 1, got {value}"):
            in_range("share", value, 0, 1)
