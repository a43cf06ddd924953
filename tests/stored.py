"""The text files of a run, honestly rewritten: their checksums are right."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from alframe.checked import read_object, read_records, to_lines, write_object
from alframe.journal import Event


def records(path: Path) -> list[dict[str, Any]]:
    """The lines of a journal, or of ``cycles.jsonl``, without checksums."""
    return read_records(path, "")


def write_records(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    path.write_text(to_lines(lines)[0])


def edit(path: Path, by: Callable[[Event], Event | None]) -> None:
    """Rewrite the events of a run's journal; those that become None are taken out."""
    file = path / "journal.jsonl"
    write_records(file, [e for event in records(file) if (e := by(event))])


def change(path: Path, event: str, **details: object) -> None:
    """Rewrite the first ``event`` of a journal."""
    events = records(path)
    next(e for e in events if e["event"] == event).update(details)
    write_records(path, events)


def change_manifest(run: Path, **entries: object) -> None:
    """Replace entries of a run's manifest."""
    path = run / "manifest.json"
    write_object(path, read_object(path, "") | entries)


def unchecked(path: Path) -> None:
    """Take the checksum out of a YAML file, as one does who edits it on purpose."""
    checksum, rest = path.read_text().split("\n", 1)
    assert checksum.startswith("# crc32 ")
    path.write_text(rest)


def plain_lines(path: Path) -> list[dict[str, Any]]:
    """As another program reads them."""
    return [json.loads(line) for line in path.read_text().splitlines()]
