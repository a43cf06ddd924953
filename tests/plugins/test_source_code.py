"""What is known of the source of a plugin, in a file or in the cells of a notebook."""

import linecache
import sys
from types import ModuleType
from typing import Any

import pytest

from alframe.plugins.source_code import source_digest
from alframe.strategies.coreset import CoreSet
from alframe.strategies.uncertainty import Entropy

CELL = """
class Own:
    requires = frozenset()

    @property
    def signed(self):
        return False

    @staticmethod
    def best(ids):
        return ids

    def select(self, query):
        return self.best(query.unlabelled)
"""


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs cells of one notebook, a module without a file; gives its class."""
    notebook = ModuleType("notebook")
    monkeypatch.setitem(sys.modules, "notebook", notebook)

    def run(source: str, number: int, *, shown: bool = True) -> Any:
        name = f"<cell {number}>"
        if shown:
            lines = source.splitlines(keepends=True)
            monkeypatch.setitem(linecache.cache, name, (len(source), None, lines, name))
        exec(compile(source, name, "exec"), vars(notebook))
        return vars(notebook)["Own"]

    return run


def test_of_a_file_it_is_the_file() -> None:
    assert source_digest(Entropy) != source_digest(CoreSet)
    assert source_digest(Entropy.select) is not None


@pytest.mark.parametrize("change", ["return False", "return ids", "return self.best"])
def test_of_a_notebook_it_is_every_method(cell: Any, change: str) -> None:
    before = source_digest(cell(CELL, 1))
    assert before == source_digest(cell(CELL, 2)), "a cell that is run again"
    assert before != source_digest(cell(CELL.replace(change, "return 0, self.best"), 3))
    inherits = "class Own(Own):\n    def more(self): ...\n"
    assert source_digest(cell(inherits, 4)) != before


def test_what_cannot_be_known(cell: Any) -> None:
    assert source_digest(cell(CELL, 5, shown=False)) is None
    assert source_digest(len) is None
