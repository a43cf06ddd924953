"""Runs, or the cells of a suite, sorted into problems."""

from collections.abc import Collection, Sequence

from alframe.benchmarks.cells import Cell
from alframe.benchmarks.entry import Entry
from alframe.benchmarks.growth import with_growth_joined
from alframe.benchmarks.methods import grouped, methods
from alframe.benchmarks.published import published
from alframe.benchmarks.runs import Run, read_run
from alframe.benchmarks.suite import Suite
from alframe.benchmarks.work import Work

OTHERS = {"first": "first cycles", "full": "full supervision", "replay": "repetition"}
"""What notes call the cells that are no row of the table."""

Key = tuple[str, str, str]
"""Dataset, its fingerprint, model."""


def entries_of_runs(runs: Sequence[Run]) -> list[Entry]:
    """A problem for each dataset and model, for only runs that share both can be compared.

    Separate runs of growing size are one problem by their test split, and one curve a seed.
    """
    joined = with_growth_joined(runs)
    problems = grouped(((*run.dataset, run.name("model")), run) for run in joined)
    named = methods(list(problems.values()))
    return [Entry(_title(key, problems), rows) for key, rows in zip(problems, named, strict=True)]


def entries_of_suite(suite: Suite, work: Work) -> list[Entry]:
    """A problem for each of the suite's, as far as it has come."""
    return [_entry(suite, work, problem) for problem in suite.problems]


def _title(key: Key, keys: Collection[Key]) -> str:
    """The dataset, with what tells the problem from others on a dataset of that name."""
    name, mark, model = key
    alike = [other for other in keys if other[0] == name]
    title = f"{name}, {model}" if len({d for _, _, d in alike}) > 1 else name
    return f"{title} [{mark[:8]}]" if len({m for _, m, _ in alike}) > 1 else title


def _entry(suite: Suite, work: Work, problem: str) -> Entry:
    """What the cells of a problem have come to; those without a run directory are left out."""
    found = [(c, r) for c in work.cells if c.problem == problem and (r := _run(work, c))]
    of_kind = {
        kind: [(c, r) for c, r in found if c.kind == kind]
        for kind in ("run", "first", "full", "replay")
    }
    runs = {(c.method, c.seed): r for c, r in of_kind["run"]}
    name = suite.problems[problem].published
    return Entry(
        name=problem,
        methods={m: [r for (method, _), r in runs.items() if method == m] for m in suite.methods},
        full={
            c.method: [r for other, r in of_kind["full"] if other.method == c.method]
            for c, _ in of_kind["full"]
        },
        replays=[
            (runs[c.method, c.seed], r) for c, r in of_kind["replay"] if (c.method, c.seed) in runs
        ],
        published=published(name) if name else (),
        others={text: [r for _, r in of_kind[kind]] for kind, text in OTHERS.items()},
        failed=[
            (c.method, c.seed)
            for c in work.cells
            if (c.problem, c.kind) == (problem, "run") and work.state(c) == "failed"
        ],
    )


def _run(work: Work, cell: Cell) -> Run | None:
    path = cell.path(work.folder)
    started = (path / "config.yaml").exists() and (path / "manifest.json").exists()
    return read_run(path) if started else None
