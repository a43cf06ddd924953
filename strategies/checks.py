"""Checks of options that several strategies share."""

from alframe.errors import ConfigError


def at_least(option: str, value: float, least: float) -> None:
    """Raise :class:`ConfigError` unless ``value`` is ``least`` or more."""
    if not value >= least:
        raise ConfigError(f"{option}: expected at least {least}, got {value}")


def in_range(option: str, value: float, low: float, high: float) -> None:
    """Raise :class:`ConfigError` unless ``value`` is from ``low`` to ``high``."""
    if not low <= value <= high:
        raise ConfigError(f"{option}: expected {low} to {high}, got {value}")
