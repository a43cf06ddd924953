"""Working off the jobs of a suite: what can be done now, and who does it.

The state lies in the run directories and in ``journal.jsonl`` of the suite's folder, so a list
that was killed goes on: finished jobs are not repeated, unfinished ones are resumed.
"""

import threading
import time
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alframe.benchmarks.running.engines import Engine
from alframe.benchmarks.running.grid import Grid, settings_in
from alframe.benchmarks.running.jobs import Job, JobList
from alframe.config.resolve import to_yaml
from alframe.errors import Waiting
from alframe.files.atomic import write_text

ATTEMPTS = 2
"""A job that fails is tried once more, then listed; one that waits is listed."""


@dataclass(frozen=True)
class Ended:
    """How a process of a job ended, and why it did not finish, by what it said itself."""

    state: Literal["finished", "waiting", "failed"] = "finished"
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}" if self.reason else self.state


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        job: the job.
        ended: its last process.
        seconds: that its processes took.
    """

    job: Job
    ended: Ended
    seconds: float


class WorkList(JobList):
    """The jobs of a suite that can be run."""

    def __init__(self, folder: Path, grid: Grid) -> None:
        super().__init__(folder, grid)
        self._grid = grid
        self._stopping = threading.Event()

    def run(self, engine: Engine) -> Generator[Outcome]:
        """Work off what is not finished, yielding each job that ends.

        A job whose shared first cycle failed or waits is not started, and does so with it.
        """
        waiting = [j for j in self if self.state(j) != "finished"]
        ended = {j.name: Ended() for j in self if j not in waiting}
        running: dict[Future[Outcome], Job] = {}
        with ThreadPoolExecutor(engine.slots) as pool:
            try:
                while waiting or running:
                    ready = [j for j in waiting if j.first is None or j.first in ended]
                    for job in ready[: engine.slots - len(running)]:
                        waiting.remove(job)
                        first = ended[job.first] if job.first else Ended()
                        running[pool.submit(self._run, job, engine, first)] = job
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        outcome = future.result()
                        ended[running.pop(future).name] = outcome.ended
                        self._record(outcome)
                        yield outcome
            except BaseException:
                self._stopping.set()
                pool.shutdown(wait=False, cancel_futures=True)
                engine.stop()
                raise

    def _run(self, job: Job, engine: Engine, first: Ended) -> Outcome:
        if first.state == "failed":
            return Outcome(job, Ended("failed", f"{job.first} failed: {first.reason}"), 0)
        if first.state == "waiting":
            return Outcome(job, first, 0)
        started, ended = time.monotonic(), first
        for _ in range(ATTEMPTS):
            ended = self._attempt(job, engine)
            if ended.state != "failed" or self._stopping.is_set():
                break
        return Outcome(job, ended, time.monotonic() - started)

    def _attempt(self, job: Job, engine: Engine) -> Ended:
        """How one process of a job ended."""
        log = self.log(job)
        before = log.stat().st_size if log.exists() else 0
        code = engine.call(self._arguments(job), log)
        if code == 0:
            return Ended()
        died = f"exit code {code}" if code > 0 else f"killed by signal {-code} (out of memory?)"
        if code == Waiting.exit_code and (waits := last_said(log, "waiting:", before)):
            return Ended("waiting", waits)
        return Ended("failed", last_said(log, "error:", before) or died)

    def _arguments(self, job: Job) -> list[str]:
        file = self.folder / "jobs" / f"{job.name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, to_yaml(settings_in(self.folder, job, self._grid[job])))
        path = self.path(job)
        resume = ["--resume"] if (path / "config.yaml").exists() else []
        return ["run", "--config", str(file), "--output", str(path), *resume]

    def _record(self, outcome: Outcome) -> None:
        ended = outcome.ended
        why = {"reason": ended.reason} if ended.reason else {}
        seconds = round(outcome.seconds, 1)
        self._journal.append(ended.state, job=outcome.job.name, seconds=seconds, **why)


def last_said(log: Path, mark: str, start: int = 0) -> str:
    """The last line of a log, from byte ``start`` on, that has a mark, which is cut off in front.

    A process that was killed says nothing: what others said before it is not its reason.
    """
    said = log.read_bytes()[start:].decode(errors="replace") if log.exists() else ""
    lines = [line.strip() for line in said.splitlines() if mark in line.lower()]
    return lines[-1].removeprefix(f"{mark} ") if lines else ""
