"""strategies/README.md has what is registered."""

from alframe.runs.compatibility import table
from tests.strategies.readme import models, strategies, written

TOLD = "made anew by: python -m tests.pages"


def test_every_strategy_has_its_row() -> None:
    assert written("strategies") == strategies(), TOLD


def test_every_model_has_its_row() -> None:
    """Models of extras that are not installed are not compared."""
    absent = {f"| `{name}` " for name, task, *_ in table() if not task}
    there = [row for row in written("models") if not any(row.startswith(a) for a in absent)]
    assert there == models(), TOLD
