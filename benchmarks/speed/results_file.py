"""``speed.json`` and ``speed.md``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.benchmarks.speed.row import Timing
from alframe.benchmarks.speed.table import table
from alframe.benchmarks.speed.targets import Goal, targets_of
from alframe.files.atomic import write_text


def write(
    folder: Path, rows: Sequence[Timing], targets: Sequence[Goal], facts: Mapping[str, Any]
) -> None:
    """Write both files.

    Args:
        folder: made if it is not there.
        rows: the results.
        targets: what they are held against.
        facts: how they were measured, and where.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {**facts, "rows": [_row(row, targets) for row in rows]}
    write_text(folder / "speed.json", json.dumps(content, indent=2) + "\n")
    write_text(folder / "speed.md", text(rows, targets, facts))


def text(rows: Sequence[Timing], targets: Sequence[Goal], facts: Mapping[str, Any]) -> str:
    """What ``speed.md`` holds."""
    lines = [f"- {name}: {_plain(value)}" for name, value in facts.items()]
    return "\n".join(["# Speed", "", *lines, "", table(rows, targets)])


def _row(row: Timing, targets: Sequence[Goal]) -> dict[str, Any]:
    held = targets_of(row, targets)
    return {**row.plain(), "targets": [{**t.__dict__, "met": t.met(row)} for t in held]}


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
