"""Tables of a problem that say how good methods are: cycles, areas, comparisons, savings."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from alframe.benchmarks.reporting.findings import ProblemFindings
from alframe.benchmarks.reporting.tables import (
    EMPTY,
    CellLook,
    Cells,
    Table,
    TableCell,
    Text,
    heads,
    numbered,
    p_value,
    percent,
    share,
    size,
    spread,
)
from alframe.benchmarks.statistics import AXES, Axis, Costs, Q
from alframe.benchmarks.statistics.comparisons import Comparison
from alframe.benchmarks.statistics.curves import Summary
from alframe.benchmarks.statistics.significance import least_seeds
from alframe.grouping import by_key
from alframe.words import plural

if TYPE_CHECKING:
    from alframe.benchmarks.published import Published
    from alframe.benchmarks.statistics.levels import Saving

DIGITS = 2
"""Decimals of our percentages, as of published ones; what is best is decided by what is printed."""
SOURCES = {
    "table": "exact, from a table of the paper",
    "FAQ": "exact, from the authors' FAQ",
    "entry": "exact, from the authors' entry on Papers with Code",
    "rerun": "exact, from another group's re-run",
    "figure": "read off a figure, ±0.15",
}
"""What the source of a published row means to a reader."""
PUBLISHED = "published, "
"""What stands at the name of a published row, before its source."""


def cycles(problem: ProblemFindings, metric: str) -> Table | None:
    """A row a method, a column a size of the labelled set, published rows beneath."""
    own, published = _own_rows(problem), _published_rows(problem)
    if all(cell is EMPTY for row in (*own, *published) for cell in row[2:]):
        return None
    columns = [
        TableCell(str(n), note=size(n / problem.pool) if problem.pool else "")
        for n in problem.columns
    ]
    full = any(row[-1] is not EMPTY for row in (*own, *published))
    end = None if full else -1
    return Table(
        title=f"{metric} by number of labelled images",
        heads=[*heads("method", "n"), *columns, TableCell("full", note="100 %")][:end],
        rows=[row[:end] for row in own],
        beneath=[row[:end] for row in published],
        notes=[*_cycle_notes(problem, metric, own), *problem.notes],
    )


def why_no_cycles(problem: ProblemFindings, metric: str) -> Text | None:
    """In the place of :func:`cycles`, what would have stood beneath."""
    title = f"{metric} by number of labelled images"
    return Text(title, ". ".join(problem.notes)) if problem.notes else None


def sources_of(problem: ProblemFindings) -> list[str]:
    """The keys of :data:`SOURCES` that occur, in the order of that mapping."""
    found = {row.source for row in problem.published}
    return [source for source in SOURCES if source in found]


def models_of(problem: ProblemFindings) -> str:
    """What published rows were measured with; empty where nobody says."""
    return ", ".join(dict.fromkeys(row.model for row in problem.published if row.model))


def _own_rows(problem: ProblemFindings) -> list[Cells]:
    """Name, n, a cell for each column of the problem, and full supervision of the learner."""
    points = (point for method in problem.methods for point in method.points)
    means = by_key((p.labelled, round(100 * p.value.mean, DIGITS)) for p in points)
    best = {labelled: max(found) for labelled, found in means.items() if len(found) > 1}
    rows: list[Cells] = []
    for method in problem.methods:
        n = method.n
        found = {p.labelled: _result(p.value, n, best.get(p.labelled)) for p in method.points}
        full = problem.full.get(method.learner)
        rows.append(
            [
                TableCell(method.title),
                TableCell(str(n), n) if n else EMPTY,
                *(found.get(labelled, EMPTY) for labelled in problem.columns),
                _result(full, n) if full else EMPTY,
            ]
        )
    return rows


def _result(summary: Summary, n: int, best: float | None = None) -> TableCell:
    """``n`` is that of the row: where the runs are not as many, it is said."""
    number = 100 * summary.mean
    note = f"n = {summary.n}" if summary.n != n else ""
    look: CellLook = "best" if round(number, DIGITS) == best else ""
    return TableCell(spread(summary.mean, summary.sd), number, note, look)


def _published_rows(problem: ProblemFindings) -> list[Cells]:
    """As :func:`_own_rows`."""
    rows: list[Cells] = []
    for row in problem.published:
        values = (_given(row, row.values.get(n), row.spread.get(n)) for n in problem.columns)
        name = TableCell(row.method, note=f"{PUBLISHED}{row.source}")
        rows.append([name, EMPTY, *values, _given(row, row.full)])
    return rows


def _given(row: "Published", fraction: float | None, sd: float | None = None) -> TableCell:
    """As it was published: tables have two decimals, what was read off a figure mostly one."""
    if fraction is None:
        return EMPTY
    texts = [f"{100 * x:.2f}" for x in (fraction, sd) if x is not None]
    if row.source not in ("table", "FAQ"):
        texts = [text.removesuffix("0") for text in texts]
    return TableCell(" ± ".join(texts), 100 * fraction)


def _cycle_notes(problem: ProblemFindings, metric: str, own: Sequence[Cells]) -> list[str]:
    pool = f" The share is of the pool of {problem.pool:,}." if problem.pool else ""
    values = [cell for row in own for cell in row[2:]]
    notes = [f"{metric} in %.{pool}"]
    if any("±" in cell.text for cell in values):
        notes[0] += " ± is the standard deviation over n runs."
    if any(cell.look == "best" for cell in values):
        notes[0] += " Bold: the best of our rows."
    if problem.published:
        sources = [f"{source}: {SOURCES[source]}" for source in sources_of(problem)]
        models = models_of(problem)
        of = f" ({models})" if models else ""
        notes.append(
            f"Published rows{of} are copied from papers, not run here; {'; '.join(sources)}."
        )
    return notes


def full_supervision(problem: ProblemFindings) -> Table | None:
    """What each learner reaches with every label of the pool."""
    if not problem.full:
        return None
    rows = [[TableCell(learner), _summary(value)] for learner, value in problem.full.items()]
    return Table("Full supervision, the same recipe", heads("learner", "whole pool"), rows)


def axis_of(axis: Axis, problem: ProblemFindings) -> str:
    """What an axis is of, in words."""
    if axis == "seconds":
        return "measured seconds" if problem.measured else "modelled seconds"
    return axis


def areas(problem: ProblemFindings, metric: str, costs: Costs) -> Table | None:
    """The mean height of each method's curve over what labelling costs."""
    found: list[Axis] = [axis for axis in AXES if any(axis in m.area for m in problem.methods)]
    if not found:
        return None
    rows = [
        [TableCell(m.name), *(_summary(m.area[a]) if a in m.area else EMPTY for a in found)]
        for m in problem.methods
        if m.area
    ]
    notes = [f"Area under the budget curve divided by the range of the budget, in {metric} %."]
    if problem.spans:
        ranges = (
            f"{low:,.0f} to {high:,.0f} {axis_of(a, problem)}"
            for a, (low, high) in problem.spans.items()
        )
        notes.append(f"Over what all finished runs cover: {', '.join(ranges)}.")
    if "seconds" in found and problem.measured:
        notes.append("Measured seconds: what annotating took, as the annotation tool says.")
    elif problem.modelled:
        notes.append(f"Modelled seconds: {costs.image:g} an image and {costs.object:g} an object.")
    names = (f"over {axis_of(axis, problem)}" for axis in found)
    return Table("AUBC", heads("method", *names), rows, notes=notes)


