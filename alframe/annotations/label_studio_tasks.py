"""Tasks of Label Studio's exports, and what the images at their addresses are called."""

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from alframe.errors import DataError

_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the names of uploaded files."""


def tasks_in(rows: list[Any], where: str) -> list[Any]:
    """Tasks as in the full export, also of JSON_MIN, which has a row for each annotation.

    Raises:
        DataError: a row of JSON_MIN is no object.
    """
    if not isinstance(rows[0], dict) or "annotation_id" not in rows[0]:
        return rows
    tasks: dict[Any, dict[str, Any]] = {}
    for row in rows:
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected a list of objects, got {str(row)[:40]!r} in it")
        task = tasks.setdefault(str(row.get("id")), {"id": row.get("id"), "annotations": []})
        task["data"] = {name: value for name, value in row.items() if isinstance(value, str)}
        regions = [v for value in row.values() if isinstance(value, list) for v in value]
        result = [{"type": _type(value), "value": value} for value in regions]
        own = {"id": row.get("annotation_id"), "result": result}
        own |= {name: row.get(name) for name in ("updated_at", "created_at", "lead_time")}
        task["annotations"] += [own] if own["id"] is not None else []
    return list(tasks.values())


def _type(value: Any) -> str:
    names = value if isinstance(value, dict) else {}
    return next((name for name in names if name.endswith("labels")), "")


def image_names(url: str) -> list[str]:
    """What the image at an address may be called, the whole path first."""
    split = urlsplit(url)
    local = parse_qs(split.query).get("d")
    name = local[0] if local else unquote(split.path) if split.scheme or "?" in url else url
    name = name.removeprefix("/data/upload/").lstrip("/")
    folder, slash, last = name.rpartition("/")
    plain = _UPLOADED.sub("", last, count=1)
    ways = (name, last, folder + slash + plain, plain)
    return list(dict.fromkeys(ways))
