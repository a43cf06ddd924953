"""Messages name settings that exist, for the dataset that they are about."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from alframe.config.draft import COMPONENTS, component_settings, plain_settings
from alframe.plugins import registry

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("alframe", "detectors", "strategies", "benchmarks")
SECTIONS = "budget|data|dataset|evaluation|learner|model|oracle|strategy|training"
NAMED = re.compile(rf"(?<![\w./])(?:{SECTIONS})\.[a-z][a-z_]*\b(?![.(/])")
DATASETS = {
    "coco": [
        "coco",
        "coco_fields",
        "coco_json",
        "coco_kinds",
        "coco_objects",
        "unannotated",
    ],
    "photos": ["photos", "held_out"],
    "voc": ["voc", "voc_layout", "voc_list", "voc_xml"],
    "yolo": ["yolo", "yolo_layout"],
    "shapes": ["shapes"],
}
NO_SETTINGS = {"training.fit", "training.data", "dataset.fingerprint"} | {
    f"{name}.{suffix}" for name in ("data", "dataset") for suffix in ("json", "yaml", "yml")
}
"""Names of modules, of files, and of what a report compares."""


@functools.cache
def sources() -> list[tuple[Path, str]]:
    """Every text in the code that is no docstring and names a setting."""
    return [
        (file, name)
        for folder in FOLDERS
        for file in sorted((ROOT / folder).rglob("*.py"))
        for text in texts(ast.parse(file.read_text(encoding="utf-8")))
        for name in NAMED.findall(text)
    ]


def texts(tree: ast.AST) -> Iterator[str]:
    nodes = list(ast.walk(tree))
    bare = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


def settings(dataset: str | None = None) -> set[str]:
    """All settings, with the options of every component, or of one dataset alone."""
    found = set(plain_settings())
    for section, kind in COMPONENTS.items():
        for entry in registry().all(kind):
            if section != "dataset" or dataset in (None, entry.name):
                found |= set(component_settings({section: [entry]}))
    return found | {f"{section}.name" for section in COMPONENTS} | {"strategy.of"}


def test_every_setting_that_is_named_exists() -> None:
    named = sources()
    assert len({name for _, name in named}) > 30, "the texts are found"
    known = settings() | NO_SETTINGS
    assert [(str(f.relative_to(ROOT)), name) for f, name in named if name not in known] == []


@pytest.mark.parametrize("dataset", DATASETS)
def test_datasets_name_settings_of_their_own(dataset: str) -> None:
    """What readers share names what every dataset of files has."""
    others = {module for name, own in DATASETS.items() if name != dataset for module in own}
    known = settings(dataset) | NO_SETTINGS
    for file, name in sources():
        shared = dataset != "shapes" and file.stem not in others
        if file.parent.name == "datasets" and (file.stem in DATASETS[dataset] or shared):
            assert name in known, (file, name)
