"""The cycle table in the layout of the papers: what the page and the LaTeX table say alike."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alframe.benchmarks.findings import Method, Problem, Published, Summary

DIGITS = 2
"""Decimals of our percentages, as of published ones; what is best is decided by what is printed."""
SOURCES: Mapping[str, str] = {
    "table": "exact, from a table of the paper",
    "FAQ": "exact, from the authors' FAQ",
    "entry": "exact, from the authors' entry on Papers with Code",
    "figure": "read off a figure, ±0.15",
}
"""What :attr:`Published.source` means to a reader."""


@dataclass(frozen=True)
class Value:
    """A number of the table, in percent.

    Attributes:
        number: the mean.
        mean: its text.
        sd: text of the standard deviation; empty where there is none.
        n: runs, where they are not as many as the row says; else None.
        best: no method of ours has a larger one in this column, as printed.
    """

    number: float
    mean: str
    sd: str = ""
    n: int | None = None
    best: bool = False


@dataclass(frozen=True)
class Line:
    """A row of the table.

    Attributes:
        name: of the method, marked if a run of it is unfinished.
        n: runs; None for a published row.
        source: of a published row, a key of :data:`SOURCES`; empty for a row of ours.
        values: by size of the labelled set.
        full: full supervision of its learner, or as published.
    """

    name: str
    n: int | None
    source: str
    values: Mapping[int, Value]
    full: Value | None


def own_lines(problem: Problem) -> list[Line]:
    """A line a method, in the suite's order."""
    best = _best(problem.methods)
    return [_own(problem, method, best) for method in problem.methods]


def published_lines(problem: Problem) -> list[Line]:
    """A line a published row, with the decimals of the source."""
    return [_published(row) for row in problem.published]


def sources_of(lines: Iterable[Line]) -> list[str]:
    """The keys of :data:`SOURCES` that occur, in the order of that mapping."""
    found = {line.source for line in lines}
    return [source for source in SOURCES if source in found]


def models_of(problem: Problem) -> str:
    """What published rows were measured with; empty where nobody says."""
    return ", ".join(dict.fromkeys(row.model for row in problem.published if row.model))


def _own(problem: Problem, method: Method, best: Mapping[int, float]) -> Line:
    n = max((p.value.n for p in method.points), default=0)
    values = {p.labelled: _value(p.value, n, best.get(p.labelled)) for p in method.points}
    full = problem.full.get(method.learner)
    return Line(method.title, n, "", values, _value(full, n) if full else None)


def _value(summary: Summary, n: int, best: float | None = None) -> Value:
    number = 100 * summary.mean
    return Value(
        number=number,
        mean=f"{number:.{DIGITS}f}",
        sd="" if summary.sd is None else f"{100 * summary.sd:.{DIGITS}f}",
        n=summary.n if summary.n != n else None,
        best=round(number, DIGITS) == best,
    )


def _published(row: Published) -> Line:
    def value(fraction: float, sd: float | None = None) -> Value:
        return Value(100 * fraction, text(fraction), "" if sd is None else text(sd))

    def text(fraction: float) -> str:
        """As it was published: tables have two decimals, what was read off a figure mostly one."""
        given = f"{100 * fraction:.2f}"
        return given if row.source in ("table", "FAQ") else given.removesuffix("0")

    values = {n: value(v, row.spread.get(n)) for n, v in row.values.items()}
    return Line(row.method, None, row.source, values, None if row.full is None else value(row.full))


def _best(methods: Sequence[Method]) -> dict[int, float]:
    """The largest printed mean of each column in which methods compete."""
    found: dict[int, list[float]] = defaultdict(list)
    for method in methods:
        for point in method.points:
            found[point.labelled].append(round(100 * point.value.mean, DIGITS))
    return {labelled: max(values) for labelled, values in found.items() if len(values) > 1}
