r"""The cycle table in LaTeX, for ``\usepackage{booktabs}``."""

import re
from collections.abc import Iterator, Sequence

from alframe.benchmarks.reporting.findings import Findings, ProblemFindings
from alframe.benchmarks.reporting.method_tables import (
    PUBLISHED,
    SOURCES,
    cycles,
    models_of,
    sources_of,
)
from alframe.benchmarks.reporting.tables import EMPTY, Table, TableCell
from alframe.text import latex as escape

MARKS = {
    "table": r"$^{\dagger}$",
    "FAQ": r"$^{\ddagger}$",
    "entry": r"$^{\S}$",
    "rerun": r"$^{\P}$",
    "figure": r"$^{\ast}$",
}
"""At the names of published rows, by source; explained in the caption."""


def tables(findings: Findings) -> str:
    """A table for each problem, each under a label of its own."""
    found: dict[str, str] = {}
    metric = findings.metric
    for problem in findings.problems:
        if (table := cycles(problem, metric)) is None:
            continue
        label = first = re.sub(r"[^a-z0-9]+", "-", problem.name.lower()).strip("-") or "cycles"
        number = 1
        while label in found:
            label = f"{first}-{(number := number + 1)}"
        found[label] = latex(problem, metric, table, label)
    return "\n".join(found.values())


def latex(problem: ProblemFindings, metric: str, table: Table, label: str) -> str:
    r"""A ``table`` environment: a row a method, a column a size of the labelled set.

    Percent, ``mean \pm sd``; the best of our rows in bold; published rows beneath, marked with
    their source.
    """
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_caption(problem, metric, table)}}}",
            rf"\label{{tab:{label}}}",
            r"\smallskip",
            rf"\begin{{tabular}}{{@{{}}l{'r' * len(table.heads[2:])}@{{}}}}",
            r"\toprule",
            *_lines(table),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _caption(problem: ProblemFindings, metric: str, table: Table) -> str:
    pool = f" (share of the pool of {problem.pool:,})" if problem.pool else ""
    counts = {row[1].text for row in table.rows if row[1] is not EMPTY}
    spread = ""
    if counts - {"1"}:
        runs = " to ".join(dict.fromkeys((min(counts, key=int), max(counts, key=int))))
        spread = rf" Mean $\pm$ standard deviation of {runs} runs."
    models = models_of(problem)
    notes = [f"Published rows: {escape(models)}."] if models else []
    notes += [f"{MARKS[s]}Published: {escape(SOURCES[s])}." for s in sources_of(problem)]
    subject = escape(f"{metric} in % on {problem.dataset} with {problem.model}")
    return " ".join([f"{subject}, by number of labelled images{pool}.{spread}", *notes])


def _lines(table: Table) -> Iterator[str]:
    """All but the column of n, which the caption tells."""
    columns = table.heads[2:]
    yield _line(["Method", *(escape(head.text) for head in columns)])
    if columns[0].note:
        yield _line(["", *(escape(head.note) for head in columns)])
    for rows in (table.rows, table.beneath):
        if rows:
            yield r"\midrule"
        for name, _, *values in rows:
            yield _line([_name(name), *map(_value, values)])


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _name(cell: TableCell) -> str:
    return escape(cell.text) + MARKS.get(cell.note.removeprefix(PUBLISHED), "")


def _value(cell: TableCell) -> str:
    if cell is EMPTY:
        return "--"
    text = cell.text.replace("±", r"\pm")
    bold = rf"\mathbf{{{text}}}" if cell.look == "best" else text
    fewer = rf" {{\scriptsize (${cell.note}$)}}" if cell.note else ""
    return f"${bold}${fewer}"