def _summary(value: Summary) -> TableCell:
    note = f"n = {value.n}"
    if value.interval:
        low, high = value.interval
        note = f"95 % interval, n = {value.n}: {percent(low)} to {percent(high)}"
    return TableCell(spread(value.mean, value.sd), 100 * value.mean, note)


def comparisons(problem: ProblemFindings, metric: str, alpha: float) -> Table | None:
    """Every method against random and the best baseline, seed by seed."""
    if not problem.comparisons:
        return None
    tests = (TableCell("p", note=test) for test in ("t test", "sign-flip", "Holm"))
    words = ("against", "AUBC over", "verdict")
    first = heads("method", *words[:2], "difference", "wins", words=words)
    notes = [
        f"Differences of AUBC in percentage points of {metric}, paired by seed"
        f"{'' if problem.spans else '; with a single budget it is the metric itself'}. Tests are "
        "two-sided: paired t, exact sign-flip, and the latter after Holm's correction, which "
        f"decides at {alpha:g}.",
        _families(problem, alpha),
    ]
    if len({c.against for c in problem.comparisons}) > 1:
        notes.append(
            "Against random selection and the best baseline: that of the largest mean AUBC over "
            "the seeds that all baselines have."
        )
    if problem.noise is not None:
        notes.append(f"One run repeated differs by up to {percent(problem.noise)} points.")
    rows = [_compared(c, axis_of(c.axis, problem)) for c in problem.comparisons]
    all_heads = [*first, *tests, *heads("verdict", words=words)]
    return Table("Comparisons", all_heads, rows, notes=notes)


