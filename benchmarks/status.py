"""Where a suite stands, for ``alframe bench SUITE --status``."""

import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from alframe.benchmarks.cells import Cell
from alframe.benchmarks.runs import Cycle, read_cycles
from alframe.benchmarks.work import Work


def status_lines(work: Work) -> Iterator[str]:
    """A summary, a line for each cell, and an estimate of what remains."""
    states = {c.name: work.state(c) for c in work.cells}
    counts = Counter(states.values())
    shown = ", ".join(f"{n} {state}" for state, n in counts.items())
    yield f"{work.folder}: {len(work.cells)} runs: {shown}"
    width = max(map(len, states))
    for cell in work.cells:
        yield f"{cell.name:{width}}  {states[cell.name]:10}  {_progress(cell, work.folder)}"
    for cell in work.cells:
        if states[cell.name] == "failed":
            yield f"failed: {cell.name}: {work.failure(cell)} ({work.log(cell)})"
    if remaining := _remaining(work):
        yield f"about {remaining / 60:.0f} min of computing remain, if done one after the other"


def _progress(cell: Cell, folder: Path) -> str:
    done = list(read_cycles(cell.path(folder) / "cycles.jsonl"))
    name, value = next(iter(done[-1].numbers().items()), ("", None)) if done else ("", None)
    result = "" if value is None else f"  {name} {100 * value:5.1f} %"
    return f"{len(done)}/{cell.config.budget.cycles} cycles{result}"


def _remaining(work: Work) -> float:
    """Seconds that unfinished cells will take, if their cycles take as long as others' did."""
    taken: list[float] = []
    missing = 0
    for cell in work.cells:
        done = list(read_cycles(cell.path(work.folder) / "cycles.jsonl"))
        own = done[1:] if cell.first else done  # the first cycle was trained elsewhere
        taken += map(_seconds, own)
        missing += max(0, (cell.config.budget.cycles or 0) - bool(cell.first) - len(own))
    return missing * statistics.fmean(taken) if taken else 0.0


def _seconds(cycle: Cycle) -> float:
    return sum(cycle.seconds.values())
