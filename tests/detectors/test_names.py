"""Strategies and detectors do not know each other's names."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from alframe.plugins import Entry, Kind, registry

ROOT = Path(__file__).resolve().parents[2]
SIDES: list[tuple[str, Kind]] = [("detectors", "strategies"), ("strategies", "models")]


def words(file: Path) -> Iterator[str]:
    """Identifiers, imported modules and strings of a file; not its documentation."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    statements = [n for d in ast.walk(tree) if isinstance(d, documented) for n in d.body]
    prose = {id(s.value) for s in statements if isinstance(s, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word):
                yield word
            case ast.alias(name=word) | ast.ClassDef(name=word):
                yield word
            case ast.ImportFrom(module=str(word)):
                yield word
            case ast.Constant(value=str(word)) if id(node) not in prose:
                yield word


def names(entry: Entry) -> set[str]:
    """What a file would have to write to mean this plugin: its name, module and class."""
    module, _, factory = str(entry.factory).partition(":")
    return {entry.name, module, factory, f"{module}.{factory}"}


@pytest.mark.parametrize(("layer", "kind"), SIDES)
def test_no_file_names_what_it_has_to_work_with(layer: str, kind: Kind) -> None:
    entries = registry().all(kind)
    assert len(entries) >= 2
    strangers = set().union(*map(names, entries))
    files = [f for f in (ROOT / layer).rglob("*.py") if f != ROOT / layer / "__init__.py"]
    assert files
    for file in files:
        assert not strangers & set(words(file)), file


def test_the_search_finds_what_it_shall(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text(
        '"""entropy in prose."""\n'
        "from alframe.detectors.retinanet import RetinaNet as R\n"
        "isinstance(model, detectors.SSD) or name == 'ssd'\n"
    )
    found = set(words(file))
    assert {"alframe.detectors.retinanet", "RetinaNet", "SSD", "ssd"} <= found
    assert "entropy in prose." not in found
