"""Names of classes beside YOLO's labels: ``data.yaml``, ``classes.txt`` and their like."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from alframe.annotations.sources import Source, files, head, read
from alframe.datasets.data_yaml import data_yaml, keypoints_in, names_in, text_of
from alframe.errors import DataError
from alframe.text import printable

T = TypeVar("T")
LISTS = ("classes.txt", "predefined_classes.txt", "obj.names", "_darknet.labels")
"""A name in each line."""
PREDICTED = "# what a model found: lines of labels end with its score"
"""First line of a ``data.yaml`` beside labels that are no answers."""


def names_of(source: Source) -> tuple[str, ...] | None:
    """Names of classes by number, of what lies in a folder, or else in the one above.

    Raises:
        DataError: there are several lists that differ, or one is malformed.
    """
    found = _near(source, _within)
    if len({tuple(map(_in_a_line, names)) for names in found.values()}) > 1:
        raise DataError(
            f"{' and '.join(found)} differ in the names of classes, or in their order: keep the "
            "one by which the numbers were written"
        )
    # A list in lines cannot hold every name, YAML can.
    return next((found[file] for file in sorted(found, key=_is_list)), None)


def keypoints_of(source: Source) -> int:
    """How many numbers of keypoints a line of labels has, by a ``data.yaml`` as for the names.

    Raises:
        DataError: it is malformed.
    """
    found = _near(source, _yamls)
    return max((keypoints_in(content, file) for file, content in found.items()), default=0)


def is_of_a_model(source: Source) -> bool:
    """Whether a ``data.yaml`` in a folder, or in the one above it, says so."""
    above = source.resolve().parent / "data.yaml" if isinstance(source, Path) else None
    found = [*files(source, "data.yaml").values(), *([above] if above and above.is_file() else [])]
    return any(head(file).startswith(PREDICTED.encode()) for file in found)


def _in_a_line(name: str) -> str:
    return " ".join(printable(name).split())


def _is_list(file: str) -> bool:
    return not file.lower().endswith((".yaml", ".yml"))


def _near(source: Source, look: Callable[[Source, bool], dict[str, T]]) -> dict[str, T]:
    """What ``look`` finds in a folder and below, or else in the one above."""
    found = look(source, True)
    if not found and isinstance(source, Path):
        found = look(source.resolve().parent, False)
    return found


def _within(source: Source, deep: bool) -> dict[str, tuple[str, ...]]:
    listed: dict[str, Mapping[str, Any]] = {}
    for name, file in files(source, *LISTS).items():
        if name.rpartition("/")[2].lower() in LISTS and (deep or "/" not in name):
            lines = text_of(read(file), str(file)).rstrip().splitlines()
            listed[str(file)] = {"names": [line.strip() for line in lines]}
    said = listed | _yamls(source, deep)
    return {file: names_in(content, file) for file, content in said.items()}


def _yamls(source: Source, deep: bool) -> dict[str, Mapping[str, Any]]:
    """What each YAML file with names says, by its path."""
    found = {
        str(file): data_yaml(read(file), str(file))
        for name, file in files(source, ".yaml", ".yml").items()
        if name.lower().endswith((".yaml", ".yml")) and (deep or "/" not in name)
    }
    return {file: content for file, content in found.items() if "names" in content}
