"""Rows of a large JSON list, a part at a time, so that memory does not grow with the file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from alframe.annotations.json_files import content_of
from alframe.annotations.sources import MOST_BYTES, UNREADABLE, Source, head, stream

AT_ONCE = 1 << 21
"""Bytes that are parsed together."""
CUTS = 8
"""Places at which a part may end that are tried: within a row, such as of a mask, none can."""


def parts_in(file: Source) -> Iterator[list[Any]]:
    """The elements of the list that a JSON file holds, many at a time.

    Raises:
        DataError: it cannot be read, or is no JSON.
    """
    too_large = isinstance(file, Path) and file.stat().st_size > MOST_BYTES
    if json.detect_encoding(head(file, 4)) != "utf-8" or too_large:
        yield content_of(file)
        return
    try:
        with stream(file) as rows:
            yield from _streamed(rows)
    except (*UNREADABLE, ValueError, RecursionError):
        content_of(file)  # which says what is wrong
        raise


def _streamed(file: IO[bytes]) -> Iterator[list[Any]]:
    rest = file.read(AT_ONCE).lstrip()
    if not rest.startswith(b"["):
        raise ValueError("expected a list")
    rest = rest[1:]
    while data := file.read(AT_ONCE):
        rows, rest = _part(rest + data)
        yield rows
    yield json.loads(b"[" + rest)


def _part(data: bytes) -> tuple[list[Any], bytes]:
    """The whole elements at the beginning of a list's inside, and what comes after them.

    What is JSON between brackets ends where an element does.
    """
    cut = len(data)
    for _ in range(CUTS):
        if (cut := data.rfind(b"},", 0, cut)) < 0:
            break
        try:
            return json.loads(b"[" + data[: cut + 1] + b"]"), data[cut + 2 :]
        except ValueError:
            continue
    return [], data
