"""Tables of runs: a row per method, a column per number of labelled images.

Metrics are fractions in :class:`Table`, CSV and JSON, and percent in markdown.
"""

import csv
import io
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from alframe.benchmarks.runs import Run
from alframe.errors import RunError
from alframe.plugins import unknown

Keyed = TypeVar("Keyed", bound=Hashable)


@dataclass(frozen=True)
class Cell:
    """A method at one number of labelled images; metrics are fractions.

    Attributes:
        labelled: images.
        mean: over ``n`` runs.
        sd: standard deviation of the runs (n - 1 in the denominator); None for a single run.
        n: how many runs have this number.
    """

    labelled: int
    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True)
class Row:
    """A method: runs whose configurations differ in the seed alone.

    Attributes:
        method: the shortest name that tells it from the other rows.
        runs: in the order given.
        cells: by number of labelled images, ascending.
    """

    method: str
    runs: tuple[Run, ...]
    cells: tuple[Cell, ...]

    @property
    def title(self) -> str:
        """The method, marked if a run of it is unfinished."""
        return self.method if all(r.finished for r in self.runs) else f"{self.method} (unfinished)"


@dataclass(frozen=True)
class Table:
    """Runs on one dataset.

    Attributes:
        dataset: its name, with the start of its fingerprint where two share the name.
        pool: how many images may be labelled, where the runs say so and agree.
        metric: what the cells hold.
        rows: in the order in which the methods were first met.
    """

    dataset: str
    pool: int | None
    metric: str
    rows: tuple[Row, ...]

    @property
    def columns(self) -> list[int]:
        """Every number of labelled images at which a method was evaluated, ascending."""
        return sorted({cell.labelled for row in self.rows for cell in row.cells})

    def share(self, labelled: int) -> float | None:
        """``labelled`` as a fraction of the pool."""
        return labelled / self.pool if self.pool else None


def tabulate(runs: Sequence[Run], metric: str) -> list[Table]:
    """Average the runs of each method; one table per dataset, for only those can be compared.

    Raises:
        RunError: no run has the metric; says which there are.
    """
    known = {name for run in runs for cycle in run.cycles for name in cycle.numbers()}
    if metric not in known:
        names = {f"{n.split('.', 1)[0]}.CLASS" if "." in n else n for n in known}
        raise RunError(unknown("metric", metric, names))
    datasets = _grouped((run.dataset, run) for run in runs)
    shared = Counter(name for name, _ in datasets)
    return [
        Table(
            dataset=f"{name} [{mark[:8]}]" if shared[name] > 1 else name,
            pool=group[0].pool if len({run.pool for run in group}) == 1 else None,
            metric=metric,
            rows=tuple(_rows(group, metric)),
        )
        for (name, mark), group in datasets.items()
    ]


def markdown(table: Table) -> str:
    """The table in percent: ``mean ± sd`` of n runs, the bare number of a single one."""
    heads = ["method", "n", *(_head(table, labelled) for labelled in table.columns)]
    rows = []
    for row in table.rows:
        cells = {cell.labelled: _percent(cell, len(row.runs)) for cell in row.cells}
        shown = [cells.get(labelled, "-") for labelled in table.columns]
        rows.append([row.title, str(len(row.runs)), *shown])
    return grid(heads, rows)


def cycle_markdown(run: Run) -> str:
    """One run, a row per cycle: counts, metrics in percent, seconds.

    Boxes per selected image are those of the images that joined for the cycle; for the first
    cycle that is the initial set.
    """
    metrics = list(dict.fromkeys(m for c in run.cycles for m in c.numbers() if "." not in m))
    parts = list(dict.fromkeys(part for cycle in run.cycles for part in cycle.seconds))
    heads = ["cycle", "labelled", "boxes", "boxes per selected image", *metrics]
    rows, labelled, boxes = [], 0, 0
    for cycle in run.cycles:
        new = cycle.labelled - labelled
        density = f"{(cycle.boxes - boxes) / new:.2f}" if new > 0 else "-"
        values = [cycle.numbers().get(m) for m in metrics]
        rows.append(
            [str(cycle.cycle), str(cycle.labelled), str(cycle.boxes), density]
            + ["-" if v is None else f"{100 * v:.2f}" for v in values]
            + [f"{cycle.seconds[p]:.1f}" if p in cycle.seconds else "-" for p in parts]
        )
        labelled, boxes = cycle.labelled, cycle.boxes
    return grid([*heads, *(f"{part} s" for part in parts)], rows)


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table; the first column to the left, the others to the right."""
    rules = ["---", *["---:"] * (len(heads) - 1)]
    lines = [[text.replace("|", "\\|") for text in row] for row in (heads, rules, *rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def to_csv(tables: Iterable[Table]) -> str:
    """A line per cell, metrics as fractions: for spreadsheets and data frames."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["dataset", "method", "finished", "labelled", "share", "metric", "mean", "sd", "n"]
    )
    for table in tables:
        for row in table.rows:
            finished = all(run.finished for run in row.runs)
            start = [table.dataset, row.method, str(finished).lower()]
            for c in row.cells:
                share = table.share(c.labelled)
                writer.writerow([*start, c.labelled, share, table.metric, c.mean, c.sd, c.n])
    return text.getvalue()


