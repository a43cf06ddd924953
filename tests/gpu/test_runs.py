"""Whole runs on a GPU: every learner on every model, in each precision, compiled and recorded."""

import gc
import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from alframe.cli import cli
from alframe.errors import TrainingError
from tests.gpu.settings import MIAOD, RUNS, SMALL, finished


def check(path: Path, cycles: list[Any], labelled: Sequence[int] = (8, 12)) -> None:
    """Cycles with finite losses, and the images that were asked for."""
    assert [cycle["labelled"] for cycle in cycles] == [*labelled]
    lines = [json.loads(line) for line in (path / "cycles.jsonl").read_text().splitlines()]
    losses = [v for line in lines for p in line["phases"] for v in p["means"].values()]
    assert losses
    assert all(map(math.isfinite, losses))
    assert all(0 <= next(iter(line["metrics"].values())) <= 1 for line in lines)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_every_learner_and_model(
    name: str, precision: str, tmp_path: Path, device: torch.device
) -> None:
    check(tmp_path, finished(tmp_path, device, *RUNS[name], f"training.precision={precision}"))


@pytest.mark.filterwarnings("ignore")  # torch.compile's own, some of which are deprecations
@pytest.mark.parametrize(
    ("name", "compiled"), [("plain-retina", "true"), ("miaod-retina", "graphs")]
)
def test_a_compiled_run(name: str, compiled: str, tmp_path: Path, gpu: torch.device) -> None:
    torch._dynamo.reset()
    settings = (*RUNS[name], f"training.compile={compiled}")
    check(tmp_path, finished(tmp_path, gpu, *settings))


def test_images_from_processes_in_pinned_memory(tmp_path: Path, device: torch.device) -> None:
    """At a rate so low that losses follow from the images alone, not from how sums are rounded."""
    settings = (*RUNS["plain-retina"], "training.lr=1e-7")
    cycles = finished(tmp_path, device, *settings, "data.workers=2")
    alone = finished(tmp_path / "alone", device, *settings, "data.workers=0")
    assert [c["labelled"] for c in cycles] == [c["labelled"] for c in alone]
    means, expected = (_means(path) for path in (tmp_path, tmp_path / "alone"))
    assert means == pytest.approx(expected, rel=1e-4)


def test_killed_in_training_it_goes_on(tmp_path: Path, device: torch.device) -> None:
    """To the losses of a run that was left alone, as near as additions in any order come.

    At a rate of 3e-3 rounding would move them by a tenth; at 1e-5 it moves them by a thousandth,
    and weights that are drawn anew after the kill by a tenth or more.
    """
    settings = ("training.iterations=160", "training.lr=1e-5", "budget.cycles=1")
    longer = (*RUNS["plain-retina"], *settings)
    overrides = (*SMALL, *longer, f"device={device.type}")
    command = (sys.executable, "-m", "alframe", "run", "--output", str(tmp_path / "killed"))
    process = subprocess.Popen((*command, *overrides), stderr=subprocess.DEVNULL)
    latest, deadline = tmp_path / "killed" / "checkpoints" / "latest.pt", time.monotonic() + 120
    try:
        while not (saved := latest.exists()) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert saved, "it was killed in the middle of training"
    check(tmp_path / "killed", finished(tmp_path / "killed", device, *longer), [8])
    finished(tmp_path / "whole", device, *longer)
    ends = [_means(tmp_path / name) for name in ("killed", "whole")]
    assert ends[0] == pytest.approx(ends[1], rel=0.02)


def test_one_process_of_torchrun(tmp_path: Path, gpu: torch.device) -> None:
    """Over NCCL."""
    command = (sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "1")
    arguments = (*SMALL, *RUNS["miaod-retina"], f"device={gpu.type}")
    done = subprocess.run(
        (*command, "-m", "alframe", "run", "--output", str(tmp_path / "run"), *arguments),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len((tmp_path / "run" / "cycles.jsonl").read_text().splitlines()) == 2


def test_a_finished_model_predicts(tmp_path: Path, device: torch.device) -> None:
    finished(tmp_path / "run", device, "model=retina-tiny", *MIAOD)
    Image.effect_noise((80, 60), 64).convert("RGB").save(tmp_path / "photo.png")
    arguments = ["predict", str(tmp_path / "run"), str(tmp_path / "photo.png"), "--json"]
    told = CliRunner().invoke(cli, [*arguments, "--device", device.type, "--threshold", "0"])
    assert told.exit_code == 0, told.output
    (line,) = [json.loads(line) for line in told.stdout.splitlines()]
    assert line["detections"]
    assert math.isfinite(line["score"])


class TestMemory:
    """Of which there is little, as if the card were small."""

    @pytest.fixture(autouse=True)
    def _small_card(self, gpu: torch.device) -> Any:
        gc.collect()  # what would become free during the test
        torch.cuda.empty_cache()
        whole = torch.cuda.get_device_properties(gpu).total_memory
        reserved = torch.cuda.memory_reserved(gpu)
        torch.cuda.set_per_process_memory_fraction((reserved + 480 * 2**20) / whole)
        yield
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()

    LARGE = ("dataset.pool=140", "budget.initial=128", "budget.per_cycle=1")

    def test_a_batch_that_is_too_large_is_trained_in_parts(
        self, tmp_path: Path, gpu: torch.device
    ) -> None:
        """By a count of what is kept for the backward pass, 128 take 720 MiB and 64 take 360."""
        sizes = ("dataset.size=192", "training.batch_size=128", "training.iterations=2")
        large = (*self.LARGE, *sizes)
        finished(tmp_path, gpu, *RUNS["plain-retina"], *large, "budget.cycles=1")
        (cycle,) = [json.loads(x) for x in (tmp_path / "cycles.jsonl").read_text().splitlines()]
        assert cycle["phases"][0]["accumulate"] > 1

    def test_scoring_says_which_batch_would_do(self, tmp_path: Path, gpu: torch.device) -> None:
        large = (*self.LARGE, "dataset.size=256", "dataset.test=256", "evaluation.batch_size=256")
        with pytest.raises(TrainingError, match=r"resume with evaluation\.batch_size=128"):
            finished(tmp_path, gpu, *RUNS["plain-retina"], *large)


def _means(path: Path) -> list[float]:
    lines = [json.loads(line) for line in (path / "cycles.jsonl").read_text().splitlines()]
    return [v for line in lines for p in line["phases"] for v in p["means"].values()]
