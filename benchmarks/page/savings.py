"""How much less has to be labelled than with random selection."""

from alframe.benchmarks.findings import Problem, Saving
from alframe.benchmarks.page.blocks import EMPTY, Cell, Grid, Head, Row
from alframe.benchmarks.page.numbers import percent, share
from alframe.benchmarks.statistics.savings import Q

NOT_REACHED = Cell("not reached", look="faint")
BOTH_START_ABOVE = Cell("both start above", look="faint")
NOT_DECIDABLE = Cell("not decidable", look="faint")
NO_COMMON_SEED = Cell("no common seed", look="faint")


def savings(problem: Problem) -> Grid | None:
    """A row for each method but random selection."""
    if not problem.savings:
        return None
    heads = ("method", "n", "level, %", "images needed", "random needs", "saving")
    rows = tuple(_row(saving) for saving in problem.savings)
    notes = [
        f"Level: {share(Q)} of full supervision of the learner that random selection was run with. "
        "Images at which the mean curve of the n seeds that both have first reaches it, "
        "interpolated linearly."
    ]
    if any(saving.needed_at_most or saving.baseline_at_most for saving in problem.savings):
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
    return Grid("Label savings", tuple(Head(text) for text in heads), rows, notes=tuple(notes))


def _row(saving: Saving) -> Row:
    cells = (
        Cell(str(saving.n), saving.n),
        Cell(percent(saving.level), 100 * saving.level),
        _budget(saving, saving.needed, saving.needed_at_most),
        _budget(saving, saving.baseline, saving.baseline_at_most),
        _share(saving),
    )
    return Row(saving.method, cells)


def _budget(saving: Saving, images: float | None, at_most: bool) -> Cell:
    if not saving.n:
        return EMPTY
    return NOT_REACHED if images is None else Cell(f"{'≤ ' * at_most}{images:,.0f}", images)


def _share(saving: Saving) -> Cell:
    """A method's upper bound makes it a lower bound, that of random selection an upper one."""
    if not saving.n:
        return NO_COMMON_SEED
    if saving.undecided:
        return NOT_DECIDABLE
    if saving.saving is None:
        both = saving.needed_at_most and saving.baseline_at_most
        return BOTH_START_ABOVE if both else NOT_REACHED
    sign = "≥ " * saving.needed_at_most + "≤ " * saving.baseline_at_most
    between = " to ".join(share(end, 1) for end in saving.between or ())
    return Cell(f"{sign}{share(saving.saving, 1)}", saving.saving, note=between)
