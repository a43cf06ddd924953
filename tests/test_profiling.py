"""Profiling: what is watched, what is written down, and that nothing else changes."""

import gzip
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from alframe import profiling as module
from alframe.cli.run import run
from alframe.profiling import Profiling, span, summary, unwatched

SMALL = (
    "strategy=miaod",
    "dataset.pool=60",
    "dataset.test=2",
    "dataset.size=64",
    "detector.fpn_channels=16",
    "learner.label_ratio=1",
    "training.iterations=14",
    "training.batch_size=2",
    "evaluation.batch_size=4",
    "budget.initial=4",
    "budget.per_cycle=4",
    "budget.cycles=2",
)


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SKIPPED": 1, "WARM_UP": 1, "WATCHED": 3}.items():
        monkeypatch.setattr(module, name, value)


def iterate(profiling: Profiling, name: str, times: int) -> None:
    with profiling.watching(name) as tick:
        for _ in range(times):
            with span("forward"):
                torch.ones(3).sum()
            tick()


def test_the_first_time_is_watched_and_some_iterations_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    profiling = Profiling(folder)
    iterate(profiling, "training", 7)
    written = (folder / "training.txt").read_text()
    assert written.startswith("training: 3 iterations, ")
    trace = json.loads(gzip.decompress((folder / "training.json.gz").read_bytes()))
    names = [event.get("name") for event in trace["traceEvents"]]
    assert names.count("alframe/forward") == 3
    iterate(profiling, "training", 7)
    assert (folder / "training.txt").read_text() == written


@pytest.mark.parametrize(("times", "watched"), [(1, 0), (2, 0), (3, 1), (5, 3)])
def test_what_ends_early(tmp_path: Path, times: int, watched: int) -> None:
    iterate(Profiling(tmp_path), "scoring", times)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == (["scoring.json.gz", "scoring.txt"] if watched else [])
    if watched:
        assert f"scoring: {watched} iterations, " in (tmp_path / "scoring.txt").read_text()


def test_without_a_folder_nothing_is_watched(tmp_path: Path) -> None:
    with Profiling(None).watching("training") as tick:
        assert tick is unwatched
        assert not torch.autograd.profiler._is_profiler_enabled
    assert list(tmp_path.iterdir()) == []


class Averages(list[Any]):
    """What a profiler found, and how it was asked to show it."""

    def table(self, **options: Any) -> str:
        return f"\n  sorted by {options['sort_by']}  \n"


def event(name: str, host: int, device: int, own: int) -> Any:
    times = {"cpu_time_total": host, "device_time_total": device, "self_device_time_total": own}
    return SimpleNamespace(key=name, name=name, **times)


@pytest.mark.parametrize("own", [0, 5])
def test_the_summary_by_hand(own: int) -> None:
    """2 iterations of 10 ms: 5 ms forward, 2.5 ms of data; on the GPU 8 ms, of them 6 forward.

    A third one has begun when the work is over, and does not count.
    """
    averages = Averages(
        [
            *[event("alframe/forward", 5_000, 6_000, own)] * 2,
            event("alframe/data", 5_000, 0, own),
            event("aten::conv2d", 7, 7, own),
        ]
    )
    steps = [event("ProfilerStep*", 10_000, 8_000, own)] * 3
    profiler: Any = SimpleNamespace(
        step_num=4, key_averages=lambda: averages, events=lambda: [*averages, *steps]
    )
    assert summary(profiler, "training").splitlines() == [
        "training: 2 iterations, 0.02 s",
        "span          ms an iteration   share  ms on the GPU",
        "data                     2.50     25%           0.00",
        "forward                  5.00     50%           6.00",
        "whole                   10.00    100%           8.00",
        f"sorted by self_{'device' if own else 'cpu'}_time_total",
    ]


def test_a_profiled_run_has_the_numbers_of_any_other(tmp_path: Path) -> None:
    results = {}
    for name, flags in {"watched": ["--profile"], "plain": []}.items():
        output = ["--output", str(tmp_path / name)]
        result = CliRunner().invoke(run, [*flags, *output, *SMALL], catch_exceptions=False)
        assert result.exit_code == 0
        shown = [f"{what}: 3 iterations" in result.stdout for what in ("training", "scoring")]
        assert shown == [bool(flags)] * 2
        lines = (tmp_path / name / "cycles.jsonl").read_text().splitlines()
        cycles = [json.loads(line) for line in lines]
        kept = ("metrics", "phases", "selected")
        results[name] = [{k: cycle[k] for k in kept} for cycle in cycles]
    assert results["watched"] == results["plain"]
    found = sorted(path.name for path in (tmp_path / "watched" / "profile").iterdir())
    assert found == ["scoring.json.gz", "scoring.txt", "training.json.gz", "training.txt"]
    training = (tmp_path / "watched" / "profile" / "training.txt").read_text()
    for part in ("data", "forward", "backward", "optimizer"):
        assert f"\n{part} " in training
    assert not (tmp_path / "plain" / "profile").exists()


def test_a_run_that_is_too_short_says_so(tmp_path: Path) -> None:
    short = [*SMALL, "training.iterations=1", "strategy=random", "budget.cycles=1"]
    short = [pair for pair in short if not pair.startswith("learner.") and pair != SMALL[0]]
    output = ["--output", str(tmp_path / "run"), "--profile"]
    result = CliRunner().invoke(run, [*output, *short], catch_exceptions=False)
    assert "profile  none: no fit was long enough" in result.stdout
