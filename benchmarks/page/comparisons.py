"""Which method is better, shown by which test."""

from collections import Counter
from collections.abc import Sequence

from alframe.benchmarks.findings import Axis, Comparison, Problem
from alframe.benchmarks.page.blocks import EMPTY, Cell, Grid, Head, Row
from alframe.benchmarks.page.cycles import AXES
from alframe.benchmarks.page.numbers import p_value, percent, plural, points
from alframe.benchmarks.statistics import least_seeds


def comparisons(problem: Problem, metric: str, alpha: float) -> Grid | None:
    """Every method against random and the best baseline, seed by seed."""
    if not problem.comparisons:
        return None
    heads = (
        Head("method"),
        Head("against", words=True),
        Head("AUBC over", words=True),
        Head("difference"),
        Head("wins"),
        Head("p", "t test"),
        Head("p", "sign-flip"),
        Head("p", "Holm"),
        Head("verdict", words=True),
    )
    notes = [
        f"Differences of AUBC in percentage points of {metric}, paired by seed. Tests are "
        "two-sided: paired t, exact sign-flip, and the latter after Holm's correction, which "
        f"decides at {alpha:g}.",
        _families(problem.comparisons, alpha),
    ]
    if len({c.against for c in problem.comparisons}) > 1:
        notes.append(
            "Against random selection and the best baseline: that of the largest mean AUBC over "
            "the seeds that all baselines have."
        )
    if problem.noise is not None:
        notes.append(f"One run repeated differs by up to {percent(problem.noise)} points.")
    rows = tuple(_compared(c) for c in problem.comparisons)
    return Grid("Comparisons", heads, rows, notes=tuple(notes))


def _families(comparisons: Sequence[Comparison], alpha: float) -> str:
    """What is corrected together, and how many seeds that takes."""
    of_axis: Counter[Axis] = Counter(c.axis for c in comparisons)
    sizes: dict[int, list[Axis]] = {}
    for axis, pairs in of_axis.items():
        sizes.setdefault(pairs, []).append(axis)
    needed = (
        f"{plural(least_seeds(pairs, alpha), 'seed')} or more for {plural(pairs, 'pair')} "
        f"({', '.join(AXES[axis] for axis in axes)})"
        for pairs, axes in sizes.items()
    )
    return f"The correction is over the pairs of one axis: it can decide with {'; '.join(needed)}."


def _compared(comparison: Comparison) -> Row:
    c = comparison
    ties = plural(c.ties, "tie") if c.ties else ""
    cells = (
        Cell(c.against),
        Cell(AXES[c.axis]),
        _difference(c),
        Cell(f"{c.wins}/{c.n}", c.wins / c.n, ties) if c.n else EMPTY,
        *(_p(p) for p in (c.p_t, c.p_sign_flip, c.p_holm)),
        _verdict(c),
    )
    return Row(c.method, cells)


def _difference(comparison: Comparison) -> Cell:
    if comparison.difference is None:
        return EMPTY
    note = "within replay noise" if comparison.within_noise else ""
    return Cell(points(comparison.difference), 100 * comparison.difference, note)


def _p(p: float | None) -> Cell:
    return EMPTY if p is None else Cell(p_value(p), p)


def _verdict(comparison: Comparison) -> Cell:
    if comparison.difference is None:
        return Cell("no seed with both areas", look="faint")
    if not comparison.decidable:
        return Cell("n too small to decide", look="faint")
    if not comparison.significant:
        return Cell("no difference shown")
    if comparison.difference > 0:
        return Cell("better", look="better")
    return Cell("worse", look="worse")
