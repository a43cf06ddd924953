"""One problem's runs, as statistics and findings take them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from alframe.benchmarks.findings import Axis, Costs, Method, Point, Published, RunRecord, Summary
from alframe.benchmarks.runs import Run
from alframe.benchmarks.statistics import Curve, areas, summarise

AXES: tuple[Axis, ...] = ("images", "boxes", "seconds")


@dataclass(frozen=True)
class Entry:
    """The runs of one problem.

    Attributes:
        name: of the problem.
        methods: runs by name of the method, in the order of the rows.
        full: runs on the whole pool, by learner.
        replays: pairs of a run and its repetition.
        published: rows of papers.
    """

    name: str
    methods: Mapping[str, Sequence[Run]]
    full: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    replays: Sequence[tuple[Run, Run]] = ()
    published: tuple[Published, ...] = ()

    def runs(self) -> list[Run]:
        """The runs of all methods."""
        return [run for runs in self.methods.values() for run in runs]

    def curves(self, metric: str) -> list[Curve]:
        """A curve for each method and seed; of several runs with one seed the first counts.

        Runs that have not come to their end are left out: they would shorten the range over
        which all are compared.
        """
        found: dict[tuple[str, int], Curve] = {}
        for method, runs in self.methods.items():
            for run in runs:
                curve = curve_of(run, self.name, method, metric) if run.finished else None
                if curve is not None:
                    found.setdefault((method, curve.seed), curve)
        return list(found.values())


def curve_of(run: Run, problem: str, method: str, metric: str) -> Curve | None:
    """The metric of a run over its cycles; None where no cycle has it."""
    points = [(c.labelled, c.boxes, v) for c in run.cycles if (v := c.value(metric)) is not None]
    if not points:
        return None
    images, boxes, values = zip(*points, strict=True)
    return Curve(problem, method, run.seed or 0, images, boxes, values)


def method_rows(entry: Entry, metric: str, costs: Costs) -> tuple[Method, ...]:
    """A row for each method."""
    curves = entry.curves(metric)
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
    return RunRecord(str(run.path), run.seed, run.finished, tuple(cycles))


def full_supervision(entry: Entry, metric: str) -> dict[str, Summary]:
    """What each learner reaches on the whole pool."""
    found: dict[str, Summary] = {}
    for learner, runs in entry.full.items():
        last = [run.cycles[-1].value(metric) for run in runs if run.cycles]
        values = [value for value in last if value is not None]
        if values:
            found[learner] = summarise(values)
    return found


def _points(runs: Sequence[Run], metric: str) -> tuple[Point, ...]:
    values: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for run in runs:
        for cycle in run.cycles:
            if (value := cycle.value(metric)) is not None:
                values[cycle.labelled].append((cycle.boxes, value))
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
