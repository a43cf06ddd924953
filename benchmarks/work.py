"""The work list of a suite: what is done, what can be done now, and who does it.

The state lies in the run directories and in ``journal.jsonl`` of the suite's folder, so a list
that was killed goes on: finished cells are not repeated, unfinished ones are resumed.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alframe.atomic import write_text
from alframe.benchmarks.cells import Cell
from alframe.benchmarks.engines import Engine
from alframe.checked import read_object
from alframe.journal import Journal
from alframe.locks import is_locked
from alframe.resolve import to_yaml

State = Literal["missing", "running", "unfinished", "failed", "finished"]

ATTEMPTS = 2
"""A cell that fails is tried once more, then listed."""


@dataclass(frozen=True)
class Outcome:
    """How a cell ended.

    Attributes:
        cell: the cell.
        failed: why it failed; None if it did not.
        seconds: that its process took.
    """

    cell: Cell
    failed: str | None
    seconds: float


class Work:
    """The cells of a suite in its folder.

    Args:
        folder: where everything lies.
        cells: all of them.
    """

    def __init__(self, folder: Path, cells: Sequence[Cell]) -> None:
        self.folder, self.cells = folder, cells
        self._journal = Journal(folder / "journal.jsonl")
        self._stopping = threading.Event()

    def state(self, cell: Cell) -> State:
        """Where a cell stands, by what its folder says."""
        path = cell.path(self.folder)
        if not (path / "config.yaml").exists():
            return "failed" if self.failure(cell) else "missing"
        if _is_finished(path):
            return "finished"
        if is_locked(path / ".lock"):
            return "running"
        return "failed" if self.failure(cell) else "unfinished"

    def failure(self, cell: Cell) -> str | None:
        """The last error of a cell, unless it has finished since."""
        events = [e for e in self._journal if e.get("cell") == cell.name]
        return str(events[-1]["reason"]) if events and events[-1]["event"] == "failed" else None

    def log(self, cell: Cell) -> Path:
        """Where its process writes."""
        return self.folder / "logs" / f"{cell.name}.log"

    def run(self, engine: Engine) -> Iterator[Outcome]:
        """Work off what is not finished, yielding each cell that ends.

        A cell whose shared first cycle failed is not started, and fails with it.
        """
        waiting = [c for c in self.cells if self.state(c) != "finished"]
        ended: dict[str, str | None] = {c.name: None for c in self.cells if c not in waiting}
        running: dict[Future[Outcome], Cell] = {}
        with ThreadPoolExecutor(engine.slots) as pool:
            try:
                while waiting or running:
                    ready = [c for c in waiting if c.first is None or c.first in ended]
                    for cell in ready[: engine.slots - len(running)]:
                        waiting.remove(cell)
                        failed = ended[cell.first] if cell.first else None
                        running[pool.submit(self._run, cell, engine, failed)] = cell
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

    def _run(self, cell: Cell, engine: Engine, first_failed: str | None) -> Outcome:
        started = time.monotonic()
        failed = f"{cell.first} failed: {first_failed}" if first_failed else None
        for _ in range(0 if first_failed else ATTEMPTS):
            failed = self._attempt(cell, engine)
            if failed is None or self._stopping.is_set():
                break
        return Outcome(cell, failed, time.monotonic() - started)

    def _attempt(self, cell: Cell, engine: Engine) -> str | None:
        """Why one process of a cell failed, by what it said itself; None if it did not."""
        log = self.log(cell)
        before = log.stat().st_size if log.exists() else 0
        code = engine.call(self._arguments(cell), log)
        return None if code == 0 else last_error(log, before) or _exit(code)

    def _arguments(self, cell: Cell) -> list[str]:
        path = cell.path(self.folder)
        file = self.folder / "cells" / f"{cell.name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, to_yaml(cell.settings(self.folder)))
        resume = ["--resume"] if (path / "config.yaml").exists() else []
        return ["run", "--config", str(file), "--output", str(path), *resume]

    def _record(self, outcome: Outcome) -> None:
        details = {"cell": outcome.cell.name, "seconds": round(outcome.seconds, 1)}
        if outcome.failed is None:
            self._journal.append("finished", **details)
        else:
            self._journal.append("failed", **details, reason=outcome.failed)


def last_error(log: Path, start: int = 0) -> str | None:
    """The last line of a log, from byte ``start`` on, that says ``error:``; None without one.

    A process that was killed says nothing: what others said before it is not its reason.
    """
    said = log.read_bytes()[start:].decode(errors="replace") if log.exists() else ""
    errors = [line for line in said.splitlines() if "error:" in line.lower()]
    return errors[-1].strip().removeprefix("error: ") if errors else None


def _exit(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"killed by signal {-code} (out of memory?)"


def _is_finished(path: Path) -> bool:
    manifest = path / "manifest.json"
    if not manifest.exists():
        return False
    remedy = "restore it, or delete the folder, and the cell is run again"
    return bool(read_object(manifest, remedy).get("finished"))
