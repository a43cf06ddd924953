"""The journal: an append-only record of what a run has done; resuming reads it back."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alframe.files.atomic import named, sync_folder
from alframe.files.checked import damaged, from_lines, is_whole, read_lines, to_lines
from alframe.runs.events import Event, problems

__all__ = ["Event", "Journal"]

REMEDY = (
    "Restore the file, or start anew with another --output; 'alframe report' and 'alframe predict' "
    "do not need it"
)


class Journal:
    """One JSON object a line, each on the disk before :meth:`append` returns.

    Args:
        path: ``journal.jsonl``. A last line that a kill cut short never happened; it is removed
            by the next event, so that reading the journal of a live run leaves it alone.

    Raises:
        RunError: a line in the middle is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._events: list[Event] = []
        self._torn: int | None = None
        self._checksum = 0
        self._read(read_lines(path))

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
        with named(self._path), self._path.open("ab") as file:
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
                raise damaged(self._path, number, "its end has changed", REMEDY)
        events, self._checksum = from_lines(whole + newline, self._path, REMEDY)
        for number, reason in problems(events):
            raise damaged(self._path, number, reason, REMEDY)
        self._events += events
