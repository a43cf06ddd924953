"""What a run remembers of Label Studio: which project is its own, and what it has read there."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from alframe.errors import RunError
from alframe.files.checked import read_object, write_object

FILE = "label_studio.json"
SAID = ("id", "result", "was_cancelled")
"""Of an annotation, what makes it an answer."""
REMEDY = "restore it, or remove it and resume with another oracle.project"


@dataclass
class Memory:
    """The content of ``label_studio.json`` in a run directory.

    Attributes:
        run: what the run's tasks are marked with.
        title: by which the project was looked for.
        project: its number; None before there is one.
        seen: by number of a task, a digest of the annotations that were read last.
    """

    run: str
    title: str = ""
    project: int | None = None
    seen: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Path) -> "Memory":
        """What a run remembers; a new mark where that is nothing.

        Raises:
            RunError: the file is damaged.
        """
        path = run / FILE
        if not path.exists():
            return cls(secrets.token_hex(8))
        try:
            return cls(**read_object(path, REMEDY))
        except TypeError as error:
            raise RunError(f"{path} is damaged: {REMEDY}") from error

    def write(self, run: Path) -> None:
        """Keep it."""
        write_object(run / FILE, asdict(self))

    def is_new(self, task: Mapping[str, Any]) -> bool:
        """Whether the annotations of a task are others than were read last."""
        return self.seen.get(str(task["id"])) != digest(task)


def digest(task: Mapping[str, Any]) -> str:
    """Of what the annotations of a task say, whenever and by whomever they were saved."""
    said = [{key: each.get(key) for key in SAID} for each in task["annotations"]]
    text = json.dumps(said, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
