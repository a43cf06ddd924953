"""Texts of ours with a checksum in them, so that a flipped bit is noticed when they are read.

JSON has it as a last key ``crc32``, in lines (``journal.jsonl``, ``cycles.jsonl``) carried on from
line to line, so that one that was taken out, doubled or moved is noticed, too; YAML as a first
line ``# crc32 ...``. A text without a checksum is taken as it is: other programs may write one. So
a flip is noticed wherever it falls but in the checksum's own name; then nothing else has changed.
"""

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alframe.errors import RunError
from alframe.files.atomic import write_text
from alframe.files.reading import (
    JSON_BYTES,
    YAML_BYTES,
    ValueProblem,
    parsed_json,
    read_bytes,
    yaml_value,
)

KEY = "crc32"
_IN_JSON = re.compile(rb'(.*),\s*"crc32": "([0-9a-f]{8})"\s*\}\s*', re.DOTALL)
_IN_YAML = re.compile(r"# crc32 ([0-9a-f]{8})\n(.*)", re.DOTALL)

Record = Mapping[str, Any]


def to_lines(records: Iterable[Record], checksum: int = 0) -> tuple[str, int]:
    """JSON lines, and the checksum to carry on with.

    Args:
        records: an object for each line.
        checksum: of the lines before.
    """
    lines = []
    for record in records:
        text = _json(record)
        checksum = zlib.crc32(text.encode(), checksum)
        lines.append(f'{text[:-1]}, "{KEY}": "{checksum:08x}"}}\n')
    return "".join(lines), checksum


def from_lines(raw: bytes, path: Path, remedy: str) -> tuple[list[dict[str, Any]], int]:
    """The objects in whole lines, without their checksums, and the checksum to carry on with.

    Args:
        raw: the lines, each with its end.
        path: of their file, for messages.
        remedy: what can still be done, for messages.

    Raises:
        RunError: a line is damaged; names it.
    """
    records: list[dict[str, Any]] = []
    checksum, checked = 0, False
    for number, line in enumerate(raw.split(b"\n")[:-1], 1):
        body, given = _split(line)
        checksum = zlib.crc32(body, checksum)
        try:
            record = parsed_json(body)
            if not isinstance(record, dict):
                raise ValueError(f"expected an object, got {record!r:.40}")
            if given is None and checked:
                raise ValueError("it has no checksum, those before have one")
            if given not in (None, checksum):
                raise ValueError("its checksum does not match: it, or a line before, has changed")
        except ValueError as error:
            raise damaged(path, number, str(error), remedy) from error
        records.append(_without_key(record))
        checked = given is not None
    return records, checksum


def is_whole(line: bytes) -> bool:
    """Whether a line has all that :func:`to_lines` writes, but its end."""
    return _split(line)[1] is not None


def damaged(path: Path, number: int, reason: str, remedy: str) -> RunError:
    """The error about a line of a file."""
    return RunError(f"{path}, line {number} is damaged: {reason}. {remedy}")


def read_records(path: Path, remedy: str) -> list[dict[str, Any]]:
    """The objects in a file of whole lines; none where there is no file.

    Raises:
        RunError: it cannot be read, or a line is damaged.
    """
    raw = read_lines(path)
    if raw and not raw.endswith(b"\n"):  # only other programs leave the end of the last line out
        raw += b"\n"
    return from_lines(raw, path, remedy)[0]


def read_lines(path: Path) -> bytes:
    """A file of lines as it is; empty where there is none.

    Raises:
        RunError: it cannot be read.
    """
    try:
        return read_bytes(path, JSON_BYTES)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error


def write_object(path: Path, content: Record) -> None:
    """Write an object with its checksum."""
    text = _json(content, indent=2)
    checksum = zlib.crc32(text.encode())
    write_text(path, f'{text[:-2]},\n  "{KEY}": "{checksum:08x}"\n}}\n' if content else f"{text}\n")


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """What :func:`write_object` wrote, without its checksum.

    Raises:
        RunError: it cannot be read, or is damaged.
    """
    try:
        raw = read_bytes(path, JSON_BYTES)
        body, given = _split(raw, b"\n}")
        if given not in (None, zlib.crc32(body)):
            raise ValueError("its checksum does not match: it has changed since it was written")
        content = parsed_json(body)
        if not isinstance(content, dict):
            raise ValueError(f"expected an object, got {content!r:.40}")
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; {remedy}") from error
    except ValueError as error:
        raise RunError(f"{path} is damaged, {error}: {remedy}") from error
    return _without_key(content)


def write_yaml(path: Path, text: str) -> None:
    """Write a YAML text with its checksum."""
    write_text(path, f"# crc32 {zlib.crc32(text.encode()):08x}\n{text}")


def read_stored_yaml(path: Path, remedy: str) -> Any:
    """What :func:`write_yaml` wrote.

    Raises:
        RunError: it cannot be read, or is damaged.
    """
    try:
        text = read_bytes(path, YAML_BYTES).decode("utf-8")
        found = _IN_YAML.fullmatch(text)
        if found and zlib.crc32(found[2].encode()) != int(found[1], 16):
            raise ValueProblem(
                "it has changed since it was written, its first line has another checksum; if you "
                "changed it on purpose, take that line out"
            )
        if not text:
            raise ValueProblem("it is empty")
        return yaml_value(text)
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; {remedy}") from error
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is damaged, it is not UTF-8: {remedy}") from error
    except ValueProblem as error:
        line = f" line {error.line}," if error.line else ""
        raise RunError(f"{path} is damaged,{line} {error.text}: {remedy}") from error


def _split(raw: bytes, end: bytes = b"}") -> tuple[bytes, int | None]:
    """A text as it was before its checksum was put in, and the checksum."""
    found = _IN_JSON.fullmatch(raw)
    return (found[1] + end, int(found[2], 16)) if found else (raw, None)


def _json(content: Record, indent: int | None = None) -> str:
    """Readable, but for halves of surrogate pairs, which UTF-8 has not."""
    text = json.dumps(content, ensure_ascii=False, indent=indent)
    return text.encode(errors="backslashreplace").decode()


def _without_key(content: dict[str, Any]) -> dict[str, Any]:
    """The content without its checksum, even a damaged one."""
    return {k: v for k, v in content.items() if k != KEY}
