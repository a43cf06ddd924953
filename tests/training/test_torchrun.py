"""Whole runs in several processes: the numbers of one process that computes in as many parts."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alframe.config.resolve import from_overrides, resolve
from alframe.errors import RunError, TrainingError
from alframe.runs.run import run
from tests.processes import answer, side_by_side, started

SMALL = (
    "dataset.pool=37",
    "dataset.test=9",
    "dataset.size=64",
    "training.iterations=10",
    "training.batch_size=5",
    "evaluation.batch_size=4",
    "budget.initial=9",
    "budget.per_cycle=6",
    "budget.cycles=2",
    "training.optimizer=sgd",
    "training.lr=0.01",
)
"""With SGD: AdamW takes whole steps along gradients that are nothing but rounding."""
RETINA = ("model.fpn_channels=16", "model.tower_convs=1")
SSD = ("model=ssd-lite0", "model.weights=none")
TOLERANCE = 1e-4
"""Relative, of scores and losses. Gradients are added up in another order: some 1e-7 a step."""

ENTROPY = ("strategy=entropy", "strategy.unit=anchors")
MIAOD = ("strategy=miaod", "learner.rounds=1", "learner.label_ratio=2")


def work(path: Path, *overrides: str) -> list[Any]:
    """Start or resume a run and finish it."""
    model = () if SSD[0] in overrides else RETINA
    config = resolve([from_overrides((*SMALL, *model, *overrides))])
    return list(run(config, path, resume=(path / "config.yaml").exists()))


def outcome(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, list[Any]]]]:
    """The cycles, and the scores of each, ready for comparison."""
    cycles = [json.loads(line) for line in (path / "cycles.jsonl").read_text().splitlines()]
    scores = [dict(np.load(file)) for file in sorted((path / "scores").iterdir())]
    left_out = ("seconds", "memory", "crc32")
    kept = [{k: v for k, v in cycle.items() if k not in left_out} for cycle in cycles]
    return kept, [{k: v.tolist() for k, v in table.items()} for table in scores]


def alike(path: Path, other: Path) -> None:
    (cycles, scores), (others, expected) = outcome(path), outcome(other)
    assert len(cycles) == len(others) > 1
    for cycle, known in zip(cycles, others, strict=True):
        for name in ("cycle", "labelled", "objects", "selected"):
            assert cycle[name] == known[name]
        flat = [{**p["means"], "index": n} for n, p in enumerate(cycle["phases"])]
        known_flat = [{**p["means"], "index": n} for n, p in enumerate(known["phases"])]
        for means, known_means in zip(flat, known_flat, strict=True):
            assert means == pytest.approx(known_means, rel=TOLERANCE, abs=1e-8)
        for nested in ("AP50", "COCO"):
            own, others_own = cycle["metrics"].pop(nested), known["metrics"].pop(nested)
            assert own == pytest.approx(others_own, abs=TOLERANCE)
        assert cycle["metrics"] == pytest.approx(known["metrics"], abs=TOLERANCE)
    for table, known_table in zip(scores, expected, strict=True):
        assert table["ids"] == known_table["ids"]
        assert table["scores"] == pytest.approx(known_table["scores"], rel=TOLERANCE)


def torchrun(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2")
    return subprocess.run(
        (*command, "-m", "alframe", "run", *arguments),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_torchrun_selects_what_one_process_does(tmp_path: Path) -> None:
    """Neither the pool nor its batches can be shared evenly, nor can those of training."""
    done = torchrun("--output", str(tmp_path / "two"), *MIAOD, *SMALL, *RETINA)
    assert done.returncode == 0, done.stderr
    lines = [line.split()[0] for line in done.stdout.splitlines()]
    assert lines == ["run", "method", "dataset", "cycle", "cycle", "done"], "each once"
    assert "arning" not in done.stderr
    assert json.loads((tmp_path / "two" / "manifest.json").read_text())["processes"] == 2
    work(tmp_path / "one", *MIAOD, "training.accumulate=2")
    alike(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ENTROPY,
        ("strategy=coreset",),
        ("strategy=dedup:entropy",),
        ("strategy=ll4al", "training.batch_size=6"),
        (*MIAOD, "learner.mode=paper"),
        (*MIAOD, *SSD, "dataset.pool=15"),
        ("strategy=random", "dataset.test=1", "dataset.pool=15", "data.cache=disk"),
    ],
    ids=["anchors", "embeddings", "several-streams", "pairs", "paper", "ssd", "few-images"],
)
def test_three_processes_select_what_one_does(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    cache = [f"data.cache_dir={tmp_path / 'cache'}"] if "data.cache=disk" in overrides else []
    side_by_side(work, tmp_path / "three", *overrides, *cache, processes=3)
    work(tmp_path / "one", *overrides, *cache, "training.accumulate=3")
    alike(tmp_path / "three", tmp_path / "one")


@pytest.mark.slow
def test_a_batch_for_each_process_is_scaled_and_resumed_by_as_many(tmp_path: Path) -> None:
    own = ("strategy=random", "training.per_process=true", "training.batch_size=2")
    side_by_side(work, tmp_path / "two", *own, "training.lr=0.002")
    whole = ("training.batch_size=4", "training.lr=0.004", "training.accumulate=2")
    work(tmp_path / "one", "strategy=random", *whole)
    alike(tmp_path / "two", tmp_path / "one")
    with pytest.raises(RunError, match="was started with 2 processes, which set its batch size"):
        work(tmp_path / "two", *own, "training.lr=0.002")


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_run_is_resumed(tmp_path: Path, victim: int) -> None:
    """The other process ends too; two that resume it end in the same numbers, one in like ones."""
    side_by_side(work, tmp_path / "whole", *MIAOD)
    for name, event in (("early", "cycle_started"), ("late", "fitted")):
        path = tmp_path / name
        with started(work, path, *MIAOD, processes=2) as running:
            wait_for(path / "journal.jsonl", event)
            running[victim][0].kill()
            assert isinstance(answer(running[1 - victim][1]), TrainingError)
        side_by_side(work, path, *MIAOD)
        assert outcome(path) == outcome(tmp_path / "whole")
    with started(work, tmp_path / "alone", *MIAOD, processes=2) as running:
        wait_for(tmp_path / "alone" / "journal.jsonl", "fitted")
        running[victim][0].kill()
    work(tmp_path / "alone", *MIAOD)
    assert len(outcome(tmp_path / "alone")[0]) == 2


def wait_for(journal: Path, event: str) -> None:
    deadline = time.monotonic() + 60
    while not journal.exists() or f'"{event}"' not in journal.read_text():
        assert time.monotonic() < deadline, f"{event} has not come"
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.batch_size=1", "error: training.batch_size=1 is too little for 2 processes"),
        ("training.lr=1e12", "error: the loss "),
        ("budget.initial=400", "error: "),
        ("dataset.poll=3", "error: "),
    ],
)
def test_an_error_is_said_once(tmp_path: Path, override: str, message: str) -> None:
    started_at = time.monotonic()
    done = torchrun("--output", str(tmp_path / "run"), *ENTROPY, *SMALL, *RETINA, override)
    assert time.monotonic() - started_at < 120
    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1
    assert message in done.stderr
    assert "exitcode  : 2" in done.stderr
    assert "alframe.errors" not in done.stderr, "no traceback of ours"
