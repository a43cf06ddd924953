"""What a reader has to know before comparing the rows of a problem."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from alframe.benchmarks.entry import Entry
from alframe.benchmarks.page.numbers import plural
from alframe.benchmarks.runs import Run

NOT_RECIPE = ("strategy.", "budget.")
"""Settings in which full supervision differs from the methods that it is a reference for."""


def notes(entry: Entry, metric: str) -> Iterator[str]:
    """A sentence for everything that keeps rows from being compared as they stand."""
    for method, runs in entry.methods.items():
        for run in runs:
            yield from _of_run(f"{method}, seed {run.seed}", run, metric)
        for seed, times in Counter(run.seed for run in runs).items():
            if times > 1:
                yield f"{method}: seed {seed} was run {times} times; the spread is not of seeds"
    yield from _on_precision(entry)
    yield from _on_full_supervision(entry)


def _of_run(name: str, run: Run, metric: str) -> Iterator[str]:
    if not run.finished:
        so_far = f"{plural(len(run.cycles), 'cycle')} so far"
        yield f"{name} (unfinished): {so_far}, {run.path}"
    if without := [str(c.cycle) for c in run.cycles if c.value(metric) is None]:
        cycles = f"cycle{'' if len(without) == 1 else 's'} {', '.join(without)}"
        yield f"{name}: {metric} is not a number in {cycles}, left out of every mean, {run.path}"


def _on_precision(entry: Entry) -> Iterator[str]:
    """Rows that were computed in several precisions, as ``auto`` may choose on a CPU."""
    used: dict[Any, dict[str, None]] = defaultdict(dict)
    for method, runs in entry.methods.items():
        for run in runs:
            used[run.method().get("training.precision")][method] = None
    if len(used) > 1:
        parts = (f"{precision} ({', '.join(names)})" for precision, names in used.items())
        yield f"The runs differ in training.precision: {', '.join(parts)}"


def _on_full_supervision(entry: Entry) -> Iterator[str]:
    """Methods whose recipe is not that of the full supervision of their learner."""
    for method, runs in entry.methods.items():
        references = entry.full.get(runs[0].name("learner")) if runs else None
        if references and (differ := _differing(references[0], runs[0])):
            yield f"{method}: full supervision of its learner was run with other {differ}"


def _differing(reference: Run, run: Run) -> str:
    """The settings of the recipe in which two differ; one that an older version lacks does not."""
    ours, theirs = run.method(), reference.method()
    names = [k for k in ours if k in theirs and not k.startswith(NOT_RECIPE)]
    return ", ".join(k for k in names if ours[k] != theirs[k])
