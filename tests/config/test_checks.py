import math

import pytest

from alframe.config.checks import Checks, whole
from alframe.errors import ConfigError


def test_bounds_are_allowed_and_nothing_beyond_them() -> None:
    with Checks() as check:
        check.at_least("k", 1, 1)
        check.above_zero("ratios", 1e-9, 2)
        check.one_of("unit", "box", ["box", "image"])
        for value in (0, 0.5, 1):
            check.in_range("share", value, 0, 1)
    for value in (0.9, math.nan):
        check.at_least("k", value, 1)
    for value in (0, -1, math.nan):
        check.above_zero("ratios", 1, value, value)
    for value in (-0.1, 1.1, math.nan):
        check.in_range("share", value, 0, 1)
    check.one_of("unit", "boxes", ["box", "image"])
    assert check.problems == [
        "k: expected at least 1, got 0.9",
        "k: expected at least 1, got nan",
        "ratios: expected above 0, got 0",
        "ratios: expected above 0, got -1",
        "ratios: expected above 0, got nan",
        "share: expected 0 to 1, got -0.1",
        "share: expected 0 to 1, got 1.1",
        "share: expected 0 to 1, got nan",
        "unit: expected one of ['box', 'image'], got 'boxes'",
    ]


def wrong_and_then(ending: BaseException | None) -> None:
    with Checks() as check:
        check.at_least("k", 0, 1)
        if ending:
            raise ending
        check.at_least("n", 0, 2)


def test_all_that_is_wrong_is_told_at_the_end_of_the_block_whatever_ends_it() -> None:
    def told(ending: Exception | None) -> tuple[str, ...]:
        with pytest.raises(ConfigError) as raised:
            wrong_and_then(ending)
        return raised.value.problems

    wrong, other = "k: expected at least 1, got 0", "n: expected at least 2, got 0"
    assert told(None) == (wrong, other)
    assert told(ConfigError(["one", "two"])) == (wrong, "one", "two")
    assert told(ZeroDivisionError()) == (wrong,)  # it came of a value that is out of range, maybe


def test_what_ends_a_block_otherwise_is_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), Checks():
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt):
        wrong_and_then(KeyboardInterrupt())


def test_a_share_of_a_whole_number_is_rounded_down_but_for_rounding() -> None:
    for percent in range(1, 101):
        for count in (2, 10, 50, 100, 413):
            assert whole(percent / 100 * count) == percent * count // 100
            assert whole(count * (1 + percent / 100)) == count * (100 + percent) // 100
