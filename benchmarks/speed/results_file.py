"""``speed.json`` and ``speed.md``, whose table has a line for each side of each case."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.benchmarks.reporting.tables import Table, TableCell, heads, table_text
from alframe.benchmarks.speed.row import RATIO, ROOFLINE, SECONDS, Spread, Timing
from alframe.benchmarks.speed.targets import Goal, targets_of
from alframe.files.atomic import write_text


def write(
    folder: Path, rows: Sequence[Timing], targets: Sequence[Goal], facts: Mapping[str, Any]
) -> None:
    """Write both files."""
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


HEADS = (
    "case", "side", "time", "per second", "time / against", "against", "of the roofline", "other",
    "target", "",
)  # fmt: skip
WORDS = ("side", "against", "other", "target", "")
IN_COLUMNS = frozenset({SECONDS, RATIO, ROOFLINE})
"""Measures with a column of their own."""


def table(rows: Iterable[Timing], targets: Sequence[Goal]) -> str:
    """A line for each side of each case: medians, and of ratios also the smallest and largest."""
    lines = [[*map(TableCell, _line(row, targets_of(row, targets)))] for row in rows]
    return table_text(Table("", heads(*HEADS, words=WORDS), lines))


def _line(row: Timing, targets: Sequence[Goal]) -> list[str]:
    m = row.measures
    others = [f"{_number(v.median)} {name}" for name, v in m.items() if name not in IN_COLUMNS]
    return [
        row.case,
        row.side,
        _time(m[SECONDS].median) if SECONDS in m else "",
        f"{_number(row.items / m[SECONDS].median)} {row.unit}" if SECONDS in m else "",
        _ratio(m[RATIO]) if RATIO in m else "",
        (row.against or "") if RATIO in m else "",
        f"{100 * m[ROOFLINE].median:.0f} %" if ROOFLINE in m else "",
        f"failed: {row.failed}" if row.failed else ", ".join(others),
        ", ".join(map(str, targets)),
        ", ".join("PASS" if target.met(row) else "MISS" for target in targets),
    ]


def _ratio(spread: Spread) -> str:
    return f"{spread.median:.2f} ({min(spread.values):.2f}-{max(spread.values):.2f})"


def _time(seconds: float) -> str:
    return f"{_number(1000 * seconds)} ms" if seconds < 1 else f"{_number(seconds)} s"


def _number(value: float) -> str:
    """Three digits at least, no exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
