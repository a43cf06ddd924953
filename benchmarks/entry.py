"""One problem's runs, as statistics and findings take them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from alframe.benchmarks.findings import Published, Summary
from alframe.benchmarks.runs import Run
from alframe.benchmarks.statistics import Curve, summarise


@dataclass(frozen=True)
class Entry:
    """The runs of one problem.

    Attributes:
        name: of the problem.
        methods: runs by name of the method, in the order of the rows.
        full: runs on the whole pool, by learner.
        replays: pairs of a run and its repetition.
        published: rows of papers.
        others: every further run behind a number, by what it is for.
        failed: method and seed of the runs that ended with an error.
    """

    name: str
    methods: Mapping[str, Sequence[Run]]
    full: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    replays: Sequence[tuple[Run, Run]] = ()
    published: tuple[Published, ...] = ()
    others: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    failed: Collection[tuple[str, int]] = ()

    def runs(self) -> list[Run]:
        """The runs of all methods."""
        return [run for runs in self.methods.values() for run in runs]

    def behind(self) -> list[tuple[str, Run]]:
        """Every run behind a number, after the name of its method or of what it is for."""
        rows = [*self.methods.items(), *self.others.items()]
        return [(name, run) for name, runs in rows for run in runs if run.cycles]

    def curves(self, metric: str) -> list[Curve]:
        """Of the runs that came to their end: a curve for each method and seed.

        Of several runs with one seed the first counts.
        """
        return self._curves(metric, whole=False)

    def whole_curves(self, metric: str) -> list[Curve]:
        """The same without runs that lack the metric in their first or last cycle.

        They would shorten the range over which all are compared.
        """
        return self._curves(metric, whole=True)

    def failures(self, metric: str) -> list[tuple[str, str, int]]:
        """Problem, method and seed of what was run and has no curve."""
        found = [(m, r.seed or 0) for m, runs in self.methods.items() for r in runs if r.finished]
        known = {(curve.method, curve.seed) for curve in self.curves(metric)}
        ended = dict.fromkeys([*self.failed, *found])
        return [(self.name, *attempt) for attempt in ended if attempt not in known]

    def _curves(self, metric: str, whole: bool) -> list[Curve]:
        found: dict[tuple[str, int], Curve] = {}
        for method, runs in self.methods.items():
            for run in runs:
                usable = is_whole(run, metric) if whole else run.finished
                curve = curve_of(run, self.name, method, metric) if usable else None
                if curve is not None:
                    found.setdefault((method, curve.seed), curve)
        return list(found.values())


def is_whole(run: Run, metric: str) -> bool:
    """Whether a run came to its end with the metric in its first and last cycle."""
    ends = (*run.cycles[:1], *run.cycles[-1:])
    return run.finished and all(cycle.value(metric) is not None for cycle in ends)


def curve_of(run: Run, problem: str, method: str, metric: str) -> Curve | None:
    """The metric of a run over its cycles; None where no cycle has it."""
    points = [(c.labelled, c.objects, v) for c in run.cycles if (v := c.value(metric)) is not None]
    if not points:
        return None
    images, objects, values = zip(*points, strict=True)
    return Curve(problem, method, run.seed or 0, images, objects, values)


def full_supervision(entry: Entry, metric: str) -> dict[str, Summary]:
    """What each learner reaches on the whole pool."""
    found: dict[str, Summary] = {}
    for learner, runs in entry.full.items():
        last = [run.cycles[-1].value(metric) for run in runs if run.cycles]
        values = [value for value in last if value is not None]
        if values:
            found[learner] = summarise(values)
    return found
