"""kill -9 on real runs, in every stage: a resumed run ends in the same numbers."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alframe.config.resolve import from_overrides, resolve
from alframe.runs.opening import open_run
from tests.processes import FORKED
from tests.runs.stored import records

OVERRIDES = (
    "strategy=entropy",
    "dataset.pool=40",
    "dataset.test=8",
    "dataset.size=64",
    "dataset.classes=2",
    "model.fpn_channels=16",
    "model.tower_convs=1",
    "training.passes=2",
    "training.batch_size=4",
    "training.ema=0.9",
    "strategy.unit=anchors",
    "budget.initial=8",
    "budget.per_cycle=6",
    "budget.cycles=3",
)
STAGES = (
    ("initial", 1),  # annotating the first images
    ("cycle_started", 1),  # training
    ("fitted", 1),  # evaluating
    ("evaluated", 1),  # selecting
    ("selected", 1),  # annotating
    ("annotated", 2),  # between two cycles
    ("cycle_started", 2),
    ("fitted", 2),
)
"""After which event to kill, and after which occurrence of it."""


def work(path: str, *more: str) -> None:
    """One process: start or resume the run and finish it."""
    from alframe.runs.run import run

    config = resolve([from_overrides((*OVERRIDES, *more))])
    resume = (Path(path) / "config.yaml").exists()
    for _ in run(config, Path(path), resume=resume):
        pass


def events(path: Path) -> list[dict[str, Any]]:
    journal = path / "journal.jsonl"
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return [json.loads(line) for line in lines]


def outcome(path: Path) -> Any:
    cycles = records(path / "cycles.jsonl")
    scores = {p.name: dict(np.load(p)) for p in sorted((path / "scores").iterdir())}
    numbers = {n: {k: v.tolist() for k, v in s.items()} for n, s in scores.items()}
    return [{k: v for k, v in c.items() if k not in ("seconds", "memory")} for c in cycles], numbers


def finish(path: Path, *more: str) -> None:
    process = FORKED.Process(target=work, args=(str(path), *more))
    process.start()
    process.join(120)
    assert process.exitcode == 0


def kill_after(path: Path, event: str, count: int, *more: str, delay: float) -> bool:
    """Start the run and kill it ``delay`` seconds after its ``count``-th ``event``."""
    process = FORKED.Process(target=work, args=(str(path), *more))
    process.start()
    deadline = time.monotonic() + 120
    while process.is_alive() and time.monotonic() < deadline:
        if sum(e["event"] == event for e in events(path)) >= count:
            time.sleep(delay)
            break
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return bool(process.exitcode == -signal.SIGKILL)


def test_killed_in_every_stage_it_ends_in_the_same_numbers(tmp_path: Path) -> None:
    finish(tmp_path / "whole")
    expected = outcome(tmp_path / "whole")
    assert len(expected[0]) == 3
    assert any(v for numbers in expected[1].values() for v in numbers["scores"])

    rng, path, kills = np.random.default_rng(0), tmp_path / "killed", 0
    for event, count in STAGES:
        kills += kill_after(path, event, count, delay=float(rng.uniform(0, 0.15)))
    assert kills >= 7
    finish(path)
    assert outcome(path) == expected
    assert events(path)[-1]["event"] == "finished"


@pytest.mark.slow
def test_a_warm_start_survives_kills(tmp_path: Path) -> None:
    warm, cold = "training.warm_start=true", "training.warm_start=false"
    for name, setting in (("warm", warm), ("cold", cold)):
        finish(tmp_path / name, setting)
    expected = outcome(tmp_path / "warm")
    other = outcome(tmp_path / "cold")
    assert expected[0][0] == other[0][0], "the first cycle has nothing to go on from"
    assert expected[1] != other[1], "the scores are those of other models"
    path = tmp_path / "killed"
    for event, count in (("annotated", 2), ("cycle_started", 2), ("fitted", 2), ("annotated", 3)):
        kill_after(path, event, count, warm, delay=0.05)
    finish(path, warm)
    assert outcome(path) == expected


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    from alframe.errors import RunError

    endless = "training.passes=1000"  # as long as this test
    config = resolve([from_overrides((*OVERRIDES, endless))])
    process = FORKED.Process(target=work, args=(str(tmp_path / "run"), endless))
    process.start()
    while process.is_alive() and not events(tmp_path / "run"):
        time.sleep(0.01)
    with (
        pytest.raises(RunError, match="in use by another process"),
        open_run(tmp_path / "run", config, resume=True),
    ):
        pass
    process.kill()
    process.join()
