"""The cycle table, full supervision and the areas under the budget curve."""

from alframe.benchmarks.cycle_table import (
    SOURCES,
    Line,
    Value,
    models_of,
    own_lines,
    published_lines,
    sources_of,
)
from alframe.benchmarks.findings import Axis, Costs, Problem, Summary
from alframe.benchmarks.page.blocks import EMPTY, Cell, Grid, Head, Row
from alframe.benchmarks.page.numbers import percent, size, spread

AXES: dict[Axis, str] = {"images": "images", "boxes": "boxes", "seconds": "modelled seconds"}


def cycles(problem: Problem, metric: str) -> Grid | None:
    """A row a method, a column a size of the labelled set, published rows beneath."""
    own, published = own_lines(problem), published_lines(problem)
    if not any(line.values or line.full for line in (*own, *published)):
        return None
    full = any(line.full for line in (*own, *published))
    heads = [Head("method"), Head("n"), *(_column(problem, n) for n in problem.columns)]
    return Grid(
        title=f"{metric} by number of labelled images",
        heads=(*heads, Head("full", "100 %")) if full else tuple(heads),
        rows=tuple(_row(problem, line, full) for line in own),
        beneath=tuple(_row(problem, line, full) for line in published),
        notes=tuple(_notes(problem, metric, own, published)),
    )


def full_supervision(problem: Problem) -> Grid | None:
    """What each learner reaches with every label of the pool."""
    if not problem.full:
        return None
    rows = tuple(Row(learner, (_summary(value),)) for learner, value in problem.full.items())
    return Grid("Full supervision, the same recipe", (Head("learner"), Head("whole pool")), rows)


def areas(problem: Problem, metric: str, costs: Costs) -> Grid | None:
    """The mean height of each method's curve over what labelling costs."""
    found: list[Axis] = [axis for axis in AXES if any(axis in m.area for m in problem.methods)]
    rows = [
        Row(m.name, tuple(_summary(m.area[a]) if a in m.area else EMPTY for a in found))
        for m in problem.methods
        if m.area
    ]
    if not found:
        return None
    notes = [f"Area under the budget curve divided by the range of the budget, in {metric} %."]
    if problem.spans:
        ranges = (
            f"{low:,.0f} to {high:,.0f} {AXES[a]}" for a, (low, high) in problem.spans.items()
        )
        notes.append(f"Over what all finished runs cover: {', '.join(ranges)}.")
    if "seconds" in found:
        notes.append(f"Modelled seconds: {costs.image:g} an image and {costs.box:g} a box.")
    heads = (Head("method"), *(Head(f"over {AXES[axis]}") for axis in found))
    return Grid("AUBC", heads, tuple(rows), notes=tuple(notes))


def _column(problem: Problem, labelled: int) -> Head:
    return Head(str(labelled), size(labelled / problem.pool) if problem.pool else "")


def _row(problem: Problem, line: Line, full: bool) -> Row:
    values = [line.values.get(labelled) for labelled in problem.columns]
    runs = Cell(str(line.n), line.n) if line.n else EMPTY
    cells = [_cell(value) for value in (*values, *([line.full] if full else []))]
    return Row(line.name, (runs, *cells), f"published, {line.source}" if line.source else "")


def _cell(value: Value | None) -> Cell:
    if value is None:
        return EMPTY
    text = f"{value.mean} ± {value.sd}" if value.sd else value.mean
    fewer = "" if value.n is None else f"n = {value.n}"
    return Cell(text, value.number, fewer, "best" if value.best else "")


def _notes(problem: Problem, metric: str, own: list[Line], published: list[Line]) -> list[str]:
    pool = f" The share is of the pool of {problem.pool:,}." if problem.pool else ""
    notes = [f"{metric} in %.{pool}"]
    if any(value.sd for line in own for value in line.values.values()):
        notes[0] += " ± is the standard deviation over n runs."
    if any(value.best for line in own for value in line.values.values()):
        notes[0] += " Bold: the best of our rows."
    if published:
        sources = [f"{source}: {SOURCES[source]}" for source in sources_of(published)]
        models = models_of(problem)
        of = f" ({models})" if models else ""
        notes.append(
            f"Published rows{of} are copied from papers, not run here; {'; '.join(sources)}."
        )
    return [*notes, *problem.notes]


def _summary(value: Summary) -> Cell:
    note = f"n = {value.n}"
    if value.interval:
        low, high = value.interval
        note = f"95 % interval, n = {value.n}: {percent(low)} to {percent(high)}"
    return Cell(spread(value.mean, value.sd), 100 * value.mean, note)
