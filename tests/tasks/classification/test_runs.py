"""Whole runs of a classifier: cycles, a kill, what is verified, reported and refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from alframe.benchmarks.reporting.report import findings_of
from alframe.cli import main
from alframe.config.resolve import from_overrides, resolve
from alframe.errors import RunError
from alframe.runs.run import run
from alframe.runs.verifier import Verifier
from tests.runs.stored import records
from tests.tasks.classification.builders import class_folder

Command = Callable[..., tuple[object, str]]
TINY = (
    "model=resnet18-cifar", "model.width=2", "training.passes=2", "training.batch_size=4",
    "device=cpu", "budget.initial=6", "budget.per_cycle=3",
    "budget.cycles=2",
)  # fmt: skip
SMALL = (*TINY, "dataset=figures", "dataset.pool=20", "dataset.test=8", "dataset.classes=2")


@pytest.mark.parametrize(
    "strategy",
    ["random", "entropy", "margin", "least-confidence", "coreset", "badge", "typiclust", "ll4al",
     "probcover", "mc-dropout", "dedup:power:entropy"],
)  # fmt: skip
def test_cycles_that_are_verified(strategy: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    pairs = (f"strategy={strategy}", "budget.candidates=8", *SMALL)
    first, last = run(resolve([from_overrides(pairs)]), path)
    assert (first["labelled"], last["labelled"], last["objects"]) == (6, 9, 9)
    assert list(first["metrics"]) == ["accuracy", "macro_f1", "class_accuracy", "errors"]
    assert {v.problem for v in Verifier(path, "cpu")()} == {""}


def test_reports_rank_by_what_is_better_when_there_is_more_of_it(tmp_path: Path) -> None:
    list(run(resolve([from_overrides(("strategy=random", *SMALL))]), tmp_path / "run"))
    assert findings_of([tmp_path / "run"]).metric == "accuracy"
    with pytest.raises(RunError, match=r"--metric errors.nll: less of it is better, .* accuracy"):
        findings_of([tmp_path / "run"], metric="errors.nll")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*words: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as stopped:
            main(words)
        return stopped.value.code, "".join(capsys.readouterr())

    return call


def test_a_detector_on_a_folder_of_classes_is_refused_by_task(
    command: Command, tmp_path: Path
) -> None:
    root = str(class_folder(tmp_path))
    code, said = command("run", "--model", "retina", "--dataset", "folder", "--data-root", root)
    assert code == 2
    assert (
        "dataset 'folder' is of classification, model 'retina' of detection; models that fit: "
        "resnet18-cifar, timm" in said
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["strategy.unit=detections"], "requires the signal detections"),
        (["--strategy", "ppal"], "requires the signal box_features, detections"),
        (["--strategy", "miaod", "learner.skip=image"], "leave out learner.skip"),
        (
            ["model.widht=3"],
            "unknown setting 'model.widht'; known: weights, width. Did you mean 'width'?",
        ),
        (["dataset.on_bad_item=never"], "dataset.on_bad_item"),
        (["budget.candidates=0"], "at least 1"),
    ],
)
def test_wrong_settings(words: list[str], message: str, command: Command, tmp_path: Path) -> None:
    root = str(class_folder(tmp_path / "root", pool=8))
    code, said = command(
        "run", "--dataset", "folder", "--data-root", root, "--output", str(tmp_path / "run"),
        *(["--strategy", "entropy"] if "--strategy" not in words else []),
        *(p for p in TINY if p not in words), "training.passes=13", *words,
    )  # fmt: skip
    assert code == 2, said
    assert message in said


def test_every_broken_picture_is_named_at_once_or_skipped(command: Command, tmp_path: Path) -> None:
    root = class_folder(tmp_path / "root", pool=8)
    (root / "pool" / "cat" / "a.png").write_bytes(b"no picture")
    (root / "test" / "dog" / "b.jpg").write_bytes(b"")
    words = [
        "validate",
        "--strategy",
        "margin",
        "--dataset",
        "folder",
        "--data-root",
        str(root),
        *TINY,
    ]
    code, said = command(*words)
    assert code == 2
    assert "is not an image of a kind that is read" in said
    assert "the file is empty" in said
    code, said = command(*words, "dataset.on_bad_item=skip")
    assert code == 0, said
    assert "skipped 2 bad items" in said
    assert "valid: 16 images to choose from, 4 to test on" in said
    assert "2 classes: cat 8, dog 8" in said


def test_images_of_classes_that_the_model_does_not_know_are_not_counted(
    command: Command, tmp_path: Path
) -> None:
    root, path = class_folder(tmp_path / "own", pool=6), tmp_path / "run"
    list(run(resolve([from_overrides((*TINY, "dataset=folder", f"dataset.root={root}"))]), path))
    other = class_folder(tmp_path / "other", classes=3)
    words = ("evaluate", str(path), "--dataset", "folder", "--json", "--data-root")
    code, said = command(*words, str(other))
    assert code == 0, said
    assert "the model knows no class 'emu': 2 objects left out" in said
    found = json.loads(said.partition("\n")[0])
    assert (found["images"], found["objects"]) == (4, {"cat": 2, "dog": 2})
    shutil.rmtree(other / "test" / "cat")
    shutil.rmtree(other / "test" / "dog")
    code, said = command(*words, str(other))
    assert code == 2
    assert "to measure on has a class that the model knows" in said


@pytest.mark.slow
def test_killed_in_training_it_ends_in_the_same_numbers(tmp_path: Path) -> None:
    pairs = ["strategy=entropy", *SMALL, "training.passes=40"]
    words = [sys.executable, "-m", "alframe", "run", *pairs, "--output"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*words, str(whole)], check=True, capture_output=True)
    for event in ("cycle_started", "evaluated"):
        process = subprocess.Popen(
            [*words[:4], *(["--resume"] if killed.exists() else pairs), "--output", str(killed)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        journal = killed / "journal.jsonl"
        while process.poll() is None:
            if journal.exists() and event in journal.read_text():
                time.sleep(0.3)
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.01)
        process.wait()
    subprocess.run([*words[:4], "--resume", "--output", str(killed)], check=True)
    one, other = (
        [{k: v for k, v in c.items() if k not in ("seconds", "memory")}
         for c in records(path / "cycles.jsonl")]
        for path in (whole, killed)
    )  # fmt: skip
    assert json.dumps(one) == json.dumps(other)
