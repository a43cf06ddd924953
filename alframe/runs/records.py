"""What a journal says of a run, and the files for others: cycles.jsonl and results.csv."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.datasets.base import LabelledSet, Target
from alframe.files.checked import read_records
from alframe.runs.journal import Event, Journal
from alframe.text import csv_text

Record = Mapping[str, Any]

COLUMNS = ("cycle", "labelled", "objects", "annotation_seconds")
"""Of ``results.csv``, before the metrics."""
SECONDS = "seconds/"
"""What the names of those after them begin with."""
REMEDY = "'alframe run --output RUN --resume' writes the file anew from the journal"


def selections(events: Iterable[Event]) -> dict[int, list[str]]:
    """What each cycle selected; its last event counts, for cycles may have been added to a run."""
    return {e["cycle"]: list(e["ids"]) for e in events if e["event"] == "selected"}


def ignored(events: Iterable[Event]) -> frozenset[str]:
    """The items that annotators gave up."""
    return frozenset(i for e in events if e["event"] == "annotated" for i in e["ignored"])


def asked_for(events: Iterable[Event]) -> frozenset[str]:
    """The ids that a run has labelled, waits for or tests on."""
    kinds = {"initial": ("ids", "test"), "selected": ("ids",), "annotated": ("extra", "ignored")}
    return frozenset(item for e in events for key in kinds.get(e["event"], ()) for item in e[key])


def lost(events: Iterable[Event]) -> frozenset[str]:
    """The ids whose pictures were gone before people had seen them, which are ignored."""
    return frozenset(i for e in events if e["event"] == "annotated" for i in e.get("lost", ()))


def new_classes(events: Iterable[Event]) -> dict[str, int]:
    """The classes that came with answers, in label order, and the cycle that trains on them first.

    Those that a run began with are not among them.
    """
    return {
        name: e["cycle"]
        for e in events
        if e["event"] == "annotated"
        for name in e.get("new_classes", ())
    }


def classes_in(cycle: int, classes: Iterable[str], new: Mapping[str, int]) -> tuple[str, ...]:
    """Those of all classes that the model of a cycle knows; see :func:`new_classes`."""
    return tuple(name for name in classes if new.get(name, 0) <= cycle)


def cycle_record(
    journal: Journal, cycle: int, labelled: LabelledSet, annotation_seconds: float | None
) -> Record | None:
    """What ``cycles.jsonl`` says of a cycle; None where it is not finished.

    Args:
        journal: of the run.
        cycle: number.
        labelled: what it trained on.
        annotation_seconds: that people took for that, where all of it is known.
    """
    fit, result, chosen = (journal.last(e, cycle) for e in ("fitted", "evaluated", "selected"))
    if not (fit and result and chosen):
        return None
    seconds = {"fit": fit, "evaluate": result, "select": chosen}
    return {
        "cycle": cycle,
        "labelled": len(labelled),
        "objects": labelled.objects(),
        "annotation_seconds": annotation_seconds,
        "metrics": result["metrics"],
        "phases": _phases(journal, cycle),
        "seconds": {step: round(event["seconds"], 3) for step, event in seconds.items()},
        "memory": chosen["memory"],
        "selected": chosen["ids"],
    }


def _phases(journal: Journal, cycle: int) -> list[Record]:
    """The summaries of a fit's phases; one that a kill made to be repeated counts once."""
    summaries = {e["index"]: e for e in journal.of("phase_finished") if e["cycle"] == cycle}
    left_out = ("event", "cycle", "index")
    return [{k: v for k, v in e.items() if k not in left_out} for e in summaries.values()]


def selections_due(events: Iterable[Event]) -> int:
    """How many selections there have to be: those there are, and one before each later cycle."""
    traces = [e for e in events if "cycle" in e]
    return max((e["cycle"] + bool(e.get("ids")) for e in traces), default=0)


def difference(
    path: Path, events: Sequence[Event], targets: Mapping[str, Target], *, gone_on: bool = False
) -> str:
    """What is wrong with ``cycles.jsonl``, which reports read; empty if nothing is.

    Selections and metrics have to be those of the journal; the counts of images and objects follow
    from the selections. A kill may leave the file without the last selection of the journal.

    Args:
        path: of the file.
        events: of the journal.
        targets: what was answered, by id.
        gone_on: the journal has more events by now, and the file maybe more cycles.

    Raises:
        RunError: the file is damaged.
    """
    found, expected = read_records(path, REMEDY), list(_expected(events, targets))
    problem = _compared(found[: len(expected)] if gone_on else found, expected)
    if problem and events[-1]["event"] == "selected":
        return _compared(found, list(_expected(events[:-1], targets))) and problem
    return problem


def _expected(events: Sequence[Event], targets: Mapping[str, Target]) -> Iterator[Record]:
    """As much of each cycle as follows from the journal."""
    left_out = ignored(events)
    known = targets.keys() - left_out
    labelled = [i for e in events if e["event"] == "initial" for i in e["ids"]]
    extra = {e["cycle"]: e["extra"] for e in events if e["event"] == "annotated"}
    metrics = {e["cycle"]: e["metrics"] for e in events if e["event"] == "evaluated"}
    for cycle, ids in sorted(selections(events).items()):
        labelled += extra.get(cycle, [])
        yield {
            "cycle": cycle,
            "labelled": sum(i not in left_out for i in labelled),
            "objects": sum(len(targets[i].labels) for i in labelled if i in known),
            "metrics": metrics.get(cycle),
            "selected": ids,
        }
        labelled += ids


def _compared(found: Sequence[Record], expected: Sequence[Record]) -> str:
    if len(found) != len(expected):
        return f"number of cycles: {len(found)} instead of {len(expected)}"
    for one, other in zip(found, expected, strict=True):
        if differ := [key for key in other if _text(one.get(key)) != _text(other[key])]:
            return f"it has other {', '.join(differ)} in cycle {other['cycle']}"
    return ""


def _text(value: Any) -> str:
    """For a comparison: of floats every digit, and NaN is NaN."""
    return json.dumps(value, sort_keys=True)


def results_table(cycles: Sequence[Mapping[str, Any]]) -> str:
    """A line for each cycle, its numbers under flat names."""
    rows = [_row(c) for c in cycles]
    columns = list(dict.fromkeys(k for row in rows for k in row))
    return csv_text([columns, *([row.get(k) for k in columns] for row in rows)])


def _row(cycle: Mapping[str, Any]) -> dict[str, Any]:
    row = {k: v for k in COLUMNS if (v := cycle.get(k)) is not None}
    row |= dict(metric_columns(cycle["metrics"]))
    return row | {f"{SECONDS}{k}": v for k, v in cycle["seconds"].items()}


def metric_columns(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Metrics under flat names."""
    for name, value in metrics.items():
        if isinstance(value, dict) and value:
            yield from ((f"{name}/{key}", inner) for key, inner in value.items())
        else:
            yield name, value
