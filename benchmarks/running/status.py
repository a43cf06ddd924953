"""Where a suite stands, for ``alframe bench SUITE --status``."""

import statistics
from collections import Counter
from collections.abc import Iterator

from alframe.benchmarks.reading.rundirs import Cycle, read_cycles
from alframe.benchmarks.running.jobs import Job, JobList


def status_lines(jobs: JobList) -> Iterator[str]:
    """A summary, a line for each job, and an estimate of what remains."""
    states = {j.name: jobs.state(j) for j in jobs}
    cycles = {j: list(read_cycles(jobs.path(j) / "cycles.jsonl")) for j in jobs}
    shown = ", ".join(f"{n} {state}" for state, n in Counter(states.values()).items())
    yield f"{jobs.folder}: {len(jobs.jobs)} runs: {shown}"
    width = max(map(len, states))
    for job, done in cycles.items():
        yield f"{job.name:{width}}  {states[job.name]:10}  {_progress(job, done)}"
    yield from failures(jobs)
    if remaining := sum(_remaining(cycles)):
        yield f"about {remaining / 60:.0f} min of computing remain, if done one after the other"


def failures(jobs: JobList) -> Iterator[str]:
    """A line for each job that failed: why, and where it says more."""
    for job in jobs:
        if jobs.state(job) == "failed":
            yield f"failed: {job.name}: {jobs.failure(job)} ({jobs.log(job)})"


def _progress(job: Job, done: list[Cycle]) -> str:
    name, value = next(iter(done[-1].numbers().items()), ("", None)) if done else ("", None)
    result = "" if value is None else f"  {name} {100 * value:5.1f} %"
    return f"{len(done)}/{job.cycles} cycles{result}"


def _remaining(cycles: dict[Job, list[Cycle]]) -> Iterator[float]:
    """Seconds that unfinished jobs will take, if their cycles take as long as others' did."""
    # Where a first cycle is taken over, it was trained elsewhere.
    own = {job: done[1:] if job.first else done for job, done in cycles.items()}
    taken = [sum(cycle.seconds.values()) for done in own.values() for cycle in done]
    for job, done in own.items():
        if taken:
            yield max(0, job.cycles - bool(job.first) - len(done)) * statistics.fmean(taken)
