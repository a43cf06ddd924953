"""Names of classes beside YOLO's labels: ``data.yaml``, ``classes.txt`` and their like."""

import reprlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from alframe.annotations.sources import Source, files, head, read
from alframe.errors import DataError
from alframe.files.reading import YAML_BYTES
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
    """Whether a ``data.yaml`` in a folder, or the next one above it, says so."""
    parents = source.resolve().parents if isinstance(source, Path) else ()
    above = next((path for each in parents if (path := each / "data.yaml").is_file()), None)
    found = [*files(source, "data.yaml").values(), *([above] if above else [])]
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
            lines = _text(read(file), str(file)).strip().splitlines()
            found[str(file)] = names_in({"names": [line.strip() for line in lines]}, str(file))
        elif last.endswith((".yaml", ".yml")) and (deep or "/" not in name):
            content = data_yaml(read(file), str(file))
            if "names" in content:
                found[str(file)] = names_in(content, str(file))
    return found


def data_yaml(data: bytes, where: str) -> Mapping[str, Any]:
    """What a ``data.yaml`` says; keys and values are texts, lists or mappings.

    So a class may be called ``no``, and the numbers of classes be keys.

    Raises:
        DataError: it is no YAML.
    """
    if len(data) > YAML_BYTES:
        raise DataError(f"{where} has {len(data):,} bytes; expected at most {YAML_BYTES:,}")
    try:
        text = _text(data, where)
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - texts alone
        twice = _twice(yaml.compose(text, Loader=yaml.BaseLoader))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        said = getattr(error, "problem", None) or type(error).__name__
        raise DataError(f"{where}{line} is not YAML ({said}): correct it") from error
    if twice:
        raise DataError(f"{where}: {twice!r:.40} is there twice: keep the right one")
    return content if isinstance(content, dict) else {}


def _twice(node: yaml.Node | None) -> str | None:
    """A key that is there twice, of which YAML's readers take the last."""
    if not isinstance(node, yaml.MappingNode):
        return None
    keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
    own = next((key for key, times in keys.items() if times > 1), None)
    return own or next(filter(None, (_twice(value) for _, value in node.value)), None)


def names_in(content: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """``names`` of a ``data.yaml``: a list, or a mapping from 0, 1, 2, ...

    Raises:
        DataError: it is neither, a number is missing, or ``nc`` is another number.
    """
    names = content.get("names")
    if isinstance(names, dict):
        wanted = [str(number) for number in range(len(names))]
        if missing := [number for number in wanted if number not in names]:
            raise DataError(f"{where}: names: expected numbers from 0 on, {missing[0]} is missing")
        names = [names[number] for number in wanted]
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{where}: names: expected a list of names, or a mapping from 0, 1, 2, ...")
    if (count := content.get("nc", str(len(names)))) != str(len(names)):
        raise DataError(
            f"{where}: nc: expected the number of names, {len(names)}, got "
            f"{reprlib.repr(count)[:40]}"
        )
    if again := next((name for name, times in Counter(names).items() if times > 1), None):
        raise DataError(f"{where}: names: {again!r:.40} is there twice")
    return tuple(names)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8: save it as UTF-8") from error
