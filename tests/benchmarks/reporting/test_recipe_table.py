"""The recipes of all problems, side by side."""

from dataclasses import replace

from alframe.benchmarks.reporting.run_tables import recipes
from alframe.benchmarks.reporting.tables import EMPTY
from tests.benchmarks.findings_example import BARE_PROBLEM, FULL_PROBLEM


def test_a_column_a_problem() -> None:
    other = replace(BARE_PROBLEM, recipe={"precision": "bf16", "budget": "5 + 1 x 5"})
    grid = recipes([FULL_PROBLEM, BARE_PROBLEM, other])
    assert grid is not None
    assert [head.text for head in grid.heads] == ["part", "voc-retina", "shapes-ssd"]
    assert [tuple(cell.text for cell in row) for row in grid.rows] == [
        ("batch", "2 images", EMPTY.text),
        ("precision", "fp32; bf16", "bf16"),
        ("budget", EMPTY.text, "5 + 1 x 5"),
    ]


def test_none_where_nothing_is_known() -> None:
    assert recipes([BARE_PROBLEM]) is None
