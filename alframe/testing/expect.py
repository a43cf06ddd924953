"""Assertions that cannot be switched off, and all the rules that a plugin breaks in one error."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from random import getrandbits, getstate, setstate
from typing import Any, TypeVar

import numpy as np

from alframe.errors import DataError, PluginError, RunError, SelectionError, TrainingError
from alframe.learner import Metrics
from alframe.plugins.guests import described
from alframe.runs import learner_checks


def expect(condition: object, message: str) -> None:
    """Raise AssertionError with ``message`` unless ``condition``, under ``python -O`` as well."""
    if not condition:
        raise AssertionError(message)


def expect_names(declared: object, whose: str, where: str = "") -> None:
    """Hold what a plugin declares to being names of signals."""
    expect(
        isinstance(declared, frozenset) and all(isinstance(name, str) for name in declared),
        f"{whose} is {declared!r:.60}: expected a frozenset of names of signals{where}",
    )


@contextlib.contextmanager
def generators_left_alone(whose: str, *, torch_too: bool = True) -> Iterator[None]:
    """Hold the code inside to leaving the global generators where they are.

    Args:
        whose: is blamed if it does not.
        torch_too: watch torch's generator besides those of numpy and ``random``.
    """
    with _stirred(torch_too):
        before = _states(torch_too)
        yield
        after = _states(torch_too)
    moved = [name for name, state in before.items() if after[name] != state]
    expect(
        not moved,
        f"{whose} moved the global generator of {', '.join(moved)}: expected it to draw from the "
        "generator or the seed that it is handed",
    )


@contextlib.contextmanager
def _stirred(torch_too: bool) -> Iterator[None]:
    """Put the generators where nobody else has seeded them to, and back again."""
    plain, drawn = getstate(), np.random.get_state()  # noqa: NPY002
    torch: Any = sys.modules.get("torch") if torch_too else None
    seeded = torch.get_rng_state() if torch else None
    getrandbits(8)
    np.random.random()  # noqa: NPY002
    if torch:
        torch.rand(1)
    try:
        yield
    finally:
        setstate(plain)
        np.random.set_state(drawn)  # noqa: NPY002
        if torch:
            torch.set_rng_state(seeded)


def _states(torch_too: bool) -> dict[str, object]:
    _, keys, position, *_ = np.random.get_state(legacy=True)  # noqa: NPY002 (watched, not used)
    states: dict[str, object] = {
        "random": getstate(),
        "numpy": (np.asarray(keys).tobytes(), position),
    }
    torch: Any = sys.modules.get("torch")
    if torch_too and torch:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
    return states


@contextlib.contextmanager
def as_assertion() -> Iterator[None]:
    """What a run would refuse is a rule that is broken."""
    try:
        yield
    except (DataError, PluginError, RunError, TrainingError) as error:
        raise AssertionError(str(error)) from error


def check_metrics(metrics: Any) -> str:
    """Hold metrics to what a run demands of them; returns them as JSON."""
    with as_assertion():
        learner_checks.check_metrics(metrics)
    headline(metrics)
    return json.dumps(dict(metrics))


def headline(metrics: Metrics) -> float:
    """The first metric, by which runs are compared."""
    name, value = next(iter(metrics.items()), ("nothing", None))
    if not isinstance(value, int | float):
        raise AssertionError(
            f"the first metric is {name!r}, {value!r:.60}: expected the headline first, a number"
        )
    return float(value)


Subject = TypeVar("Subject")
Rule = Callable[[Subject], None]
"""Raises an AssertionError that says what was expected, or whatever the plugin raises."""
Rules = Mapping[Rule[Subject], tuple[Rule[Subject], ...]]
"""The cheap ones first, each with those without which it says nothing new."""


def hold(rules: Rules[Subject], *subjects: Subject) -> None:
    """Hold every subject to every rule, in order; only then complain.

    A rule is skipped, and named, where one that it rests on is broken.

    Raises:
        AssertionError: every broken rule, each problem once.
    """
    problems: dict[str, BaseException] = {}
    skipped: dict[str, None] = {}
    for subject in subjects:
        broken: set[Rule[Subject]] = set()
        for rule, earlier in rules.items():
            if not broken.isdisjoint(earlier):
                broken.add(rule)
                skipped[rule.__name__.replace("_", " ").strip()] = None
                continue
            try:
                rule(subject)
            except (Exception, SystemExit) as error:  # a plugin may raise anything
                broken.add(rule)
                problems.setdefault(_sentence(error), error)
    if problems:
        report = _report(list(problems), list(skipped))
        raise AssertionError(report) from next(iter(problems.values()))


def _sentence(error: BaseException) -> str:
    if isinstance(error, AssertionError | SelectionError) and str(error):
        return str(error)
    if any(word in str(error) for word in ("read-only", "mappingproxy")):
        return f"{described(error)}: images and annotations are read-only, expected a copy first"
    return f"{described(error)}: expected no exception"


def _report(problems: list[str], skipped: list[str]) -> str:
    lines = list(problems)
    if len(problems) > 1:
        lines = [f"{len(problems)} rules are broken:", *(f"- {line}" for line in problems)]
    if skipped:
        lines.append(f"(not tried, as it rests on the above: {', '.join(skipped)})")
    return "\n".join(lines)
