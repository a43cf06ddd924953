"""Which method is better, shown by which test, and what it saves."""

from alframe.benchmarks.findings import Comparison, Problem, Profile, Saving
from alframe.benchmarks.page.blocks import EMPTY, Cell, Grid, Head, Row
from alframe.benchmarks.page.cycles import AXES
from alframe.benchmarks.page.numbers import p_value, percent, plural, points, share
from alframe.benchmarks.statistics.profile import QS
from alframe.benchmarks.statistics.savings import Q

NOT_REACHED = Cell("not reached", look="faint")


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
        f"decides at {alpha:g}."
    ]
    if problem.noise is not None:
        notes.append(f"One run repeated differs by up to {percent(problem.noise)} points.")
    rows = tuple(_compared(c) for c in problem.comparisons)
    return Grid("Comparisons", heads, rows, notes=tuple(notes))


def savings(problem: Problem) -> Grid | None:
    """How much less has to be labelled than with random selection."""
    if not problem.savings:
        return None
    heads = ("method", "level, %", "images needed", "random needs", "saving")
    rows = tuple(_saved(saving) for saving in problem.savings)
    note = (
        f"Level: {share(Q)} of full supervision of the learner that random selection was run with. "
        "Images at which the mean curve of the seeds first reaches it, interpolated linearly."
    )
    return Grid("Label savings", tuple(Head(text) for text in heads), rows, notes=(note,))


def solved(profile: Profile | None) -> Grid | None:
    """The two ends of each line of the performance profile."""
    if profile is None or not profile.problems:
        return None
    heads = (Head("method"), Head("solved"), Head("with the least budget"))
    rows = tuple(
        Row(
            method,
            (
                _share_of(len(ratios), profile.problems),
                _share_of(sum(ratio <= 1 for ratio in ratios), profile.problems),
            ),
        )
        for method, ratios in profile.ratios.items()
    )
    *levels, last = (f"{100 * q:g}" for q in QS)
    note = (
        f"Of {plural(profile.problems, 'problem')}: a dataset, detector, seed and level each. "
        f"Levels: {', '.join(levels)} and {last} % of full supervision; those that no method "
        "reaches are left out."
    )
    return Grid("Problems solved", heads, rows, notes=(note,))


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


def _saved(saving: Saving) -> Row:
    cells = (
        Cell(percent(saving.level), 100 * saving.level),
        _budget(saving.needed),
        _budget(saving.baseline),
        NOT_REACHED if saving.saving is None else Cell(share(saving.saving, 1), saving.saving),
    )
    return Row(saving.method, cells)


def _budget(images: float | None) -> Cell:
    return NOT_REACHED if images is None else Cell(f"{images:,.0f}", images)


def _share_of(count: int, whole: int) -> Cell:
    return Cell(f"{count}/{whole}", count / whole, share(count / whole))
