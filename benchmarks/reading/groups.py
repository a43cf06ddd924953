"""Runs sorted into problems, methods and curves, as statistics and findings take them.

Only runs that share dataset and model can be compared: they are one problem. Runs that differ in
the seed alone are one method. Separate runs of growing size are one curve: who trains with 100, 200
and 300 labelled images in three runs of one cycle each means that, whether the pool is one and
``budget.initial`` grows, or the whole of a growing pool is labelled. What such runs have in common
is all but the budget and the dataset's options, and the test split on which they are measured. Runs
of one seed make one curve, so that a seed still counts once.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from alframe.benchmarks.reading.rundirs import Run
from alframe.benchmarks.statistics import AXES, Axis
from alframe.benchmarks.statistics.curves import Curve
from alframe.grouping import by_key

if TYPE_CHECKING:
    from alframe.benchmarks.published import Published

RANDOM, PLAIN = "random", "plain"
"""Strategy and learner of what every other method is compared with."""
OWN = ("strategy.", "learner.", "training.restart")
"""Settings that are the method's: the others are the recipe, alike for all methods of a problem.

Restarts are between the phases of a learner: one that has a single phase knows none.
"""


@dataclass(frozen=True)
class ProblemRuns:
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
    published: "tuple[Published, ...]" = ()
    others: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    failed: Collection[tuple[str, int]] = ()

    @property
    def baseline(self) -> str | None:
        """Random selection, whatever it is called; None without a run of it.

        It is that with the plain learner; of several the one that is called random, else the first.
        Where all methods have another learner (predictions of a detector elsewhere), it is the only
        one with that.
        """
        rows = {name: runs[0] for name, runs in self.methods.items() if runs}
        learners = {run.name("learner") for run in rows.values()}
        learner = learners.pop() if len(learners) == 1 else PLAIN
        found = [
            name
            for name, run in rows.items()
            if (run.name("strategy"), run.name("learner")) == (RANDOM, learner)
        ]
        if learner != PLAIN and len(found) > 1:
            return None
        return min(found, key=lambda name: name != RANDOM, default=None)

    def runs(self) -> list[Run]:
        """The runs of all methods."""
        return [run for runs in self.methods.values() for run in runs]

    @property
    def measured(self) -> bool:
        """Whether annotating was timed in every cycle of every run, so that seconds compare."""
        cycles = [cycle for run in self.runs() for cycle in run.cycles]
        return bool(cycles) and all(cycle.annotation_seconds is not None for cycle in cycles)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """What labelling can be counted in.

        Where each image has one object, such as the class of the whole image, objects repeat the
        images, and the price of a box says nothing.
        """
        cycles = [cycle for run in self.runs() for cycle in run.cycles]
        if any(cycle.objects != cycle.labelled for cycle in cycles):
            return AXES
        return ("images", "seconds") if self.measured else ("images",)

    def behind(self) -> list[tuple[str, Run]]:
        """Every run behind a number, after the name of its method or of what it is for."""
        rows = [*self.methods.items(), *self.others.items()]
        return [(name, run) for name, runs in rows for run in runs if run.cycles]

    def curves(self, metric: str, *, whole: bool = False) -> list[Curve]:
        """Of the runs that came to their end: a curve for each method and seed.

        Of several runs with one seed the first counts.

        Args:
            metric: of the curves.
            whole: leave out runs that lack the metric in their first or last cycle: they would
                shorten the range over which all are compared.
        """
        found: dict[tuple[str, int], Curve] = {}
        measured = self.measured
        for method, runs in self.methods.items():
            for run in runs:
                usable = run.is_whole(metric) if whole else run.finished
                curve = curve_of(run, self.name, method, metric) if usable else None
                if curve is not None:
                    alike = curve if measured else replace(curve, seconds=None)
                    found.setdefault((method, curve.seed), alike)
        return list(found.values())

    def failures(self, metric: str) -> list[tuple[str, str, int]]:
        """Problem, method and seed of what was run and has no curve."""
        found = [(m, r.seed or 0) for m, runs in self.methods.items() for r in runs if r.finished]
        known = {(curve.method, curve.seed) for curve in self.curves(metric)}
        ended = dict.fromkeys([*self.failed, *found])
        return [(self.name, *attempt) for attempt in ended if attempt not in known]


def curve_of(run: Run, problem: str, method: str, metric: str) -> Curve | None:
    """The metric of a run over its cycles; None where no cycle has it."""
    cycles = [(cycle, v) for cycle in run.cycles if (v := cycle.value(metric)) is not None]
    if not cycles:
        return None
    points = [(c.labelled, c.objects, v) for c, v in cycles]
    images, objects, values = zip(*points, strict=True)
    seconds = [c.annotation_seconds for c, _ in cycles if c.annotation_seconds is not None]
    took = tuple(seconds) if len(seconds) == len(cycles) else None
    return Curve(problem, method, run.seed or 0, images, objects, values, took)


def problems_of(runs: Sequence[Run]) -> list[ProblemRuns]:
    """A problem for each dataset and model.

    Separate runs of growing size are one problem by their test split, and one curve a seed.
    """
    joined = with_growth_joined(runs)
    problems = by_key(((*run.dataset, run.name("model")), run) for run in joined)
    named = methods(list(problems.values()))
    return [
        ProblemRuns(_title(key, problems), rows) for key, rows in zip(problems, named, strict=True)
    ]


def _title(key: tuple[str, str, str], keys: Collection[tuple[str, str, str]]) -> str:
    """The dataset, with what tells the problem from others on a dataset of that name."""
    name, mark, model = key
    alike = [other for other in keys if other[0] == name]
    title = f"{name}, {model}" if len({d for _, _, d in alike}) > 1 else name
    return f"{title} [{mark[:8]}]" if len({m for _, m, _ in alike}) > 1 else title


def methods(problems: Sequence[Sequence[Run]]) -> list[dict[str, list[Run]]]:
    """The runs of each problem by the shortest name that tells their method from the others.

    The name is that of the strategy; where that is not enough, with the learner, and with the
    settings that differ. It means one method in all problems, whatever they differ in as
    problems: recipe and model, with the options that suit it. Methods come in the order of
    their first run.
    """
    groups = by_key(
        (_parts(run), (problem, run)) for problem, runs in enumerate(problems) for run in runs
    )
    telling = {parts: _telling(group) for parts, group in groups.items()}
    return [by_key((_name(run, telling), run) for run in runs) for runs in problems]


def _parts(run: Run) -> tuple[str, str]:
    return run.name("strategy"), run.name("learner")


def _name(run: Run, telling: Mapping[tuple[str, str], Sequence[str]]) -> str:
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


def with_growth_joined(runs: Sequence[Run]) -> list[Run]:
    """The runs; those of one cycle that differ in size alone are joined, in the first's place.

    A size that occurs twice with one seed makes another curve of that seed. Nothing is joined
    where more images have fewer objects: then they are not the same data grown.
    """
    alike = by_key((_alike(r), r) for r in runs if r.finished and len(r.cycles) == 1)
    places: dict[int, list[Run]] = {}
    for group in alike.values():
        if len({run.cycles[0].labelled for run in group}) > 1:
            for series in _series(group):
                places[id(series[0])] = [_joined(series, group)]
                places |= {id(run): [] for run in series[1:]}
    return [each for run in runs for each in places.get(id(run), [run])]


def _alike(run: Run) -> tuple[str, str, str]:
    """Dataset by name, its test split, and all settings but budget and dataset."""
    settings = {k: v for k, v in run.method().items() if not k.startswith("budget.")}
    name, fingerprint = run.dataset
    return name, run.test or fingerprint, repr(sorted(settings.items()))


def _series(group: Sequence[Run]) -> Iterator[list[Run]]:
    """Runs of one seed in ascending size, each size once."""
    seeds: dict[int | None, list[list[Run]]] = {}
    for run in sorted(group, key=lambda r: r.cycles[0].labelled):
        chains = seeds.setdefault(run.seed, [])
        size = run.cycles[0].labelled
        fitting = [c for c in chains if c[-1].cycles[0].labelled < size]
        if fitting:
            fitting[0].append(run)
        else:
            chains.append([run])
    for chains in seeds.values():
        for chain in chains:
            grown = all(a.cycles[0].objects <= b.cycles[0].objects for a, b in pairwise(chain))
            yield from [chain] if grown else [[run] for run in chain]


def _joined(series: Sequence[Run], group: Sequence[Run]) -> Run:
    """One run of several cycles, that says of budget and dataset what all of the group share."""
    first = series[0]
    # What the manifest of a run on one of several pools can say: not how large it is.
    dataset: dict[str, Any] = dict(first.manifest.get("dataset") or {})
    if len({run.dataset for run in group}) > 1:
        dataset |= {"fingerprint": f"{group[0].test}", "pool": None}
    return replace(
        first,
        config={k: v for k, v in first.config.items() if k != "budget"},
        manifest={**first.manifest, "dataset": dataset},
        cycles=tuple(r.cycles[0].model_copy(update={"cycle": n}) for n, r in enumerate(series)),
        parts=tuple(run.path for run in series) if len(series) > 1 else (),
    )
