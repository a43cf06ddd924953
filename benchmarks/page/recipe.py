"""How every row was trained."""

from collections.abc import Sequence

from alframe.benchmarks.findings import Problem
from alframe.benchmarks.page.blocks import EMPTY, Cell, Grid, Head, Row


def recipes(problems: Sequence[Problem]) -> Grid | None:
    """A column a problem, a row a part of its recipe."""
    told = [problem for problem in problems if problem.recipe]
    parts = dict.fromkeys(part for problem in told for part in problem.recipe)
    if not parts:
        return None
    heads = (Head("part"), *(Head(problem.name, words=True) for problem in told))
    rows = tuple(
        Row(part, tuple(_cell(problem.recipe.get(part)) for problem in told)) for part in parts
    )
    return Grid("Recipe", heads, rows, sortable=False)


def _cell(text: str | None) -> Cell:
    return Cell(text) if text else EMPTY
