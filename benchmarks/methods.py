"""Runs sorted into methods: configurations that differ in the seed alone."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from alframe.benchmarks.runs import Run

BASELINE = {"strategy": "random", "learner": "plain"}
"""What every other method is compared with."""

OWN = ("strategy.", "learner.", "training.restart")
"""Settings that are the method's: the others are the recipe, alike for all methods of a problem.

Restarts are between the phases of a learner: one that has a single phase knows none.
"""

Parts = tuple[str, str]
"""Names of strategy and learner."""

Keyed = TypeVar("Keyed", bound=Hashable)


def methods(problems: Sequence[Sequence[Run]]) -> list[dict[str, list[Run]]]:
    """The runs of each problem by the shortest name that tells their method from the others.

    The name is that of the strategy; where that is not enough, with the learner, and with the
    settings that differ. It means one method in all problems, whatever they differ in as
    problems: recipe and model, with the options that suit it. Methods come in the order of
    their first run.
    """
    groups: dict[Parts, list[tuple[int, Run]]] = {}
    for problem, runs in enumerate(problems):
        for run in runs:
            groups.setdefault(_parts(run), []).append((problem, run))
    telling = {parts: _telling(group) for parts, group in groups.items()}
    return [grouped((_name(run, telling), run) for run in runs) for runs in problems]


def baseline_of(methods: Mapping[str, Sequence[Run]]) -> str | None:
    """Random selection with the plain learner, whatever it is called; None without a run of it.

    Of several the one that is called random, else the first.
    """
    found = [
        name
        for name, runs in methods.items()
        if runs and all(runs[0].name(section) == value for section, value in BASELINE.items())
    ]
    return min(found, key=lambda name: name != BASELINE["strategy"], default=None)


def grouped(pairs: Iterable[tuple[Keyed, Run]]) -> dict[Keyed, list[Run]]:
    """Runs by key, both in the order of their first appearance."""
    groups: dict[Keyed, list[Run]] = {}
    for key, run in pairs:
        groups.setdefault(key, []).append(run)
    return groups


def _parts(run: Run) -> Parts:
    return run.name("strategy"), run.name("learner")


def _name(run: Run, telling: Mapping[Parts, Sequence[str]]) -> str:
    strategy, learner = parts = _parts(run)
    settings = run.method()
    alone = sum(other == strategy for other, _ in telling) == 1
    named: dict[str, Any] = {} if alone else {"learner": learner}
    named |= {key: settings.get(key) for key in telling[parts]}
    return f"{strategy} ({', '.join(f'{k}={v}' for k, v in named.items())})" if named else strategy


def _telling(runs: Sequence[tuple[int, Run]]) -> list[str]:
    """The settings that differ in one problem; those that are the method's own, on one model.

    Options that presets choose for a model do not make another method.
    """
    settings = [(problem, run.name("model"), run.method()) for problem, run in runs]
    keys = dict.fromkeys(key for _, _, found in settings for key in found)

    def differ(key: str) -> bool:
        values: dict[Hashable, set[str]] = {}
        for problem, model, found in settings:
            group = model if key.startswith(OWN) else problem
            values.setdefault(group, set()).add(repr(found.get(key)))
        return any(len(group) > 1 for group in values.values())

    return [key for key in keys if differ(key)]
