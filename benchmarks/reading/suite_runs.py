"""The jobs of a suite, as far as they have come, sorted into the suite's problems."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from alframe.benchmarks.published import published
from alframe.benchmarks.reading.groups import ProblemRuns
from alframe.benchmarks.reading.rundirs import Run, is_run, read_run
from alframe.benchmarks.running.jobs import Job, JobList
from alframe.benchmarks.running.suite import Suite
from alframe.errors import RunError, together
from alframe.grouping import by_key

OTHERS = {"first": "first cycles", "full": "full supervision", "replay": "repetition"}
"""What notes call the jobs that are no row of the table."""


def suite_problems(suite: Suite, jobs: JobList) -> list[ProblemRuns]:
    """A problem for each of the suite's.

    Raises:
        AlframeError: run directories are damaged; all of them.
    """
    there = [job for job in jobs if is_run(jobs.path(job))]
    read = together(*(partial(_read, jobs.path(job)) for job in there))
    runs = dict(zip(there, read, strict=True))
    return [_problem(suite, jobs, name, runs) for name in suite.problems]


def _read(path: Path) -> Run:
    try:
        return read_run(path)
    except RunError as error:
        again = f"or remove {path}, and alframe bench does that job again"
        raise RunError(f"{problem}; {again}" for problem in error.problems) from error


def _problem(suite: Suite, jobs: JobList, name: str, read: Mapping[Job, Run]) -> ProblemRuns:
    """What the jobs of a problem have come to; those without a run directory are left out."""
    own = [job for job in jobs if job.problem == name]
    found = {job: read[job] for job in own if job in read}
    runs = {(j.method, j.seed): r for j, r in found.items() if j.kind == "run"}
    replays = {(j.method, j.seed): r for j, r in found.items() if j.kind == "replay"}
    table = suite.problems[name].published
    return ProblemRuns(
        name=name,
        methods={m: [r for (method, _), r in runs.items() if method == m] for m in suite.methods},
        full=by_key((j.method, r) for j, r in found.items() if j.kind == "full"),
        replays=[(runs[key], again) for key, again in replays.items() if key in runs],
        published=published(table) if table else (),
        others={t: [r for j, r in found.items() if j.kind == kind] for kind, t in OTHERS.items()},
        failed=[(j.method, j.seed) for j in own if j.kind == "run" and jobs.state(j) == "failed"],
    )
