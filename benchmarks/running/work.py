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

from alframe.benchmarks.running.engines import Engine
from alframe.benchmarks.running.grid import Grid, settings_in
from alframe.benchmarks.running.jobs import Job, JobList, is_waiting
from alframe.config.resolve import to_yaml
from alframe.files.atomic import write_text

ATTEMPTS = 2
"""A job that fails is tried once more, then listed; one that waits is listed."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        job: the job.
        failed: why it failed; None if it did not.
        seconds: that its process took.
    """

    job: Job
    failed: str | None
    seconds: float


class WorkList(JobList):
    """The jobs of a suite that can be run."""

    def __init__(self, folder: Path, grid: Grid) -> None:
        super().__init__(folder, grid)
        self._grid = grid
        self._stopping = threading.Event()

    def run(self, engine: Engine) -> Generator[Outcome]:
        """Work off what is not finished, yielding each job that ends.

        A job whose shared first cycle failed is not started, and fails with it.
        """
        waiting = [j for j in self if self.state(j) != "finished"]
        ended: dict[str, str | None] = {j.name: None for j in self if j not in waiting}
        running: dict[Future[Outcome], Job] = {}
        with ThreadPoolExecutor(engine.slots) as pool:
            try:
                while waiting or running:
                    ready = [j for j in waiting if j.first is None or j.first in ended]
                    for job in ready[: engine.slots - len(running)]:
                        waiting.remove(job)
                        failed = ended[job.first] if job.first else None
                        running[pool.submit(self._run, job, engine, failed)] = job
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        outcome = future.result()
                        ended[running.pop(future).name] = outcome.failed
                        self._record(outcome)
                        yield outcome
            except BaseException:
                self._stopping.set()
                pool.shutdown(wait=False, cancel_futures=True)
                engine.stop()
                raise

    def _run(self, job: Job, engine: Engine, first_failed: str | None) -> Outcome:
        started = time.monotonic()
        failed = first_failed
        if failed and not is_waiting(failed):
            failed = f"{job.first} failed: {failed}"
        for _ in range(0 if first_failed else ATTEMPTS):
            failed = self._attempt(job, engine)
            if failed is None or is_waiting(failed) or self._stopping.is_set():
                break
        return Outcome(job, failed, time.monotonic() - started)

    def _attempt(self, job: Job, engine: Engine) -> str | None:
        """Why one process of a job failed, by what it said itself; None if it did not."""
        log = self.log(job)
        before = log.stat().st_size if log.exists() else 0
        code = engine.call(self._arguments(job), log)
        if code == 0:
            return None
        ended = f"exit code {code}" if code > 0 else f"killed by signal {-code} (out of memory?)"
        return last_error(log, before) or ended

    def _arguments(self, job: Job) -> list[str]:
        file = self.folder / "jobs" / f"{job.name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, to_yaml(settings_in(self.folder, job, self._grid[job])))
        path = self.path(job)
        resume = ["--resume"] if (path / "config.yaml").exists() else []
        return ["run", "--config", str(file), "--output", str(path), *resume]

    def _record(self, outcome: Outcome) -> None:
        details = {"job": outcome.job.name, "seconds": round(outcome.seconds, 1)}
        if outcome.failed is None:
            self._journal.append("finished", **details)
        else:
            self._journal.append("failed", **details, reason=outcome.failed)


def last_error(log: Path, start: int = 0) -> str | None:
    """The last line of a log, from byte ``start`` on, that says ``error:`` or what is waited for.

    A process that was killed says nothing: what others said before it is not its reason.
    """
    said = log.read_bytes()[start:].decode(errors="replace") if log.exists() else ""
    lines = said.splitlines()
    errors = [line for line in lines if "error:" in line.lower() or is_waiting(line)]
    return errors[-1].strip().removeprefix("error: ") if errors else None
