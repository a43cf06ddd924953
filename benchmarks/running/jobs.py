"""The jobs of a suite, as its folder has them: which runs there are, and where each stands.

They are written down when the suite is started. Reports and ``--status`` read them and the run
directories, and neither resolve a configuration nor import a plugin: what was run can be told
after its plugins are gone.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from alframe.benchmarks.reading.rundirs import Cycle, first_reason, read_cycles
from alframe.benchmarks.running.suite import is_folder_name
from alframe.errors import RunError
from alframe.files.checked import read_object, write_object
from alframe.files.locks import is_locked
from alframe.runs.journal import Event, Journal

FILE = "jobs.json"
REMEDY = "restore it, or let 'alframe bench' with the suite and this --output write it anew"
JOURNAL_REMEDY = (
    "Restore it, or remove it: it says which jobs failed, and 'alframe bench' tries those again"
)

MANIFEST_REMEDY = "restore it, or delete the folder, and the job is run again"

JobKind = Literal["first", "run", "full", "replay"]
"""``first``: the first cycle that methods with one learner share; ``run``: a method; ``full``: a
learner on the whole pool; ``replay``: a method once more, nothing shared."""
JobState = Literal["missing", "running", "unfinished", "waiting", "failed", "finished"]


def _a_folder(name: str) -> str:
    if not is_folder_name(name):
        raise ValueError("it cannot be the name of a folder")
    return name


FolderName = Annotated[str, AfterValidator(_a_folder)]


class Job(BaseModel):
    """One run of a suite.

    Attributes:
        kind: what it is for.
        problem: name.
        method: name; of a ``first`` or ``full`` job that of the learner.
        seed: the root of its randomness.
        cycles: how many it takes.
        first: name of the job whose first cycle it takes over, or None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: JobKind
    problem: FolderName
    method: FolderName
    seed: int = Field(ge=0)
    cycles: int = Field(ge=1)
    first: str | None = None

    @property
    def name(self) -> str:
        """Its path below the suite's folder, too."""
        return f"{self.kind}/{self.problem}/{self.method}/seed-{self.seed}"


class JobsFile(BaseModel):
    """What ``jobs.json`` holds: no job twice, and every one that another waits for."""

    jobs: list[Job] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        names = {job.name for job in self.jobs}
        if len(names) < len(self.jobs):
            raise ValueError("a job is there twice")
        if stray := [job.first for job in self.jobs if job.first and job.first not in names]:
            raise ValueError(f"there is no job {stray[0]!r}")
        return self


class JobList:
    """The jobs of a suite and where they stand, by what its folder says."""

    def __init__(self, folder: Path, jobs: Iterable[Job]) -> None:
        self.folder, self.jobs = folder, list(jobs)
        self._journal = Journal(folder, JOURNAL_REMEDY)

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs)

    def path(self, job: Job) -> Path:
        """The run directory of a job."""
        return self.folder / job.name

    def log(self, job: Job) -> Path:
        """Where its process writes."""
        return self.folder / "logs" / f"{job.name}.log"

    def state(self, job: Job) -> JobState:
        """Where a job stands."""
        path, last = self.path(job), self._last(job)
        ended: JobState | None = last["event"] if "reason" in last else None
        if not (path / "config.yaml").exists():
            return ended or "missing"
        if _is_finished(path):
            return "finished"
        if is_locked(path / ".lock"):
            return "running"
        return ended or "unfinished"

    def states(self) -> dict[str, JobState]:
        """Where each job stands, by name."""
        return {job.name: self.state(job) for job in self}

    def reason(self, job: Job) -> str:
        """Why a job failed or waits; empty where it has not, or has finished since."""
        return str(self._last(job).get("reason", ""))

    def _last(self, job: Job) -> Event:
        return next((e for e in reversed([*self._journal]) if e.get("job") == job.name), {})

    def write(self) -> None:
        """Write the jobs into the folder, for :func:`stored_jobs`."""
        content = JobsFile(jobs=self.jobs).model_dump(exclude_none=True)
        write_object(self.folder / FILE, content)


def stored_jobs(folder: Path) -> JobList:
    """The jobs that the suite in a folder was started with.

    Raises:
        RunError: the file is missing or damaged.
    """
    path = folder / FILE
    content = read_object(path, REMEDY)
    try:
        return JobList(folder, JobsFile.model_validate(content).jobs)
    except ValidationError as error:
        raise RunError(f"{path} is damaged, {first_reason(error)}: {REMEDY}") from error


def _is_finished(path: Path) -> bool:
    """Whether a run has ended, and what it found is there; otherwise it is resumed."""
    manifest = path / "manifest.json"
    if not (manifest.exists() and (path / "cycles.jsonl").exists()):
        return False
    return bool(read_object(manifest, MANIFEST_REMEDY).get("finished"))


def status_lines(jobs: JobList) -> Iterator[str]:
    """A summary, a line for each job, and an estimate of what remains."""
    states = jobs.states()
    cycles = {j: list(read_cycles(jobs.path(j) / "cycles.jsonl")) for j in jobs}
    shown = ", ".join(f"{n} {state}" for state, n in Counter(states.values()).items())
    yield f"{jobs.folder}: {len(jobs.jobs)} runs: {shown}"
    width = max(map(len, states))
    for job, done in cycles.items():
        yield f"{job.name:{width}}  {states[job.name]:10}  {_progress(job, done)}"
    yield from failures(jobs, states)
    if remaining := sum(_remaining(cycles)):
        yield f"about {remaining / 60:.0f} min of computing remain, if done one after the other"


def failures(jobs: JobList, states: Mapping[str, str]) -> Iterator[str]:
    """A line for each job that failed or waits: why, and where it says more; and what helps."""
    for job in jobs:
        if (state := states[job.name]) in ("failed", "waiting"):
            yield f"{state}: {job.name}: {jobs.reason(job)} ({jobs.log(job)})"
    if "failed" in states.values():
        yield f"to begin a job anew, remove its folder in {jobs.folder}; the others stay"


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