def to_json(tables: Iterable[Table]) -> list[dict[str, Any]]:
    """The tables and the cycles of their runs, ready for JSON; metrics as fractions."""
    return [
        {
            "dataset": table.dataset,
            "pool": table.pool,
            "metric": table.metric,
            "methods": [_row_json(table, row) for row in table.rows],
        }
        for table in tables
    ]


def _row_json(table: Table, row: Row) -> dict[str, Any]:
    return {
        "method": row.method,
        "points": [asdict(c) | {"share": table.share(c.labelled)} for c in row.cells],
        "runs": [
            {
                "path": str(run.path),
                "seed": run.seed,
                "finished": run.finished,
                "cycles": [
                    cycle.model_dump(exclude={"metrics", "selected"}) | {"metrics": cycle.numbers()}
                    for cycle in run.cycles
                ],
            }
            for run in row.runs
        ],
    }


def _head(table: Table, labelled: int) -> str:
    share = table.share(labelled)
    return str(labelled) if share is None else f"{labelled} ({share_text(share)})"


def share_text(share: float) -> str:
    """A fraction as percent with one decimal where there is one: ``7.5 %``, ``5 %``."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _percent(cell: Cell, runs: int) -> str:
    spread = "" if cell.sd is None else f" ± {100 * cell.sd:.2f}"
    fewer = f" (n={cell.n})" if cell.n < runs else ""
    return f"{100 * cell.mean:.2f}{spread}{fewer}"


def _rows(runs: Sequence[Run], metric: str) -> Iterable[Row]:
    groups = _grouped((json.dumps(r.method(), sort_keys=True, default=str), r) for r in runs)
    names = _names([group[0] for group in groups.values()])
    for name, group in zip(names, groups.values(), strict=True):
        yield Row(name, tuple(group), tuple(_cells(group, metric)))


def _cells(runs: Sequence[Run], metric: str) -> Iterable[Cell]:
    values: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        found = {c.labelled: c.numbers().get(metric) for c in run.cycles}
        for labelled, value in found.items():
            if value is not None:
                values[labelled].append(value)
    for labelled, found_values in sorted(values.items()):
        sd = statistics.stdev(found_values) if len(found_values) > 1 else None
        yield Cell(labelled, statistics.fmean(found_values), sd, len(found_values))


def _names(methods: Sequence[Run]) -> list[str]:
    """The strategy; where that is not enough the parts, else the settings, that differ."""
    alike = _grouped((run.name("strategy"), run) for run in methods)
    return [_name(run, alike[run.name("strategy")]) for run in methods]


def _name(run: Run, alike: Sequence[Run]) -> str:
    if len(alike) == 1:
        return run.name("strategy")
    parts = [s for s in ("learner", "detector") if len({r.name(s) for r in alike}) > 1]
    if len({tuple(r.name(s) for s in parts) for r in alike}) == len(alike):
        named: dict[str, Any] = {s: run.name(s) for s in parts}
    else:
        settings = [r.method() for r in alike]
        keys = dict.fromkeys(k for s in settings for k in s)
        differ = [k for k in keys if len({repr(s.get(k)) for s in settings}) > 1]
        named = {k: run.method().get(k) for k in differ}
    return f"{run.name('strategy')} ({', '.join(f'{k}={v}' for k, v in named.items())})"


def _grouped(pairs: Iterable[tuple[Keyed, Run]]) -> dict[Keyed, list[Run]]:
    """Runs by key, both in the order of their first appearance."""
    groups: dict[Keyed, list[Run]] = {}
    for key, run in pairs:
        groups.setdefault(key, []).append(run)
    return groups
