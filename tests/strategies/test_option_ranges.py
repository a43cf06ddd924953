import inspect
from collections.abc import Callable
from typing import Any

import pytest

from alframe.errors import ConfigError
from alframe.plugins import registry
from alframe.strategies.baselines import MostObjects


def made_with(make: Callable[..., Any], **options: Any) -> tuple[str, ...]:
    """What is wrong with options of a strategy."""
    of = {"of": MostObjects()} if "of" in inspect.signature(make).parameters else {}
    try:
        make(**of, **options)
    except ConfigError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_every_least_score_is_from_0_to_1(value: float) -> None:
    names = set[str]()
    for entry in registry().all("strategies"):
        make = entry.load()
        if "min_score" in inspect.signature(make).parameters:
            told = made_with(make, min_score=value)
            assert told == (f"min_score: expected 0 to 1, got {value}",), entry
            names.add(entry.name)
    assert {"entropy", "badge", "mc-dropout", "class-balanced"} <= names


def test_options_that_cannot_be_are_told_at_once() -> None:
    together = 0
    for entry in registry().all("strategies"):
        make = entry.load()
        options = [n for n, o in inspect.signature(make).parameters.items() if n != "of"]
        alone = {name: made_with(make, **{name: -7}) for name in options}
        wrong = {name: told for name, told in alone.items() if told}
        told = made_with(make, **dict.fromkeys(wrong, -7))
        assert sorted(told) == sorted(text for texts in wrong.values() for text in texts), entry
        together += len(wrong) > 1
    assert together > 8
