"""The journal: an append-only record of what a run has done, and what each event has to have."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.files.atomic import naming, sync_folder
from alframe.files.checked import damaged, from_lines, is_whole, read_lines, to_lines

Event = Mapping[str, Any]
FILE = "journal.jsonl"

_Check = Callable[[Any], bool]


def is_count(value: Any) -> bool:
    """Whether a value read from JSON is a whole number, not negative, that any program reads."""
    return type(value) is int and 0 <= value < 1 << 53


def _is_seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_names(value: Any) -> bool:
    return _is_ids(value) and bool(value)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


_KINDS: Mapping[_Check, str] = {
    is_count: "a whole number",
    _is_seconds: "seconds",
    _is_text: "text",
    _is_ids: "a list of ids, each once",
    _is_names: "a list of names, each once",
    _is_mapping: "a mapping",
}
SCHEMA: Mapping[str, Mapping[str, _Check]] = {
    "initial": {"ids": _is_ids, "test": _is_ids, "sha256": _is_text},
    "annotated": {
        "cycle": is_count,
        "images": is_count,
        "objects": is_count,
        "ignored": _is_ids,
        "extra": _is_ids,
        "sha256": _is_text,
    },
    "cycle_started": {"cycle": is_count, "labelled": is_count, "objects": is_count},
    "phase_finished": {"cycle": is_count, "phase": _is_text, "index": is_count},
    "fitted": {"cycle": is_count, "seconds": _is_seconds},
    "evaluated": {"cycle": is_count, "metrics": _is_mapping, "seconds": _is_seconds},
    "selected": {"cycle": is_count, "ids": _is_ids, "seconds": _is_seconds, "memory": _is_mapping},
    "failed": {"job": _is_text, "reason": _is_text},
    "waiting": {"job": _is_text, "reason": _is_text},
}
"""Event -> key -> what its value has to be. Other events, and more keys, may be of later versions.

``failed`` and ``waiting`` are of a suite's journal; of the others, ``finished`` alone is in both
and needs nothing.
"""
_MAY_HAVE: Mapping[str, Mapping[str, _Check]] = {
    "annotated": {"new_classes": _is_names, "lost": _is_ids},
    "selected": {"wanted": is_count},
}
"""Likewise, where there is something to say."""
_ONCE = frozenset({"annotated", "cycle_started", "fitted", "evaluated"})
"""In a cycle; a selection is made again where cycles are added, a phase after a kill."""


def problems(events: Iterable[Event]) -> Iterator[tuple[int, str]]:
    """What is wrong with the events of a journal: their numbers, from 1, and why."""
    current, seen = 0, set[tuple[str, int]]()
    for number, event in enumerate(events, 1):
        if problem := _problem_with(event):
            yield number, problem
            continue
        if "cycle" not in event:
            continue
        kind, cycle = event["event"], event["cycle"]
        if not current <= cycle <= current + 1:
            yield number, f"cycle {cycle:,} after cycle {current:,}"
            continue
        if (kind, cycle) in seen and kind in _ONCE:
            yield number, f"{kind!r} of cycle {cycle:,} is there twice"
        current = cycle
        seen.add((kind, cycle))


def _problem_with(event: Event) -> str:
    kind = event.get("event")
    if not isinstance(kind, str):
        return "it has no event"
    may_have = _MAY_HAVE.get(kind, {})
    wanted = dict(SCHEMA.get(kind, {})) | {k: may_have[k] for k in may_have if k in event}
    if "cycle" in event:
        wanted["cycle"] = is_count
    for key, check in wanted.items():
        if key not in event:
            return f"{kind!r} without its {key!r}"
        if not check(event[key]):
            return f"{key!r} of {kind!r} is not {_KINDS[check]}: {_short(event[key])}"
    return ""


def _short(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 1 << 63:  # repr of thousands of digits is refused
        return "a number of too many digits"
    return f"{value!r:.40}"


REMEDY = (
    "Restore the file, or start anew with another --output; 'alframe report' and 'alframe predict' "
    "do not need it"
)


class Journal:
    """One JSON object a line, each on the disk before :meth:`append` returns.

    Args:
        folder: where ``journal.jsonl`` lies, of a run or a suite. A last line that a kill cut short
            never happened; it is removed by the next event, so that reading the journal of a live
            run leaves it alone.
        remedy: what to do where it is damaged.

    Raises:
        RunError: a line in the middle is damaged.
    """

    def __init__(self, folder: Path, remedy: str = REMEDY) -> None:
        self._path, self._remedy = folder / FILE, remedy
        self._events: list[Event] = []
        self._torn: int | None = None
        self._checksum = 0
        self._read(read_lines(self._path))

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def of(self, event: str) -> list[Event]:
        """All events of one kind, in order."""
        return [e for e in self._events if e["event"] == event]

    def last(self, event: str, cycle: int) -> Event | None:
        """The last such event of a cycle: added cycles add a selection to one that had none."""
        found = [e for e in self.of(event) if e.get("cycle") == cycle]
        return found[-1] if found else None

    def append(self, event: str, **details: Any) -> None:
        """Add an event and sync it to the disk."""
        self.extend([{"event": event, **details}])

    def extend(self, events: Sequence[Event]) -> None:
        """Add several events with one write; a kill may leave the first few of them."""
        lines, checksum = to_lines(events, self._checksum)
        if self._torn is not None:
            os.truncate(self._path, self._torn)
            self._torn = None
        new = not self._path.exists()
        with naming(self._path), self._path.open("ab") as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync_folder(self._path.parent)
        self._checksum = checksum
        self._events += events

    def _read(self, raw: bytes) -> None:
        whole, newline, rest = raw.rpartition(b"\n")
        if rest:
            self._torn = len(whole) + len(newline)
            if is_whole(rest[:-1]):  # a kill leaves the beginning of a line, and nothing else
                number = whole.count(b"\n") + len(newline) + 1
                raise damaged(self._path, number, "its end has changed", self._remedy)
        events, self._checksum = from_lines(whole + newline, self._path, self._remedy)
        for number, reason in problems(events):
            raise damaged(self._path, number, reason, self._remedy)
        self._events += events
