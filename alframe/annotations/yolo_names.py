"""Names of classes beside YOLO's labels: ``data.yaml``, ``classes.txt`` and their like."""

from pathlib import Path

from alframe.annotations.sources import Source, files, head, read
from alframe.datasets.data_yaml import data_yaml, names_in, text_of
from alframe.errors import DataError
from alframe.text import printable

LISTS = ("classes.txt", "predefined_classes.txt", "obj.names", "_darknet.labels")
"""A name in each line."""
PREDICTED = "# what a model found: lines of labels end with its score"
"""First line of a ``data.yaml`` beside labels that are no answers."""


def names_of(source: Source) -> tuple[str, ...] | None:
    """Names of classes by number, of what lies in a folder, or else in the one above.

    Raises:
        DataError: there are several lists that differ, or one is malformed.
    """
    found = _within(source)
    if not found and isinstance(source, Path):
        found = _within(source.resolve().parent, deep=False)
    if len({tuple(map(_in_a_line, names)) for names in found.values()}) > 1:
        raise DataError(
            f"{' and '.join(found)} differ in the names of classes, or in their order: keep the "
            "one by which the numbers were written"
        )
    # A list in lines cannot hold every name, YAML can.
    return next((found[file] for file in sorted(found, key=_is_list)), None)


def is_of_a_model(source: Source) -> bool:
    """Whether a ``data.yaml`` in a folder, or in the one above it, says so."""
    above = source.resolve().parent / "data.yaml" if isinstance(source, Path) else None
    found = [*files(source, "data.yaml").values(), *([above] if above and above.is_file() else [])]
    return any(head(file).startswith(PREDICTED.encode()) for file in found)


def _in_a_line(name: str) -> str:
    return " ".join(printable(name).split())


def _is_list(file: str) -> bool:
    return not file.lower().endswith((".yaml", ".yml"))


def _within(source: Source, *, deep: bool = True) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, file in files(source, ".yaml", ".yml", *LISTS).items():
        last = name.rpartition("/")[2].lower()
        if last in LISTS and (deep or "/" not in name):
            lines = text_of(read(file), str(file)).strip().splitlines()
            found[str(file)] = names_in({"names": [line.strip() for line in lines]}, str(file))
        elif last.endswith((".yaml", ".yml")) and (deep or "/" not in name):
            content = data_yaml(read(file), str(file))
            if "names" in content:
                found[str(file)] = names_in(content, str(file))
    return found
