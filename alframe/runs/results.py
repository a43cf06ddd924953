"""``results.csv``: the numbers of a run as a flat table."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from alframe.text import csv_cell


def table(cycles: Sequence[Mapping[str, Any]]) -> str:
    """A line for each cycle, its numbers under flat names."""
    rows = [_row(c) for c in cycles]
    columns = list(dict.fromkeys(k for row in rows for k in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(csv_cell, columns))
    writer.writerows([csv_cell(row.get(k)) for k in columns] for row in rows)
    return text.getvalue()


def _row(cycle: Mapping[str, Any]) -> dict[str, Any]:
    row = {k: cycle[k] for k in ("cycle", "labelled", "objects")}
    row |= {k: v for k in ("annotation_seconds",) if (v := cycle.get(k)) is not None}
    for name, value in cycle["metrics"].items():
        nested = value if isinstance(value, dict) else None
        row |= {f"{name}/{k}": v for k, v in nested.items()} if nested else {name: value}
    return row | {f"seconds/{k}": v for k, v in cycle["seconds"].items()}
