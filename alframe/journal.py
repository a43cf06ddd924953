"""The journal: an append-only record of what a run has done; resuming reads it back."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.atomic import named, sync_folder
from alframe.errors import RunError

Event = Mapping[str, Any]


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
        if path.exists():
            self._read(path.read_bytes())

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def of(self, event: str) -> list[Event]:
        """All events of one kind, in order."""
        return [e for e in self._events if e["event"] == event]

    def append(self, event: str, **details: Any) -> None:
        """Add an event and sync it to the disk."""
        self.extend([{"event": event, **details}])

    def extend(self, events: Sequence[Event]) -> None:
        """Add several events with one write; a kill may leave the first few of them."""
        lines = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in events)
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
        self._events += events

    def _read(self, raw: bytes) -> None:
        whole, newline, rest = raw.rpartition(b"\n")
        if rest:
            self._torn = len(whole) + len(newline)
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                self._events.append(json.loads(line))
            except ValueError as error:
                raise RunError(
                    f"{self._path}, line {number} is damaged: {error}. Restore the file, or "
                    "start anew with another --output"
                ) from error
