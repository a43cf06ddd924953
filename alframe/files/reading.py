"""Where text is read: YAML of people and of ours, and JSON of ours. Nothing in it is trusted.

Files are regular ones of a sensible size in UTF-8. YAML is that of JSON's types: texts, whole
numbers of 64 bits, numbers, true and false, lists, and mappings whose keys are texts, each once;
so ``yes``, ``010``, ``1:30`` and ``2026-01-01`` are texts. What aliases expand to is bounded
before it is expanded.
"""

import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import yaml

from alframe.errors import ConfigError

YAML_BYTES, JSON_BYTES, LIST_BYTES = 1 << 20, 1 << 28, 1 << 28
"""Limits of a file: 1 MiB of configuration, 256 MiB of a run's own records, or of a list of images
or labels of one."""
YAML_NODES, YAML_DEPTH = 100_000, 64
"""Limits of a document: values, where aliases count as what they stand for, and nesting."""

COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Of files in a zip: of these as much is unpacked as is asked for, whatever size they claim."""

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TAGS = {_TAG + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}
_BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


class ValueProblem(ValueError):  # noqa: N818 - it becomes an error once it is known where
    """What is wrong with a YAML text, and in which line of it; 0 where no line can be named."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.text, self.line = text, line


def regular(path: Path) -> IO[bytes]:
    """Open a regular file; a folder, a pipe or a device, from which one may read for ever, is none.

    Raises:
        OSError: it is none, or cannot be opened.
    """
    try:
        mode = path.stat().st_mode
    except ValueError as error:
        raise FileNotFoundError(0, "a path cannot hold such characters", str(path)) from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(0, "it is a folder; expected a file", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(0, "it is a pipe or a device; expected a file", str(path))
    return path.open("rb")


def read_bytes(path: Path, limit: int) -> bytes:
    """A regular file of at most ``limit`` bytes.

    Raises:
        OSError: it cannot be opened, or is larger.
    """
    with regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise OSError(0, f"it has {size:,} bytes; expected at most {limit:,}", str(path))
        return file.read(size or limit)  # memory for as many is taken beforehand


def read_text(path: Path, where: str) -> str:
    """A UTF-8 file.

    Args:
        path: of the file.
        where: what messages call it.

    Raises:
        ConfigError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        return read_bytes(path, YAML_BYTES).decode("utf-8-sig")
    except OSError as failure:
        raise ConfigError(f"cannot read {where}: {failure.strerror}") from failure
    except UnicodeDecodeError as failure:
        line = failure.object[: failure.start].count(b"\n") + 1
        raise ConfigError(f"{where} is not UTF-8, line {line}: save it as UTF-8") from failure


def read_yaml(path: Path, where: str = "") -> Any:
    """What a YAML file holds.

    Args:
        path: of the file.
        where: what messages call it; its path by default.

    Raises:
        ConfigError: as of :func:`read_text` and :func:`parsed_yaml`.
    """
    where = where or str(path)
    return parsed_yaml(read_text(path, where), where)


def parsed_yaml(text: str, where: str) -> Any:
    """What a YAML text holds.

    Raises:
        ConfigError: it is not YAML, or holds what no setting is; names the line.
    """
    try:
        return yaml_value(text)
    except ValueProblem as problem:
        line = f", line {problem.line}" if problem.line else ""
        raise ConfigError(f"{where} is not YAML of settings{line}: {problem.text}") from problem


def yaml_value(text: str) -> Any:
    """What a YAML text holds.

    Raises:
        ValueProblem: it is not YAML, or holds what no setting is.
    """
    try:
        text.encode()
        _check_size(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_nodes(node, set())
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except UnicodeEncodeError as error:
        raise ValueProblem("it is not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(str(error.problem or error.context).split())
        raise ValueProblem(said, mark.line + 1 if mark else 0) from error
    except yaml.YAMLError as error:
        raise ValueProblem(str(getattr(error, "reason", "") or "unreadable characters")) from error


def _resolvers() -> dict[Any, list[Any]]:
    """What plain scalars are taken for: not dates, 1.1's ``yes``, octal 010 or 90 for ``1:30``."""
    kept = _TAGS - {_TAG + "bool", _TAG + "int", _TAG + "float"}
    pairs = _Base.yaml_implicit_resolvers.items()
    return {letter: [one for one in found if one[0] in kept] for letter, found in pairs}


class _Loader(_Base):  # type: ignore[misc]
    """Makes JSON's types, and says where it cannot."""

    yaml_implicit_resolvers = _resolvers()

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, LookupError, ArithmeticError) as error:
            raise _problem(node, f"{_shown(node)} is not a value of {_named(node.tag)}") from error
        if isinstance(value, int) and abs(value) >= 1 << 63:
            raise _problem(node, f"{_shown(node)} is too large a number")
        return value


_Loader.add_implicit_resolver(_TAG + "bool", _BOOL, list("tTfF"))
_Loader.add_implicit_resolver(_TAG + "float", _FLOAT, list("-+.0123456789"))
_Loader.add_implicit_resolver(_TAG + "int", _INT, list("-+0123456789"))


def _check_size(text: str) -> None:
    """Count values without making them, so that a few lines of aliases cannot become gigabytes."""
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []
    count = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in opened):
                raise ValueProblem(f"*{event.anchor} stands within itself", line)
            count += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            weight = 1 + len(event.value) // 64
            count += weight
            sizes[event.anchor or ""] = weight
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            sizes[anchor or ""] = count - before
        if len(opened) > YAML_DEPTH:
            raise ValueProblem(f"it is nested deeper than {YAML_DEPTH} levels", line)
        if count > YAML_NODES:
            raise ValueProblem(f"it holds, or aliases make, more than {YAML_NODES:,} values", line)


def _check_nodes(node: yaml.Node, seen: set[int]) -> None:
    """Types that JSON has, and keys that are texts, each once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.tag not in _TAGS:
        raise _problem(node, f"values of {_named(node.tag)} are not settings")
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
    if not isinstance(node, yaml.ScalarNode):
        for child in _children(node):
            _check_nodes(child, seen)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    for child in node.value:
        yield from child if isinstance(child, tuple) else (child,)


def _check_keys(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if key.tag == _TAG + "merge":
            continue
        if not isinstance(key, yaml.ScalarNode) or key.tag != _TAG + "str":
            raise _problem(key, f"expected a name before the colon, got {_shown(key)}; quote it")
        if key.value in lines:
            raise _problem(
                key, f"{key.value!r:.60} is there twice, first in line {lines[key.value]}"
            )
        lines[key.value] = key.start_mark.line + 1


def _problem(node: yaml.Node, text: str) -> ValueProblem:
    return ValueProblem(text, node.start_mark.line + 1)


def _shown(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
    return repr(node.value) if len(node.value) <= 40 else f"{node.value[:40]!r}..."


def _named(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def read_json(path: Path, where: str) -> Any:
    """What a JSON file holds.

    Args:
        path: of the file.
        where: what messages call it.

    Raises:
        ConfigError: it cannot be read, or is not JSON.
    """
    try:
        return parsed_json(read_bytes(path, JSON_BYTES))
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def parsed_json(raw: bytes) -> Any:
    """What a JSON text holds.

    Raises:
        ValueError: it is not UTF-8 or not JSON; says why in a few words.
    """
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise ValueError("it holds too large a number") from error
