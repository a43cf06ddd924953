"""From run directories, or the folder of a suite, to findings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alframe.benchmarks.cells import cells
from alframe.benchmarks.entries import entries_of_runs, entries_of_suite
from alframe.benchmarks.entry import Entry, curve_of, full_supervision
from alframe.benchmarks.environments import environment
from alframe.benchmarks.findings import (
    Axis,
    Comparison,
    Costs,
    Findings,
    Problem,
    Saving,
    Summary,
    Unfinished,
)
from alframe.benchmarks.methods import baseline_of
from alframe.benchmarks.notes import notes
from alframe.benchmarks.published import comparable
from alframe.benchmarks.recipe import recipe
from alframe.benchmarks.rows import AXES, method_rows
from alframe.benchmarks.runs import Run
from alframe.benchmarks.selected import selected
from alframe.benchmarks.selection_findings import Gallery, Selections
from alframe.benchmarks.statistics import (
    Curve,
    common_span,
    compare,
    performance_profile,
    replay_noise,
    savings_within,
    win_matrix,
)
from alframe.benchmarks.suite import FILE, stored
from alframe.benchmarks.work import Work
from alframe.errors import AlframeError, RunError
from alframe.plugins import unknown


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


def of_runs(runs: Sequence[Run], metric: str) -> Findings:
    """Findings of any runs.

    Raises:
        RunError: no run has the metric; says which there are.
    """
    return _findings("Report", entries_of_runs(runs), Terms(metric))


def of_suite(folder: Path, metric: str | None = None) -> Findings:
    """Findings of a suite, as far as it has come.

    Raises:
        RunError: no cell has a finished cycle, or none has the metric.
    """
    suite = stored(folder / FILE)
    work = Work(folder, cells(suite))
    costs = Costs(suite.costs.image, suite.costs.box)
    terms = Terms(metric or suite.metric, suite.baselines, costs, suite.alpha)
    found = _findings(suite.title, entries_of_suite(suite, work), terms)
    return replace(found, commands=suite.commands, unfinished=tuple(_unfinished(work)))


def _unfinished(work: Work) -> Iterator[Unfinished]:
    for cell in work.cells:
        state = work.state(cell)
        if state != "finished":
            path = str(cell.path(work.folder))
            yield Unfinished(cell.name, state, work.failure(cell) or "", path)


def _findings(title: str, entries: Sequence[Entry], terms: Terms) -> Findings:
    metric = terms.metric
    _check(entries, metric)
    curves = [curve for entry in entries for curve in entry.curves(metric)]
    failed = [attempt for entry in entries for attempt in entry.failures(metric)]
    levels = {e.name: full.mean for e in entries if (full := _reference(e, metric)) is not None}
    return Findings(
        title=title,
        metric=metric,
        commands=(),
        problems=tuple(_problem(e, terms) for e in entries if e.runs()),
        wins=win_matrix(curves, terms.alpha),
        profile=performance_profile(curves, levels, "images", terms.costs, failed=failed),
        costs=terms.costs,
        alpha=terms.alpha,
        unfinished=(),
        environment=environment([run for entry in entries for _, run in entry.behind()]),
    )


def _check(entries: Sequence[Entry], metric: str) -> None:
    cycles = [cycle for entry in entries for run in entry.runs() for cycle in run.cycles]
    if not cycles:
        raise RunError("there is nothing to report: no run has a finished cycle yet")
    if all(cycle.value(metric) is None for cycle in cycles):
        known = {name for cycle in cycles for name in cycle.numbers()}
        if metric in known:
            raise RunError(
                f"no run has a number for the metric {metric!r}: in none has the test split an "
                "object to measure it by. Run again with a test split that has some, or choose "
                "another --metric"
            )
        names = {f"{n.split('.', 1)[0]}.CLASS" if "." in n else n for n in known}
        raise RunError(unknown("metric", metric, names))


def _problem(entry: Entry, terms: Terms) -> Problem:
    curves, noise = entry.whole_curves(terms.metric), _noise(entry, terms.metric)
    runs, found = entry.runs(), list(notes(entry, terms.metric))
    chosen: Selections | None = None
    galleries: tuple[Gallery, ...] = ()
    try:
        chosen, galleries = selected(entry.methods)
    except AlframeError as error:
        found.append(f"What was selected cannot be shown: {error}")
    pools = {run.pool for run in runs}
    baseline = baseline_of(entry.methods)
    return Problem(
        name=entry.name,
        dataset=runs[0].name("dataset"),
        detector=", ".join(dict.fromkeys(run.name("detector") for run in runs)),
        pool=runs[0].pool if len(pools) == 1 else None,
        methods=method_rows(entry, terms.metric, terms.costs),
        full=full_supervision(entry, terms.metric),
        published=comparable(entry.published, terms.metric, pools),
        spans=_spans(curves, terms.costs),
        comparisons=tuple(_comparisons(curves, baseline, terms, noise)),
        savings=_savings(curves, baseline, _reference(entry, terms.metric), terms.costs),
        selections=chosen,
        galleries=galleries,
        noise=noise,
        notes=tuple(found),
        recipe=recipe(runs),
    )


def _spans(curves: Sequence[Curve], costs: Costs) -> dict[Axis, tuple[float, float]]:
    """The range of budgets over which areas are taken, for each axis that has one."""
    found: dict[Axis, tuple[float, float]] = {}
    for axis in AXES:
        if span := common_span(curves, axis, costs):
            found[axis] = span
    return found


def _comparisons(
    curves: Sequence[Curve], baseline: str | None, terms: Terms, noise: float | None
) -> Iterator[Comparison]:
    """On each axis a family of its own, for Holm's correction."""
    options: dict[str, Any] = {"baseline": baseline or "", "baselines": terms.baselines}
    for axis in AXES:
        yield from compare(curves, axis, terms.costs, alpha=terms.alpha, noise=noise, **options)


def _savings(
    curves: Sequence[Curve], baseline: str | None, full: Summary | None, costs: Costs
) -> tuple[Saving, ...]:
    if full is None or baseline is None:
        return ()
    return savings_within(curves, full, "images", costs, baseline=baseline)


def _reference(entry: Entry, metric: str) -> Summary | None:
    """Full supervision of the learner with which random selection was run: one level for all."""
    baseline = baseline_of(entry.methods)
    full = full_supervision(entry, metric)
    learner = entry.methods[baseline][0].name("learner") if baseline else None
    return full.get(learner) if learner else None


def _noise(entry: Entry, metric: str) -> float | None:
    found = []
    for pair in entry.replays:
        run, again = (curve_of(r, entry.name, "", metric) for r in pair)
        if run and again and (difference := replay_noise(run, again)) is not None:
            found.append(difference)
    return max(found, default=None)
