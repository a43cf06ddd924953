"""From run directories, or the folder of a suite, to findings."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from alframe.annotations.suspects import counted, suspects_page
from alframe.benchmarks.reading.groups import ProblemRuns, curve_of, problems_of
from alframe.benchmarks.reading.rundirs import Cycle, Run, names_in
from alframe.benchmarks.reporting.findings import (
    CurvePoint,
    Findings,
    Gallery,
    Method,
    ProblemFindings,
    Selections,
    SuspectAnswers,
    Unfinished,
)
from alframe.benchmarks.reporting.remarks import environment, notes, recipe
from alframe.benchmarks.reporting.selected import selected
from alframe.benchmarks.statistics import Axis, Costs
from alframe.benchmarks.statistics.comparisons import Comparison, compare, win_matrix
from alframe.benchmarks.statistics.curves import (
    Curve,
    Summary,
    areas,
    common_span,
    replay_noise,
    summarise,
)
from alframe.errors import AlframeError, RunError
from alframe.grouping import by_key
from alframe.model import COCO, ERRORS
from alframe.plugins import unknown

if TYPE_CHECKING:
    from alframe.benchmarks.statistics.levels import Profile, Saving


@dataclass(frozen=True)
class Terms:
    """On which methods are compared.

    Attributes:
        metric: what the tables hold.
        baselines: names of the methods among which the best baseline is looked for; empty:
            random selection alone.
        costs: of annotation.
        alpha: level of the tests.
    """

    metric: str
    baselines: tuple[str, ...] = ()
    costs: Costs = field(default_factory=Costs)
    alpha: float = 0.05


def of_runs(runs: Sequence[Run], metric: str | None = None) -> Findings:
    """Findings of any runs; by default of the first metric that their model measures.

    Raises:
        RunError: no run has the metric; says which there are.
    """
    problems = problems_of(runs)
    return _findings("Report", problems, Terms(_metric(problems, metric)))


def of_suite(folder: Path, metric: str | None = None) -> Findings:
    """Findings of a suite, as far as it has come, of what lies in its folder alone.

    Raises:
        RunError: no job has a finished cycle, or none has the metric.
    """
    from alframe.benchmarks.reading.suite_runs import suite_problems
    from alframe.benchmarks.running.jobs import stored_jobs
    from alframe.benchmarks.running.suite import stored

    suite, jobs = stored(folder), stored_jobs(folder)
    problems = suite_problems(suite, jobs)
    chosen, costs = _metric(problems, metric or suite.metric), Costs(**suite.costs.model_dump())
    found = _findings(suite.title, problems, Terms(chosen, suite.baselines, costs, suite.alpha))
    unfinished = tuple(
        Unfinished(job.name, state, jobs.reason(job), str(jobs.path(job)))
        for job in jobs
        if (state := jobs.state(job)) != "finished"
    )
    return replace(found, commands=suite.commands, unfinished=unfinished)


def _metric(problems: Sequence[ProblemRuns], wanted: str | None) -> str:
    """The metric of a report: see :func:`named_metric`.

    Raises:
        RunError: also where no run has a number for it.
    """
    cycles = [cycle for problem in problems for run in problem.runs() for cycle in run.cycles]
    metric = named_metric(cycles, wanted)
    if all(cycle.value(metric) is None for cycle in cycles):
        raise RunError(
            f"no run has a number for the metric {metric!r}: no test split has an object to "
            "measure it by. Run again with a test split that has some, or choose "
            "another --metric"
        )
    return metric


def named_metric(cycles: Sequence[Cycle], wanted: str | None) -> str:
    """The name of the metric that is wanted, else of what the first cycle measures first.

    Raises:
        RunError: there is no cycle, or none has the metric; says which there are.
    """
    measured = [name for cycle in cycles for name in cycle.metrics]
    if not measured:
        raise RunError("there is nothing to report: no run has a finished cycle yet")
    known = {name for cycle in cycles for name in cycle.numbers()}
    metric = wanted or measured[0]
    if metric.partition(".")[0] == ERRORS:
        raise RunError(
            f"--metric {metric}: less of it is better, and it is no fraction; tables rank by "
            f"metrics such as {measured[0]}. cycles.jsonl and --format json have its values"
        )
    if (full := f"{COCO}.{metric}") in known and metric not in known:
        metric = full
    if not known.issuperset(names_in(metric, known)):
        names = {_by_class(n) for n in known if not n.startswith(f"{ERRORS}.")}
        raise RunError(unknown("metric", metric, names))
    return metric


def _by_class(name: str) -> str:
    """``AP50.CLASS`` for ``AP50.cat``."""
    first, dot, _ = name.partition(".")
    return f"{first}.CLASS" if dot and first != COCO else name


def full_supervision(problem: ProblemRuns, metric: str) -> dict[str, Summary]:
    """What each learner reaches on the whole pool."""
    found: dict[str, Summary] = {}
    for learner, runs in problem.full.items():
        last = [run.cycles[-1].value(metric) for run in runs if run.cycles]
        values = [value for value in last if value is not None]
        if values:
            found[learner] = summarise(values)
    return found


def _findings(title: str, problems: Sequence[ProblemRuns], terms: Terms) -> Findings:
    curves = [curve for problem in problems for curve in problem.curves(terms.metric)]
    return Findings(
        title=title,
        metric=terms.metric,
        commands=(),
        problems=tuple(_problem(p, terms) for p in problems if p.runs()),
        wins=win_matrix(curves, terms.alpha),
        profile=_profile(problems, curves, terms),
        costs=terms.costs,
        alpha=terms.alpha,
        unfinished=(),
        environment=environment([run for problem in problems for _, run in problem.behind()]),
    )


def _profile(
    problems: Sequence[ProblemRuns], curves: Sequence[Curve], terms: Terms
) -> "Profile | None":
    """None without full supervision, which suites alone have."""
    metric = terms.metric
    levels = {p.name: full for p in problems if (full := _reference(p, metric)) is not None}
    if not levels:
        return None
    from alframe.benchmarks.statistics.levels import performance_profile

    failed = [attempt for problem in problems for attempt in problem.failures(metric)]
    return performance_profile(curves, levels, "images", terms.costs, failed=failed)


def _savings(problem: ProblemRuns, curves: Sequence[Curve], terms: Terms) -> "tuple[Saving, ...]":
    """Likewise."""
    if (full := _reference(problem, terms.metric)) is None:
        return ()
    from alframe.benchmarks.statistics.levels import savings_within

    baseline = problem.baseline or ""
    return savings_within(curves, full, "images", terms.costs, baseline=baseline)


def _problem(problem: ProblemRuns, terms: Terms) -> ProblemFindings:
    metric, costs, runs = terms.metric, terms.costs, problem.runs()
    curves, noise = problem.curves(metric, whole=True), _noise(problem, metric)
    spans: dict[Axis, tuple[float, float]] = {
        a: span for a in problem.axes if (span := common_span(curves, a, costs)) is not None
    }
    chosen, galleries, told = _selected(problem)
    pools = {run.pool for run in runs}
    return ProblemFindings(
        name=problem.name,
        dataset=runs[0].name("dataset"),
        model=", ".join(dict.fromkeys(run.name("model") for run in runs)),
        pool=runs[0].pool if len(pools) == 1 else None,
        methods=method_rows(problem, metric, costs),
        full=full_supervision(problem, metric),
        published=tuple(row for row in problem.published if row.lies_beneath(metric, pools)),
        spans=spans,
        comparisons=_comparisons(problem, curves, terms, noise),
        savings=_savings(problem, curves, terms),
        selections=chosen,
        galleries=galleries,
        suspects=tuple(_suspects(runs)),
        noise=noise,
        notes=(*notes(problem, metric), *told),
        recipe=recipe(runs),
        axes=problem.axes,
        measured=problem.measured,
    )


def _suspects(runs: Sequence[Run]) -> Iterator[SuspectAnswers]:
    for run in runs:
        for cycle, count in counted(run.path).items():
            page = suspects_page(run.path, cycle).absolute()
            yield SuspectAnswers(run.place, cycle, count, str(page))


def _selected(
    problem: ProblemRuns,
) -> tuple[Selections | None, tuple[Gallery, ...], tuple[str, ...]]:
    """What was selected, and why it cannot be shown where that is so."""
    try:
        return *selected(problem.methods), ()
    except AlframeError as error:
        return None, (), (f"What was selected cannot be shown: {error}",)


def _comparisons(
    problem: ProblemRuns, curves: Sequence[Curve], terms: Terms, noise: float | None
) -> tuple[Comparison, ...]:
    """On each axis a family of its own, for Holm's correction; axes where no pair meets left out.

    Where none meets on any axis, the first says so.
    """
    families = [
        compare(
            curves, axis, terms.costs, baseline=problem.baseline or "",
            baselines=terms.baselines, alpha=terms.alpha, noise=noise,
        )
        for axis in problem.axes
    ]  # fmt: skip
    met = [family for family in families if any(c.n for c in family)]
    return tuple(chain.from_iterable(met or families[:1]))


def _reference(problem: ProblemRuns, metric: str) -> Summary | None:
    """Full supervision of the learner with which random selection was run: one level for all."""
    if (baseline := problem.baseline) is None:
        return None
    return full_supervision(problem, metric).get(problem.methods[baseline][0].name("learner"))


def _noise(problem: ProblemRuns, metric: str) -> float | None:
    """The largest difference between a run and its repetition."""
    pairs = ([curve_of(r, problem.name, "", metric) for r in pair] for pair in problem.replays)
    found = (replay_noise(run, again) for run, again in pairs if run and again)
    return max((noise for noise in found if noise is not None), default=None)


def method_rows(problem: ProblemRuns, metric: str, costs: Costs) -> tuple[Method, ...]:
    """A row for each method."""
    curves = problem.curves(metric, whole=True)
    heights: dict[Axis, dict[str, dict[int, float]]] = {
        axis: areas(curves, axis, costs) for axis in problem.axes
    }
    return tuple(
        Method(
            name=name,
            learner=runs[0].name("learner"),
            strategy=runs[0].name("strategy"),
            points=_points(runs, metric),
            area={
                axis: summarise(tuple(found[name].values()))
                for axis, found in heights.items()
                if found.get(name)
            },
            seconds=tuple(found for run in runs if run.finished and (found := _seconds(run))),
            memory=_memory(runs),
            runs=tuple(runs),
            failed=any(method == name for method, _ in problem.failed),
        )
        for name, runs in problem.methods.items()
        if runs
    )


def _points(runs: Sequence[Run], metric: str) -> tuple[CurvePoint, ...]:
    points: dict[int, list[tuple[Cycle, float]]] = defaultdict(list)
    for run in runs:
        known = ((cycle, cycle.value(metric)) for cycle in run.cycles)
        own = {c.labelled: (c, value) for c, value in known if value is not None}
        for labelled, point in own.items():  # of cycles with one number the last, as of curves
            points[labelled].append(point)
    return tuple(
        CurvePoint(
            labelled,
            fmean(cycle.objects for cycle, _ in found),
            summarise([value for _, value in found]),
            _annotation_seconds([cycle for cycle, _ in found]),
        )
        for labelled, found in sorted(points.items())
    )


def _annotation_seconds(cycles: Sequence[Cycle]) -> float | None:
    """The mean, where it was measured in all of them."""
    known = [c.annotation_seconds for c in cycles if c.annotation_seconds is not None]
    return fmean(known) if len(known) == len(cycles) else None


def _seconds(run: Run) -> Mapping[str, float]:
    """The sum over the cycles of a run, by part."""
    parts = dict.fromkeys(part for cycle in run.cycles for part in cycle.seconds)
    return {part: sum(cycle.seconds.get(part, 0.0) for cycle in run.cycles) for part in parts}


def _memory(runs: Sequence[Run]) -> dict[str, float]:
    sizes = by_key(each for run in runs for cycle in run.cycles for each in cycle.memory.items())
    return {place: max(found) for place, found in sizes.items()}
