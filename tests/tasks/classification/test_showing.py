"""What is shown of a classified image."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from alframe.cli import cli
from alframe.config.resolve import from_overrides, resolve
from alframe.errors import RunError
from alframe.model import Display, ShownPrediction
from alframe.runs.run import run
from alframe.signals import CLASS_PROBS, ClassProbs, SignalBatch
from alframe.tasks.classification.shown_classes import ClassesShowing
from tests.tasks.classification.builders import picture
from tests.tasks.classification.test_runs import SMALL

CLASSES = ("cat", "dog", "emu", "fox", "gnu", "hen", "ibis")


def shown(*probs: float, threshold: float | None = None) -> ShownPrediction:
    values = ClassProbs(torch.tensor([[probs]]), exclusive=True)
    display = Display(CLASSES, frozenset({CLASS_PROBS}), threshold)
    return ClassesShowing(display).show(SignalBatch(("a",), {CLASS_PROBS: values}))


def test_the_likeliest_classes_come_first() -> None:
    one = shown(0.125, 0.5, 0.004, 0.25, 0.05, 0.04, 0.031)
    assert list(one.json["classes"]) == ["dog", "fox", "cat", "gnu", "hen"]
    assert one.json["classes"]["fox"] == 0.25
    assert one.lines[:2] == ("dog  0.50", "fox  0.25")


def test_unlikely_classes_are_left_out_but_the_first() -> None:
    assert list(shown(0.005, 0.995, 0, 0, 0, 0, 0).json["classes"]) == ["dog"]
    few = shown(0.125, 0.5, 0.125, 0.25, 0, 0, 0, threshold=0.2)
    assert list(few.json["classes"]) == ["dog", "fox"]
    none = shown(0.25, 0.25, 0.25, 0.25, 0, 0, 0, threshold=0.9)
    assert list(none.json["classes"]) == ["cat"]


def test_the_picture_is_left_as_it_is_above_the_names() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    paint = shown(0.5, 0.5, 0, 0, 0, 0, 0).paint
    assert paint is not None
    painted = np.asarray(paint(image))
    assert painted.shape[0] > 40
    assert (painted[:40, :60] == image).all()
    assert (painted[:40, 60:] == 255).all()
    assert (painted[40:, :60] != 255).any()
    assert (painted[:, -3:] == 255).all(), "no name is cut off"


def test_there_are_no_anchors_to_weigh() -> None:
    with pytest.raises(RunError, match="leave out --weighted"):
        ClassesShowing(Display(CLASSES, frozenset(), weighted=True))


def test_predict_of_a_run(tmp_path: Path) -> None:
    list(run(resolve([from_overrides(("strategy=entropy", *SMALL))]), tmp_path / "run"))
    photos = [picture(tmp_path / f"{name}.png") for name in ("one", "two")]
    arguments = ["predict", str(tmp_path / "run"), *map(str, photos), "--json"]
    told = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path / "shown")])
    assert told.exit_code == 0, told.output
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert {Path(line["image"]).name for line in lines} == {"one.png", "two.png"}
    assert lines[0]["score"] >= lines[1]["score"]
    assert sum(lines[0]["classes"].values()) == pytest.approx(1, abs=0.02)
    assert all(Path(line["picture"]).is_file() for line in lines)