def _families(problem: ProblemFindings, alpha: float) -> str:
    """What is corrected together, and how many seeds that takes."""
    of_axis: Counter[Axis] = Counter(c.axis for c in problem.comparisons)
    sizes = by_key((pairs, axis_of(axis, problem)) for axis, pairs in of_axis.items())
    needed = (
        f"{plural(least_seeds(pairs, alpha), 'seed')} or more for {plural(pairs, 'pair')} "
        f"({', '.join(axes)})"
        for pairs, axes in sizes.items()
    )
    return f"The correction is over the pairs of one axis: it can decide with {'; '.join(needed)}."


def _compared(c: Comparison, axis: str) -> Cells:
    ties = plural(c.ties, "tie") if c.ties else ""
    noise = "within replay noise" if c.within_noise else ""
    return [
        TableCell(c.method),
        TableCell(c.against),
        TableCell(axis),
        numbered(c.difference, partial(percent, sign="+"), 100, noise),
        TableCell(f"{c.wins}/{c.n}", c.wins / c.n, ties) if c.n else EMPTY,
        *(numbered(p, p_value) for p in (c.p_t, c.p_sign_flip, c.p_holm)),
        _verdict(c),
    ]


def _verdict(c: Comparison) -> TableCell:
    if c.difference is None:
        return TableCell("no seed with both areas", look="faint")
    if not c.decidable:
        return TableCell("n too small to decide", look="faint")
    if not c.significant:
        return TableCell("no difference shown")
    ahead = c.difference > 0
    return TableCell("better", look="better") if ahead else TableCell("worse", look="worse")


def savings(problem: ProblemFindings) -> Table | None:
    """How much less has to be labelled than with random selection; a row for each other method."""
    if not problem.savings:
        return None
    notes = [
        f"Level: {share(Q)} of full supervision of the learner that random selection was run with. "
        "Images at which the mean curve of the n seeds that both have first reaches it, "
        "interpolated linearly."
    ]
    if any(
        s.needed_at_most or s.baseline_at_most or any(s.between_bounds) for s in problem.savings
    ):
        notes.append(
            "≤, ≥: bounds. A mean curve that starts above the level needs no more than its first "
            "budget; less was not tried."
        )
    if any(saving.between for saving in problem.savings):
        notes.append(
            "In parentheses: the saving at levels within the 95 % interval of full supervision."
        )
    reasons = dict.fromkeys(s.undecided for s in problem.savings if s.undecided)
    notes += [f"Not decidable: {why}." for why in reasons]
    names = heads("method", "n", "level, %", "images needed", "random needs", "saving")
    return Table("Label savings", names, [_saved(s) for s in problem.savings], notes=notes)


def _saved(saving: "Saving") -> Cells:
    return [
        TableCell(saving.method),
        TableCell(str(saving.n), saving.n),
        TableCell(percent(saving.level), 100 * saving.level),
        _budget(saving, saving.needed, saving.needed_at_most),
        _budget(saving, saving.baseline, saving.baseline_at_most),
        _share(saving),
    ]


def _budget(saving: "Saving", images: float | None, at_most: bool) -> TableCell:
    if not saving.n:
        return EMPTY
    if images is None:
        return TableCell("not reached", look="faint")
    return TableCell(f"{'≤ ' * at_most}{images:,.0f}", images)


def _share(saving: "Saving") -> TableCell:
    """A method's upper bound makes it a lower bound, that of random selection an upper one."""
    if not saving.n:
        return TableCell("no common seed", look="faint")
    if saving.undecided:
        return TableCell("not decidable", look="faint")
    if saving.saving is None:
        both = saving.needed_at_most and saving.baseline_at_most
        return TableCell("both start above" if both else "not reached", look="faint")
    sign = "≥ " * saving.needed_at_most + "≤ " * saving.baseline_at_most
    signs = [sign * bound for sign, bound in zip("≤≥", saving.between_bounds, strict=True)]
    ends = zip(signs, saving.between or (), strict=False)
    between = " to ".join(f"{sign} {share(end, 1)}".lstrip() for sign, end in ends)
    return TableCell(f"{sign}{share(saving.saving, 1)}", saving.saving, note=between)
