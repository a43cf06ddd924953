"""About the runs: what they took, which have no result, where they ran."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import stdev
from typing import Any

from alframe.benchmarks.findings import Costs, Method, Problem, RunRecord, Unfinished
from alframe.benchmarks.page.blocks import EMPTY, Cell, Grid, Head, Row, Text

UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0))

Column = tuple[Head, list[Cell]]

Spent = tuple[float | None, float | None]
"""Seconds of a method's runs: mean, and standard deviation if there are several."""


def resources(problem: Problem) -> Grid | None:
    """Time of a whole run by part, and the largest peak of memory."""
    methods = [m for m in problem.methods if m.seconds or m.memory]
    parts = _parts(methods)
    columns = [_time(part, [_spent(m, [part]) for m in methods]) for part in parts]
    if columns:
        columns.append(_time("whole run", [_spent(m, parts) for m in methods]))
    columns += [
        _memory(place, [m.memory.get(place) for m in methods]) for place in _places(methods)
    ]
    if not columns:
        return None
    cells = zip(*(column for _, column in columns), strict=True)
    rows = tuple(Row(m.name, row) for m, row in zip(methods, cells, strict=True))
    notes = (
        "Time: mean ± standard deviation over the finished runs. It is wall clock: runs that "
        "share a machine slow each other. Memory: the largest peak.",
    )
    return Grid("Time and memory", (Head("method"), *(h for h, _ in columns)), rows, notes=notes)


def single_run(problem: Problem) -> Grid | None:
    """The cycles of a run that is alone: counts, metrics, seconds."""
    runs = [run for method in problem.methods for run in method.runs]
    if len(runs) != 1:
        return None
    cycles = runs[0].cycles
    metrics = list(dict.fromkeys(m for c in cycles for m in c["metrics"] if "." not in m))
    parts = list(dict.fromkeys(part for c in cycles for part in c["seconds"]))
    counts = (Head("cycle"), Head("labelled"), Head("objects"), Head("new objects per new image"))
    rows = []
    before: Mapping[str, Any] = {"labelled": 0, "objects": 0}
    for cycle in cycles:
        new = cycle["labelled"] - before["labelled"]
        density = (cycle["objects"] - before["objects"]) / new if new else None
        sizes = [Cell(str(cycle[key]), cycle[key]) for key in ("labelled", "objects")]
        values = [cycle["metrics"].get(metric) for metric in metrics]
        numbers = [_number(None if v is None else 100 * v) for v in values]
        seconds = [_number(cycle["seconds"].get(part)) for part in parts]
        cells = (*sizes, _number(density), *numbers, *seconds)
        rows.append(Row(str(cycle["cycle"]), cells))
        before = cycle
    heads = (*counts, *(Head(m, "%") for m in metrics), *(Head(part, "s") for part in parts))
    return Grid(f"Cycles of {runs[0].path}, seed {runs[0].seed}", heads, tuple(rows))


def without_result(cells: Sequence[Unfinished]) -> Grid | None:
    """Cells of the suite that a reader might miss in the tables."""
    if not cells:
        return None
    heads = (Head("cell"), *(Head(t, words=True) for t in ("state", "reason", "run directory")))
    rows = tuple(
        Row(c.cell, (Cell(c.state), Cell(c.reason) if c.reason else EMPTY, Cell(c.path)))
        for c in cells
    )
    return Grid("Cells", heads, rows, sortable=False)


def costs(constants: Costs) -> Text:
    """What an image and an object are taken to cost."""
    return Text(
        "Modelled cost of labelling",
        f"{constants.image:g} s an image + {constants.object:g} s an object.",
    )


def commands(lines: Sequence[str]) -> Text | None:
    """What made the runs, a line each, in order."""
    title = "Command" if len(lines) == 1 else "Commands"
    return Text(title, "\n".join(lines), code=True) if lines else None


def environment(entries: Mapping[str, Any]) -> Grid | None:
    """Versions, device and threads."""
    rows = tuple(Row(name, (Cell(value),)) for name, value in _flat(entries))
    if not rows:
        return None
    return Grid("Environment", (Head("entry"), Head("value", words=True)), rows, sortable=False)


def _parts(methods: Iterable[Method]) -> list[str]:
    return list(dict.fromkeys(part for method in methods for part in method.seconds))


def _places(methods: Iterable[Method]) -> list[str]:
    return list(dict.fromkeys(place for method in methods for place in method.memory))


def _spent(method: Method, parts: Sequence[str]) -> Spent:
    found = [method.seconds[part] for part in parts if part in method.seconds]
    runs = [run for run in method.runs if run.finished]
    sums = [sum(seconds) for run in runs if (seconds := list(_seconds(run, parts)))]
    return (sum(found) if found else None), (stdev(sums) if len(sums) > 1 else None)


def _seconds(run: RunRecord, parts: Sequence[str]) -> Iterator[float]:
    for cycle in run.cycles:
        seconds = cycle.get("seconds", {})
        yield from (seconds[part] for part in parts if part in seconds)


def _time(title: str, spent: Sequence[Spent]) -> Column:
    """In the largest unit of which the longest time is at least two."""
    longest = max((mean for mean, _ in spent if mean is not None), default=0.0)
    unit, length = next(((u, s) for u, s in UNITS if longest >= 2 * s), UNITS[-1])
    return Head(title, unit), [_number(mean, length, sd) for mean, sd in spent]


def _memory(place: str, gigabytes: Sequence[float | None]) -> Column:
    return Head(f"{place} memory", "GB"), [_number(value) for value in gigabytes]


def _number(value: float | None, unit: float = 1.0, sd: float | None = None) -> Cell:
    if value is None:
        return EMPTY
    spread = "" if sd is None else f" ± {sd / unit:.2f}"
    return Cell(f"{value / unit:.2f}{spread}", value)


def _flat(entries: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, str]]:
    for name, value in entries.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{start}{name}.")
        elif isinstance(value, list | tuple) and all(isinstance(v, Mapping) for v in value):
            yield from _flat(_merged(value), f"{start}{name}.")
        elif isinstance(value, list | tuple):
            yield f"{start}{name}", ", ".join(str(one) for one in value)
        else:
            yield f"{start}{name}", str(value)


def _merged(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What runs that differ say, entry by entry: one value, or all there are."""
    names = dict.fromkeys(name for entry in entries for name in entry)
    values = {name: [entry[name] for entry in entries if name in entry] for name in names}
    distinct = {
        name: [v for i, v in enumerate(vs) if v not in vs[:i]] for name, vs in values.items()
    }
    return {name: vs[0] if len(vs) == 1 else vs for name, vs in distinct.items()}
