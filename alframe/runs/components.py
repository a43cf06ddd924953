"""From the name of a component and its options to what it is."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from alframe.config.draft import COMPONENTS
from alframe.config.sections import Component
from alframe.errors import ConfigError
from alframe.plugins import registry
from alframe.strategy import Strategy, adapted


def made_strategy(
    component: Component, provided: frozenset[str] | None = None, section: str = "strategy"
) -> Strategy:
    """The strategy, and inside a wrapper (``power:entropy``) the one that it wraps.

    Args:
        component: its name and options.
        provided: what a run can stream, for a strategy that adapts itself to that.
        section: where the options lie, for messages.

    Raises:
        ConfigError: options that the strategy refuses.
    """
    name, _, wrapped = registry().partition(component.name)
    options = component.options
    if wrapped:
        options["of"] = made_strategy(Component(**options["of"]), provided, f"{section}.of")
    with _full_names(section, options):
        strategy: Strategy = registry().get("strategies", name).make(**options)
    return strategy if provided is None else adapted(strategy, provided)


def made(section: str, component: Component, **injected: Any) -> Any:
    """What the component of a section is, its options filled up with those of the framework.

    Raises:
        ConfigError: options that it refuses.
    """
    entry = registry().get(COMPONENTS[section], component.name)
    with _full_names(section, component.options):
        return entry.make(**injected, **component.options)


@contextlib.contextmanager
def _full_names(section: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Name settings as users do, ``strategy.k``: a factory knows its own argument ``k`` alone."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(
            f"{section}.{problem}" if problem.partition(":")[0] in options else problem
            for problem in error.problems
        ) from error
