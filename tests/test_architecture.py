"""The rules of the house that a reader relies on."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("alframe", "detectors", "alframe/tasks", "strategies", "benchmarks")
"""Imports go from a layer to earlier ones only; a room of another layer is one of its own."""
FOLDERS = ("detectors", "strategies", "benchmarks")
"""Layers that are folders beside ``alframe``."""
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def sources(layer: str) -> list[Path]:
    others = {ROOT / "alframe" / name for name in (*FOLDERS, "configs")}
    others |= {ROOT / other for other in LAYERS if other.startswith(f"{layer}/")}
    files = [p for p in (ROOT / layer).rglob("*.py") if not others & set(p.parents)]
    assert files
    return files


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield node.module or ""


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_run_one_way(layer: str) -> None:
    later = [name.removeprefix("alframe/") for name in LAYERS[LAYERS.index(layer) + 1 :]]
    for file in sources(layer):
        for module in imported(file):
            top, *rest = module.split(".")
            assert top not in (*FOLDERS, "configs"), f"{file}: import alframe.{top}"
            assert not (top == "alframe" and rest and rest[0] in later), f"{file}: {module}"


def test_datasets_know_nothing_of_annotation_tools() -> None:
    """But for ``photos``, which is annotated in whatever format there is."""
    files = [f for f in (ROOT / "alframe/datasets").glob("*.py") if f.stem != "photos"]
    assert len(files) > 20
    for file in files:
        assert not [m for m in imported(file) if m.startswith("alframe.annotations")], file


@pytest.mark.parametrize("layer", LAYERS)
def test_no_global_random_generator(layer: str) -> None:
    for file in sources(layer):
        text = file.read_text(encoding="utf-8")
        taken = re.findall(r"^\s*(?:import random\b|from random import (?!get|set))", text, re.M)
        assert not taken, file
        if "testing" not in file.parts:  # which watches them
            drawing = set(re.findall(r"\bnp\.random\.(\w+)", text))
            assert drawing <= {"default_rng", "Generator", "SeedSequence", "PCG64"}, file


def test_no_class_name_stands_for_two_things() -> None:
    named = [
        node.name
        for layer in LAYERS
        for file in sources(layer)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert sorted(named) == sorted(set(named))


def test_no_module_name_stands_for_two_things() -> None:
    """But for the parts of a method, a verb and what it does, and the formats of datasets."""
    parts, verbs, formats = {"strategy", "learner", "model"}, {"run"}, {"coco", "voc", "yolo"}
    several = parts | verbs | formats | {"__init__", "__main__"}
    named = [file.stem for layer in LAYERS for file in sources(layer)]
    once = sorted(name for name in named if name not in several)
    assert once == sorted(set(once))


def test_every_package_is_listed_and_every_link_points_home() -> None:
    tool = PYPROJECT["tool"]["setuptools"]
    found = {
        ("alframe." if p.parts[0] != "alframe" else "") + ".".join(p.parts)
        for layer in (*LAYERS, "configs")
        for p in ({f.parent.relative_to(ROOT) for f in sources(layer)})
    } - {"alframe.benchmarks.speed"}  # runs in a checkout
    assert set(tool["packages"]) == found
    for name in (*FOLDERS, "configs"):
        assert tool["package-dir"][f"alframe.{name}"] == name
        link = ROOT / "alframe" / name
        assert link.is_symlink()
        assert str(link.readlink()) == f"../{name}"


def test_listing_and_help_import_nothing_heavy() -> None:
    heavy = ("torch", "timm", "torchvision", "matplotlib", "scipy", "pydantic", "PIL")
    code = (
        "import sys; from alframe.cli import main\n"
        "for args in (['--help'], ['ls'], ['ls', 'plugins']):\n"
        "    try: main(args)\n"
        "    except SystemExit as e: assert e.code == 0\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "[]"
