"""Checks of option values that several components share, and shares in whole numbers."""

import math
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from alframe.errors import ConfigError


class Checks:
    """Options held to what they may be; at the end of the block all that are wrong are told.

    ::

        with Checks() as check:
            check.at_least("k", k, 1)
            check.in_range("min_score", min_score, 0, 1)

    Attributes:
        problems: found so far, one line each; a block may add some of its own.

    Raises:
        ConfigError: with the problems, and with those of a ConfigError that ended the block.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, ConfigError):
            self.problems += error.problems
        if self.problems and (error is None or isinstance(error, Exception)):
            raise ConfigError(self.problems) from error  # others may come of a value that is wrong

    def at_least(self, option: str, value: float, least: float) -> None:
        """Hold ``value`` to being ``least`` or more."""
        if not value >= least:
            self.problems.append(f"{option}: expected at least {least}, got {value}")

    def above_zero(self, option: str, *values: float) -> None:
        """Hold each of ``values`` to being above 0; the first that is not is told."""
        for value in values:
            if not value > 0:
                self.problems.append(f"{option}: expected above 0, got {value}")
                return

    def in_range(self, option: str, value: float, low: float, high: float) -> None:
        """Hold ``value`` to being from ``low`` to ``high``."""
        if not low <= value <= high:
            self.problems.append(f"{option}: expected {low} to {high}, got {value}")

    def one_of(self, option: str, value: object, known: Iterable[object]) -> None:
        """Hold ``value`` to being among the ``known`` ones."""
        choices = tuple(known)
        if value not in choices:
            self.problems.append(f"{option}: expected one of {list(choices)}, got {value!r}")


def whole(amount: float) -> int:
    """An amount rounded down, but for rounding: 0.58 of 50 is 29, not 28.999999999999996."""
    return math.floor(round(amount, 6))
