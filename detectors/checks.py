"""Checks of settings that several components share."""

from collections.abc import Iterable

from alframe.errors import ConfigError


def one_of(setting: str, value: object, known: Iterable[object]) -> None:
    """Raise :class:`ConfigError` unless ``value`` is among the ``known`` values of a setting."""
    choices = tuple(known)
    if value not in choices:
        raise ConfigError(f"{setting}: expected one of {list(choices)}, got {value!r}")
