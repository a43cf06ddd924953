"""``data.yaml`` of YOLO: names of classes, and where images lie."""

import reprlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import yaml

from alframe.errors import DataError
from alframe.files.reading import YAML_BYTES

USUAL = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
"""What the file is called, at home and in the wild."""
_NULL = ("", "~", "null", "Null", "NULL")


def data_yaml(data: bytes, where: str) -> Mapping[str, Any]:
    """What a ``data.yaml`` says; keys and values are texts, lists or mappings, without empty ones.

    So a class may be called ``no``, and the numbers of classes be keys.

    Raises:
        DataError: it is no YAML.
    """
    if len(data) > YAML_BYTES:
        raise DataError(f"{where} has {len(data):,} bytes; expected at most {YAML_BYTES:,}")
    try:
        text = text_of(data, where)
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - texts alone
        twice = _twice(yaml.compose(text, Loader=yaml.BaseLoader), set())
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        said = getattr(error, "problem", None) or type(error).__name__
        raise DataError(f"{where}{line} is not YAML ({said}): correct it") from error
    if twice:
        raise DataError(f"{where}: {twice!r:.40} is there twice: keep the right one")
    entries = content.items() if isinstance(content, dict) else ()
    return {key: value for key, value in entries if value not in _NULL}


def _twice(node: yaml.Node | None, seen: set[int]) -> str | None:
    """A key that is there twice, of which YAML's readers take the last; aliases are seen once."""
    if not isinstance(node, yaml.MappingNode) or id(node) in seen:
        return None
    seen.add(id(node))
    keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
    own = next((key for key, times in keys.items() if times > 1), None)
    return own or next(filter(None, (_twice(value, seen) for _, value in node.value)), None)


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


def keypoints_in(content: Mapping[str, Any], where: str) -> int:
    """How many numbers follow the box in a line of labels, by ``kpt_shape`` of a ``data.yaml``.

    Raises:
        DataError: it is not two numbers: how many keypoints, and 2 or 3 for each.
    """
    shape = content.get("kpt_shape")
    if shape is None:
        return 0
    pair = shape if isinstance(shape, list) and len(shape) == 2 else []
    numbers = [s if isinstance(s, str) and s.isdecimal() and len(s) < 9 else "0" for s in pair]
    points, each = map(int, numbers) if numbers else (0, 0)
    if points < 1 or each not in (2, 3):
        raise DataError(
            f"{where}: kpt_shape: expected how many keypoints, and 2 or 3 numbers for each, got "
            f"{reprlib.repr(shape)[:40]}"
        )
    return points * each


def text_of(data: bytes, where: str) -> str:
    """What a file in UTF-8 says.

    Raises:
        DataError: it is in another encoding.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8: save it as UTF-8") from error
