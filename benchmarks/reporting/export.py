"""The report for programs: CSV and JSON, metrics as fractions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from alframe.benchmarks.reading.rundirs import Run
from alframe.benchmarks.reporting.findings import Findings
from alframe.text import csv_text

COLUMNS = (
    "problem", "method", "learner", "strategy", "finished", "labelled", "share", "objects",
    "annotation_seconds", "metric", "mean", "sd", "n", "low", "high",
)  # fmt: skip


def to_csv(findings: Findings) -> str:
    """A line for each point of each method: for spreadsheets and data frames."""
    rows: list[Sequence[Any]] = [COLUMNS]
    for problem in findings.problems:
        for method in problem.methods:
            names = (problem.name, method.name, method.learner, method.strategy)
            finished = str(method.finished).lower()
            for point in method.points:
                share = point.labelled / problem.pool if problem.pool else None
                v, (low, high) = point.value, point.value.interval or (None, None)
                size = (point.labelled, share, point.objects, point.seconds)
                rows.append(
                    [*names, finished, *size, findings.metric, v.mean, v.sd, v.n, low, high]
                )
    return csv_text(rows)


def to_json(findings: Findings) -> str:
    """Everything but the pictures, with the runs behind each number."""
    return json.dumps(_plain(findings), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Run):
        left_out = {"metrics", "selected"}
        cycles = [c.model_dump(exclude=left_out) | {"metrics": c.numbers()} for c in value.cycles]
        known = {"path": value.place, "seed": value.seed, "finished": value.finished}
        return known | {"cycles": cycles}
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name != "jpeg"}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
