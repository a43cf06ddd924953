"""The rows of one problem's tables."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from alframe.benchmarks.entry import Entry
from alframe.benchmarks.findings import Axis, Costs, Method, Point, RunRecord
from alframe.benchmarks.runs import Run
from alframe.benchmarks.statistics import areas, summarise

AXES: tuple[Axis, ...] = ("images", "objects", "seconds")


def method_rows(entry: Entry, metric: str, costs: Costs) -> tuple[Method, ...]:
    """A row for each method."""
    curves = entry.whole_curves(metric)
    heights: dict[Axis, dict[str, dict[int, float]]] = {
        axis: areas(curves, axis, costs) for axis in AXES
    }
    return tuple(
        Method(
            name=name,
            learner=runs[0].name("learner"),
            strategy=runs[0].name("strategy"),
            points=_points(runs, metric),
            area={
                axis: summarise(tuple(heights[axis][name].values()))
                for axis in AXES
                if heights[axis].get(name)
            },
            seconds=_seconds(runs),
            memory=_memory(runs),
            runs=tuple(record(run) for run in runs),
        )
        for name, runs in entry.methods.items()
        if runs
    )


def record(run: Run) -> RunRecord:
    """What stands behind the numbers of a run."""
    left_out = {"metrics", "selected"}
    cycles = (c.model_dump(exclude=left_out) | {"metrics": c.numbers()} for c in run.cycles)
    return RunRecord(
        ", ".join(map(str, run.parts or [run.path])), run.seed, run.finished, tuple(cycles)
    )


def _points(runs: Sequence[Run], metric: str) -> tuple[Point, ...]:
    values: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for run in runs:
        for cycle in run.cycles:
            if (value := cycle.value(metric)) is not None:
                values[cycle.labelled].append((cycle.objects, value))
    return tuple(
        Point(labelled, fmean(b for b, _ in found), summarise([v for _, v in found]))
        for labelled, found in sorted(values.items())
    )


def _seconds(runs: Sequence[Run]) -> dict[str, float]:
    """Mean over the finished runs of the sum over their cycles."""
    sums: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for part in dict.fromkeys(p for c in run.cycles for p in c.seconds):
            if run.finished:
                sums[part].append(sum(c.seconds.get(part, 0.0) for c in run.cycles))
    return {part: fmean(values) for part, values in sums.items()}


def _memory(runs: Sequence[Run]) -> dict[str, float]:
    found: dict[str, float] = {}
    for run in runs:
        for cycle in run.cycles:
            for place, size in cycle.memory.items():
                found[place] = max(size, found.get(place, 0.0))
    return found
