r"""The cycle table in LaTeX, for ``\usepackage{booktabs}``."""

import itertools
import re
from collections.abc import Sequence

from alframe.benchmarks.cycle_table import (
    SOURCES,
    Line,
    Value,
    models_of,
    own_lines,
    published_lines,
    sources_of,
)
from alframe.benchmarks.findings import Problem
from alframe.benchmarks.page.numbers import size
from alframe.text import latex as escape

MARKS = {
    "table": r"$^{\dagger}$",
    "FAQ": r"$^{\ddagger}$",
    "entry": r"$^{\S}$",
    "figure": r"$^{\ast}$",
}
"""At the names of published rows, explained in the caption."""


def tables(problems: Sequence[Problem], metric: str) -> str:
    """A table for each problem, each under a label of its own."""
    found: dict[str, str] = {}
    for problem in problems:
        first = _label(problem.name)
        numbered = (f"{first}-{n}" for n in itertools.count(2))
        label = next(one for one in itertools.chain([first], numbered) if one not in found)
        found[label] = latex(problem, metric, label)
    return "\n".join(found.values())


def latex(problem: Problem, metric: str, label: str | None = None) -> str:
    r"""A ``table`` environment: a row a method, a column a size of the labelled set.

    Percent, ``mean \pm sd``; the best of our rows in bold; published rows
    beneath, marked with their source. The label is made of the problem's name, if not given.
    """
    own, published = own_lines(problem), published_lines(problem)
    full = any(line.full for line in (*own, *published))
    rules = [_body(problem.columns, lines, full) for lines in (own, published) if lines]
    parts = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_caption(problem, metric, own, published)}}}",
        rf"\label{{tab:{label or _label(problem.name)}}}",
        r"\smallskip",
        rf"\begin{{tabular}}{{@{{}}l{'r' * (len(problem.columns) + full)}@{{}}}}",
        r"\toprule",
        *_head(problem, full),
        r"\midrule",
        "\n\\midrule\n".join(rules),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _label(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "cycles"


def _caption(problem: Problem, metric: str, own: Sequence[Line], published: Sequence[Line]) -> str:
    pool = f" (share of the pool of {problem.pool:,})" if problem.pool else ""
    counts = {line.n for line in own if line.n}
    spread = ""
    if max(counts, default=1) > 1:
        runs = str(*counts) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
        spread = rf" Mean $\pm$ standard deviation of {runs} runs."
    models = models_of(problem)
    notes = [f"Published rows: {escape(models)}."] if models else []
    notes += [f"{MARKS[s]}Published: {escape(SOURCES[s])}." for s in sources_of(published)]
    subject = escape(f"{metric} in % on {problem.dataset} with {problem.detector}")
    return " ".join([f"{subject}, by number of labelled images{pool}.{spread}", *notes])


def _head(problem: Problem, full: bool) -> list[str]:
    counts = [str(labelled) for labelled in problem.columns]
    lines = [_row(["Method", *counts, *(["full"] if full else [])])]
    if problem.pool:
        shares = [escape(size(n / problem.pool)) for n in problem.columns]
        lines.append(_row(["", *shares, *([escape("100 %")] if full else [])]))
    return lines


def _body(columns: Sequence[int], lines: Sequence[Line], full: bool) -> str:
    return "\n".join(
        _row(
            [
                escape(line.name) + MARKS.get(line.source, ""),
                *(_cell(line.values.get(labelled)) for labelled in columns),
                *([_cell(line.full)] if full else []),
            ]
        )
        for line in lines
    )


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(value: Value | None) -> str:
    if value is None:
        return "--"
    text = rf"{value.mean} \pm {value.sd}" if value.sd else value.mean
    bold = rf"\mathbf{{{text}}}" if value.best else text
    fewer = "" if value.n is None else rf" {{\scriptsize ($n = {value.n}$)}}"
    return f"${bold}${fewer}"
