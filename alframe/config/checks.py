"""Checks of option values that several components share, and shares in whole numbers."""

import math
from collections.abc import Iterable

from alframe.errors import ConfigError


def at_least(option: str, value: float, least: float) -> None:
    """Raise :class:`ConfigError` unless ``value`` is ``least`` or more."""
    if not value >= least:
        raise ConfigError(f"{option}: expected at least {least}, got {value}")


def above_zero(option: str, *values: float) -> None:
    """Raise :class:`ConfigError` unless each of ``values`` is above 0."""
    for value in values:
        if not value > 0:
            raise ConfigError(f"{option}: expected above 0, got {value}")


def in_range(option: str, value: float, low: float, high: float) -> None:
    """Raise :class:`ConfigError` unless ``value`` is from ``low`` to ``high``."""
    if not low <= value <= high:
        raise ConfigError(f"{option}: expected {low} to {high}, got {value}")


def whole(amount: float) -> int:
    """An amount rounded down, but for rounding: 0.58 of 50 is 29, not 28.999999999999996."""
    return math.floor(round(amount, 6))


def one_of(option: str, value: object, known: Iterable[object]) -> None:
    """Raise :class:`ConfigError` unless ``value`` is among the ``known`` ones."""
    choices = tuple(known)
    if value not in choices:
        raise ConfigError(f"{option}: expected one of {list(choices)}, got {value!r}")
