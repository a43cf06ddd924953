"""Runs sorted into methods: configurations that differ in the seed alone."""

import json
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

from alframe.benchmarks.runs import Run

Keyed = TypeVar("Keyed", bound=Hashable)


def methods(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by the shortest name that tells their method from the others.

    The name is that of the strategy; where that is not enough, with the learner or detector that
    differs, else with the settings that differ. Methods come in the order of their first run.
    """
    groups = grouped((json.dumps(r.method(), sort_keys=True, default=str), r) for r in runs)
    firsts = [group[0] for group in groups.values()]
    alike = grouped((run.name("strategy"), run) for run in firsts)
    names = [_name(run, alike[run.name("strategy")]) for run in firsts]
    return dict(zip(names, groups.values(), strict=True))


def grouped(pairs: Iterable[tuple[Keyed, Run]]) -> dict[Keyed, list[Run]]:
    """Runs by key, both in the order of their first appearance."""
    groups: dict[Keyed, list[Run]] = {}
    for key, run in pairs:
        groups.setdefault(key, []).append(run)
    return groups


def _name(run: Run, alike: Sequence[Run]) -> str:
    if len(alike) == 1:
        return run.name("strategy")
    parts = [s for s in ("learner", "detector") if len({r.name(s) for r in alike}) > 1]
    if len({tuple(r.name(s) for s in parts) for r in alike}) == len(alike):
        named: dict[str, Any] = {s: run.name(s) for s in parts}
    else:
        settings = [r.method() for r in alike]
        keys = dict.fromkeys(k for s in settings for k in s)
        differ = [k for k in keys if len({repr(s.get(k)) for s in settings}) > 1]
        named = {k: run.method().get(k) for k in differ}
    return f"{run.name('strategy')} ({', '.join(f'{k}={v}' for k, v in named.items())})"
