"""What can be refused without torch is refused before torch is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from alframe.config.resolve import from_overrides, resolve
from alframe.errors import AlframeError
from alframe.runs.preflight import checked_dataset
from tests.cli.test_cli import Alframe, alframe  # noqa: F401

ALL_IN_ONE_PROCESS = """
import contextlib, io, json, sys
from alframe.cli import main
for command in json.load(sys.stdin):
    told, code = io.StringIO(), None
    with contextlib.redirect_stderr(told):
        try:
            main([word.replace("''", "") for word in command.split()])
        except SystemExit as ended:
            code = ended.code
    heavy = sorted({"torch", "timm", "torchvision", "scipy", "matplotlib"} & sys.modules.keys())
    print(json.dumps([command, code, told.getvalue().splitlines(), heavy]))
"""

CASES: list[tuple[str, list[str]]] = [
    ("run --dataset voc --data-root nowhere", ["nowhere is not a folder"]),
    ("run --dataset coco --data-root nowhere", ["nowhere is not a folder"]),
    ("run --resume --output nowhere", ["nowhere holds no run"]),
    ("run --output file", ["cannot write to file: it is not a folder"]),
    ("run --output file/below", ["file is not a folder"]),
    ("run --output fifo", ["cannot write to fifo"]),
    ("run --output dangling", ["dangling is a link to nothing"]),
    ("run --output " + "x" * 300, ["File name too long"]),
    ("run --output /dev/null", ["cannot write to /dev/null"]),
    ("run output=\"''\"", ["output: expected a path"]),
    ("run --config nowhere.yaml", ["nowhere.yaml"]),
    ("run --strategy entrpy", ["unknown strategy 'entrpy'"]),
    (
        "run --strategy entrpy --dataset voc --data-root nowhere dataset.pool=3 budget.test=x "
        "budget.initial_set=a model.weights=a.pth",
        ["entrpy", "dataset.pool: ", "budget.test: ", "nowhere is", "initial_set=a", "a.pth"],
    ),
    ("run --dataset yolo budget.initial_set=a", ["root is required", "budget.initial_set=a"]),
    ("run --device tpu training.lr=fast", ["device: expected auto", "training.lr: expected a"]),
    ("run budget.initial=501", ["asks for 501 images, the pool has 500"]),
    ("run budget.initial=0", ["budget.initial: expected a number of images"]),
    ("run budget.initial_set=a first_cycle=b", ["budget.initial_set=a", "b holds no run"]),
    ("run --model timm --dataset folder --data-root classes --oracle files", ["asked for boxes"]),
    ("run model.weights=a.pth", ["model.weights: no file a.pth"]),
    ("run model.weights=fifo", ["model.weights: no file fifo"]),
    ("validate --dataset voc --data-root nowhere", ["nowhere is not a folder"]),
    ("validate nowhere.yaml", ["nowhere.yaml"]),
    ("validate seed=x --dataset voc --data-root nowhere", ["seed: ", "nowhere is not a folder"]),
    ("bench voc-retina --data-root nowhere", ["nowhere is not a folder"]),
    ("bench nowhere.yaml", ["cannot read nowhere.yaml"]),
    ("report nowhere", ["nowhere is not a run directory"]),
    ("verify nowhere", ["nowhere holds no run"]),
    ("predict nowhere nothing.jpg", ["nowhere holds no run", "missing: nothing.jpg"]),
]


def test_all_of_it_is_named_without_torch(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    for name in ("cat/a.png", "cat/b.png", "dog/c.png"):
        (picture := tmp_path / "classes" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(picture)
    subprocess.run(["mkfifo", str(tmp_path / "fifo")], check=True)
    ended = subprocess.run(
        [sys.executable, "-c", ALL_IN_ONE_PROCESS],
        input=json.dumps([command for command, _ in CASES]),
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(found) == len(CASES), ended.stderr
    for (command, needles), (_, code, lines, heavy) in zip(CASES, found, strict=True):
        assert (code, len(lines), heavy) == (2, len(needles), []), (command, lines)
        for needle, line in zip(needles, lines, strict=True):
            assert needle in line, command
    assert {p.name for p in tmp_path.iterdir()} == {"file", "fifo", "dangling", "classes"}


def test_the_folder_of_the_user_in_quotes(
    alframe: Alframe,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for verb in ("verify", "report", "query"):
        code, _, err = alframe(verb, "~/none")
        assert (code, str(tmp_path / "none") in err, "~" in err) == (2, True, False), err


def test_weights_that_a_run_began_with_are_asked_for(tmp_path: Path) -> None:
    config = resolve([from_overrides(["strategy=random", f"model.weights={tmp_path}/w.pth"])])
    with pytest.raises(AlframeError, match="expected none, pretrained or the path of a state dict"):
        checked_dataset(config, tmp_path / "run", resume=False)
    with pytest.raises(AlframeError, match=r"the run began with: give model\.weights=PATH of it"):
        checked_dataset(config, tmp_path / "run", resume=True)


def test_what_takes_torch_to_see_is_told_beside_a_path_that_is_missing(alframe: Alframe) -> None:  # noqa: F811
    for verb in ("run", "validate"):
        words = ("--dataset", "voc", "--data-root", "gone", "strategy.foo=3", "model.bar=4")
        code, _, err = alframe(verb, *words)
        starts = [
            "unknown setting 'strategy.foo'",
            "unknown setting 'model.bar'",
            "gone is not a f",
        ]
        assert code == 2
        lines = [line for line in err.splitlines() if line.startswith("error: ")]
        assert len(lines) == len(starts), lines
        for line, start in zip(lines, starts, strict=True):
            assert line.startswith(f"error: {start}")


def test_options_of_strategy_and_model_are_told_together(alframe: Alframe, tmp_path: Path) -> None:  # noqa: F811
    small = ("dataset.pool=20", "dataset.test=5", "budget.initial=4", "budget.per_cycle=3")
    words = ("strategy.k=0", "model.beta=-1", "--output", str(tmp_path / "run"))
    code, _, err = alframe("run", *small, *words)
    assert code == 2
    assert "error: strategy.k: expected at least 1" in err
    assert "error: model.beta: expected at least 0" in err
    assert not (tmp_path / "run").exists()
