"""JSON files told apart by their beginning, so that a large one is parsed once."""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from alframe.annotations.sheets import NAME
from alframe.annotations.sources import Source, files, head, read
from alframe.datasets.json_text import parsed

Kind = Literal["instances", "results", "tasks", "minimal", "empty"]

_TABLE = re.compile(r'"(?:images|annotations)"\s*:')
_BEGINNING = 1 << 16
"""Bytes in which an object mostly has the first of its tables."""
_LONGEST = 1 << 23
"""Bytes of what comes before them at most."""
_ENOUGH = 1 << 20
"""Bytes in which the first element of a list ends."""


def json_files(source: Source, *kinds: Kind) -> dict[str, Source]:
    """JSON files of some kinds, by their path below ``source``."""
    found = files(source, ".json")
    return {
        name: file
        for name, file in found.items()
        if not (name.rpartition("/")[2] == NAME and b'"proposals"' in head(file))
        if kind_of(file) in kinds
    }


def content_of(file: Source) -> Any:
    """What a JSON file holds.

    Raises:
        DataError: it cannot be read, or is no JSON.
    """
    return parsed(read(file), str(file))


def kind_of(file: Source) -> Kind | None:
    """What a JSON file probably is: instances or results of COCO, tasks or rows of Label Studio.

    A list without elements, ``empty``, is results of a model that found nothing.
    """
    start = _text(head(file, _BEGINNING))
    if start[:1] == "{":
        found = _TABLE.search(start)
        if not found and len(start) >= _BEGINNING // 4:  # after a long list of categories
            found = _TABLE.search(_text(head(file, _LONGEST)))
        return "instances" if found else None
    return _kind_of_list(file) if start[:1] == "[" else None


def _kind_of_list(file: Source) -> Kind | None:
    if "".join(_text(head(file, 64)).split()) == "[]":
        return "empty"
    row = _first(file)
    if isinstance(row.get("data"), dict):  # one that nobody annotated has nothing else
        return "tasks"
    if "annotation_id" in row and "annotator" in row:
        return "minimal"
    if "keypoints" in row:
        return None
    return "results" if {"image_id", "category_id", "score"} <= row.keys() else None


def _first(file: Source) -> Mapping[str, Any]:
    """The first element of a list; an empty one where it is no object."""
    text = _text(head(file, _ENOUGH))[1:].lstrip()
    try:
        row = json.JSONDecoder().raw_decode(text)[0]
    except RecursionError:
        return {}
    except ValueError:  # it may be longer
        rows = _whole(file) if len(text) >= _ENOUGH // 4 else None
        row = rows[0] if isinstance(rows, list) and rows else None
    return row if isinstance(row, dict) else {}


def _whole(file: Source) -> Any:
    try:
        return content_of(file)
    except Exception:  # whatever it is, reading it will tell
        return None


def _text(data: bytes) -> str:
    """The beginning of a file in any of JSON's encodings; a letter may be cut at its end."""
    return data.decode(json.detect_encoding(data), errors="ignore").lstrip().lstrip("\ufeff")
