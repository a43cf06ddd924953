"""Names of classes beside YOLO's labels: ``data.yaml``, ``classes.txt`` and their like."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from alframe.annotations.sources import Source, files, head, read
from alframe.datasets.data_yaml import USUAL, data_yaml, keypoints_in, names_in, text_of
from alframe.errors import DataError
from alframe.files.home import real
from alframe.text import printable

T = TypeVar("T")
LISTS = ("classes.txt", "predefined_classes.txt", "obj.names", "_darknet.labels")
"""A name in each line."""
PREDICTED = "# what a model found: lines of labels end with its score"
"""First line of a ``data.yaml`` beside labels that are no answers."""


def names_of(source: Source) -> tuple[tuple[str, ...] | None, str]:
    """Names of classes by number, of what lies in a folder, or else in the nearest one above.

    Returns:
        Names, None where there are none; and their file, where it does not lie in the folder itself
        but below or above it, else nothing.

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
    if not found:
        return None, ""
    file = min(found, key=_is_list)
    inside = file.rpartition("/")[0] in ("", str(source).rstrip("/"))
    return found[file], "" if inside else file


def keypoints_of(source: Source) -> int:
    """How many numbers of keypoints a line of labels has, by a ``data.yaml`` as for the names.

    Raises:
        DataError: it is malformed.
    """
    found = _near(source, _yamls)
    return max((keypoints_in(content, file) for file, content in found.items()), default=0)


def is_of_a_model(source: Source) -> bool:
    """Whether the nearest ``data.yaml``, in a folder or above it as for the names, says so."""
    nearest = list(files(source, "data.yaml").values())
    for folder in _above(source):
        nearest = nearest or [f for f in _files_above(folder) if f.name == "data.yaml"]
    return any(head(file).startswith(PREDICTED.encode()) for file in nearest)


def last_part(name: str) -> str:
    """The name of a file without its folders, in small letters."""
    return name.rpartition("/")[2].lower()


def _in_a_line(name: str) -> str:
    return " ".join(printable(name).split())


def _is_list(file: str) -> bool:
    return not file.lower().endswith((".yaml", ".yml"))


def _near(source: Source, look: Callable[[Mapping[str, Source]], dict[str, T]]) -> dict[str, T]:
    """What ``look`` finds in a folder and below, or else in the nearest one above that has some."""
    found = look(files(source, *LISTS, ".yaml", ".yml"))
    for folder in _above(source):
        found = found or look({path.name: path for path in _files_above(folder)})
    return found


def _above(source: Source) -> Iterator[Path]:
    """The folder above; of a split's folder in ``labels``, the one above that, too."""
    if isinstance(source, Path):
        folder = real(source).parent
        yield folder
        if folder.name.lower() == "labels":
            yield folder.parent


def _files_above(folder: Path) -> list[Path]:
    """The files that may have names; no other YAML, and none of folders below: those are of others.

    There are none where the folder may not be listed.
    """
    usual = {*LISTS, *USUAL}
    with contextlib.suppress(OSError):
        return [p for p in sorted(folder.iterdir()) if p.name.lower() in usual and p.is_file()]
    return []


def _within(found: Mapping[str, Source]) -> dict[str, tuple[str, ...]]:
    listed: dict[str, Mapping[str, Any]] = {}
    for name, file in found.items():
        if last_part(name) in LISTS:
            lines = map(str.strip, text_of(read(file), str(file)).rstrip().splitlines())
            listed[str(file)] = {"names": _without_gaps(list(lines), str(file))}
    said = listed | _yamls(found)
    named = {file: names_in(content, file) for file, content in said.items()}
    return {file: names for file, names in named.items() if names}  # an empty list says nothing


def _without_gaps(lines: list[str], where: str) -> list[str]:
    if "" in lines:
        raise DataError(
            f"{where}, line {lines.index('') + 1}: expected a name, got nothing: the number of a "
            "class is that of its line"
        )
    return lines


def _yamls(found: Mapping[str, Source]) -> dict[str, Mapping[str, Any]]:
    """What each YAML file with names says, by its path."""
    said = {
        str(file): data_yaml(read(file), str(file))
        for name, file in found.items()
        if name.lower().endswith((".yaml", ".yml"))
    }
    return {file: content for file, content in said.items() if "names" in content}
