"""Profiling: what is watched, what is written down, and that nothing else changes."""

import gzip
import json
from collections.abc import Iterable, Iterator
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
    "dataset.pool=30",
    "dataset.test=2",
    "dataset.size=64",
    "model.fpn_channels=16",
    "model.tower_convs=1",
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


def iterate(profiling: Profiling, name: str, times: Iterable[object]) -> None:
    with profiling.watching(name) as tick:
        for _ in times:
            with span("forward"):
                torch.ones(3).sum()
            tick()


def test_the_first_time_is_watched_and_some_iterations_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    profiling = Profiling(folder)
    iterate(profiling, "training", range(7))
    written = (folder / "training.txt").read_text()
    assert written.startswith("training: 3 iterations, ")
    trace = json.loads(gzip.decompress((folder / "training.json.gz").read_bytes()))
    names = [event.get("name") for event in trace["traceEvents"]]
    assert names.count("alframe/forward") == 3
    iterate(profiling, "training", range(7))
    assert (folder / "training.txt").read_text() == written


@pytest.mark.parametrize(("times", "watched"), [(1, 0), (2, 0), (3, 1), (5, 3)])
def test_what_ends_early(tmp_path: Path, times: int, watched: int) -> None:
    iterate(Profiling(tmp_path), "scoring", range(times))
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


def event(name: str, start: int, end: int, *kernels: int, gpu: bool = False) -> Any:
    """In milliseconds, as are the kernels that it launches."""
    return SimpleNamespace(
        name=name,
        device_type=SimpleNamespace(name="CUDA" if gpu else "CPU"),
        time_range=SimpleNamespace(start=1000 * start, end=1000 * end),
        cpu_time_total=0 if gpu else 1000 * (end - start),
        kernels=[SimpleNamespace(duration=1000 * each) for each in kernels],
    )


@pytest.mark.parametrize("own", [0, 5])
def test_the_summary_by_hand(own: int) -> None:
    """2 iterations of 10 ms: 4 and 6 ms forward, 5 ms of data in the first one alone.

    What is launched takes the GPU 9 ms forward and, from another thread, 7 ms backward. It has
    spans of its own, that take as long as it takes. A third iteration has begun when the work is
    over, and does not count.
    """
    events = [
        event("ProfilerStep*", 0, 10),
        event("alframe/data", 0, 5),
        event("alframe/forward", 5, 9),
        event("ProfilerStep*", 6, 13, gpu=True),
        event("alframe/forward", 6, 13, gpu=True),
        event("aten::conv2d", 6, 7, 2, 4),
        event("alframe/backward", 9, 10),
        event("aten::convolution_backward", 9, 10, 7),
        event("ProfilerStep*", 10, 20),
        event("alframe/forward", 10, 16),
        event("aten::relu", 10, 11, 3),
        event("ProfilerStep*", 20, 21),
    ]
    averages = Averages([SimpleNamespace(self_device_time_total=own)])
    profiler: Any = SimpleNamespace(
        step_num=4, key_averages=lambda: averages, events=lambda: events
    )
    assert summary(profiler, "training").splitlines() == [
        "training: 2 iterations, 0.02 s",
        "span          ms an iteration   share  ms on the GPU",
        "data                     2.50     25%           0.00",
        "forward                  5.00     50%           4.50",
        "backward                 0.50      5%           3.50",
        "whole                   10.00    100%           8.00",
        f"sorted by self_{'device' if own else 'cpu'}_time_total",
    ]


def test_what_is_interrupted_is_written_down_as_far_as_it_went(tmp_path: Path) -> None:
    def stopped() -> Iterator[None]:
        yield from [None] * 4
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        iterate(Profiling(tmp_path), "training", stopped())
    assert "training: 2 iterations, " in (tmp_path / "training.txt").read_text()


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
