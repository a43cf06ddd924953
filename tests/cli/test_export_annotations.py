"""``alframe export --annotations``: what people have annotated, to train elsewhere or anew."""

import json
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alframe.config.resolve import from_file, from_overrides, resolve
from alframe.datasets.base import Dataset
from alframe.datasets.yolo import yolo
from alframe.runs.build import build_dataset, plan_of
from alframe.runs.kept import dataset_of
from alframe.runs.run import run as start
from tests.annotations import people
from tests.annotations.people import photographs
from tests.cli.test_cli import Alframe, alframe, refused

__all__ = ["alframe"]  # a fixture

IDS = (*(f"{letter}.png" for letter in "abcdefghij"), "deep/a.png")
BUDGET = ("budget.test=3", "budget.initial=4", "budget.per_cycle=2")


@pytest.fixture
def run(alframe: Alframe, tmp_path: Path) -> Path:
    """A run that is answered, one image to begin with given up, and has not trained yet."""
    photographs(tmp_path / "photos", IDS)
    path = tmp_path / "run"
    new = ("run", "--dataset", "photos", "--data-root", str(tmp_path / "photos"))
    settings = ("dataset.classes=[cat,dog]", "device=cpu", "training.passes=1", *BUDGET)
    code, _, err = alframe(*new, "--output", str(path), *settings)
    assert code == 3, err
    rows = people.asked(path, 0)
    initial = [row["id"] for row in rows if row["why"] == "initial"]
    objects = {row["id"]: [("cat", (4.0, 5.0, 24.0, 15.0))] for row in rows}
    objects[initial[1]] = []
    file = people.coco(tmp_path / "a.json", rows, objects, ["cat", "dog"], initial[:1])
    code, _, err = alframe("annotate", str(path), str(file))
    assert code == 0, err
    return path


def asked(run: Path, why: str) -> set[str]:
    return {row["id"] for row in people.asked(run, 0) if row["why"] == why}


def test_a_new_run_begins_with_them_and_tests_on_the_same(
    alframe: Alframe, run: Path, tmp_path: Path
) -> None:
    code, out, err = alframe(
        "export", str(run), "--annotations", "--to", "coco", "--output", str(tmp_path / "out")
    )
    assert code == 0, err
    assert out.endswith("annotated in " + f"{run}: 3 to train on, 3 to test on, 1 given up\n")
    readme = (tmp_path / "out/README.txt").read_text()
    (again,) = re.findall("alframe run .*", readme)
    words = shlex.split(again)
    assert words[2:6] == ["--config", str(run / "config.yaml"), "--output", "NEW"]
    config = resolve([from_file(words[3]), from_overrides(words[6:])])
    dataset = build_dataset(config)
    assert set(dataset.test) == asked(run, "test")
    assert set(dataset.known) < asked(run, "initial")
    assert len(dataset.known) == 3
    assert len(dataset.pool) == len(IDS) - 3 - 1
    plan = plan_of(config, dataset)
    assert (plan.test, len(plan.initial)) == ((), 4)
    boxes = {item: target.require_boxes().tolist() for item, target in dataset.targets.items()}
    assert sorted(boxes.values()) == [[], *[[[4, 5, 24, 15]]] * 5]


def test_yolo_has_two_splits_and_tells_empty_images_apart(
    alframe: Alframe, run: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    code, _, err = alframe(
        "export", str(run), "--annotations", "--to", "yolo", "--output", str(output)
    )
    assert code == 0, err
    dataset = yolo(str(output))
    assert (len(dataset.pool), len(dataset.test), dataset.unannotated) == (3, 3, ())
    assert "- cat\n- dog\n" in (output / "data.yaml").read_text()
    shown = {i: t.require_boxes().round(4).tolist() for i, t in dataset.targets.items()}
    assert sorted(shown.values()) == [[], *[[[4, 5, 24, 15]]] * 5]


def test_what_a_simulated_oracle_has_revealed(
    alframe: Alframe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ("dataset.pool=12", "dataset.test=4", "budget.initial=3", "budget.per_cycle=2")
    settings = (*small, "dataset.size=64", "budget.cycles=1", "training.passes=1", "device=cpu")
    path, strategy = tmp_path / "run", "strategy=random"
    list(start(resolve([from_overrides([*settings, strategy])]), path))
    output = tmp_path / "out"
    given = ("export", str(path), "--annotations", "--output", str(output))
    assert alframe(*given, "--to", "coco")[0] == 0
    train: Mapping[str, Any] = json.loads((output / "train.json").read_text())
    assert len(train["images"]) == 3
    assert not (output / "given_up.json").exists()
    assert len((output / "test.txt").read_text().split()) == 4
    refused(alframe(*given, "--to", "coco"), "is not empty: choose another --output")
    for split in ("train.json", "test.json"):
        half = tmp_path / f"half {split}"
        half.mkdir()
        shutil.copy(output / split, half)
        again = ("export", str(path), "--annotations", "--to", "coco", "--output", str(half))
        refused(alframe(*again), "is not empty, an export was broken off: choose another")
    for more, said in (
        (("--to", "onnx"), "--annotations: expected --to coco or yolo"),
        (("--to", "coco", "--cycle", "0", "--white", "9"), "--cycle and --white: nothing that"),
        (("--to", "coco", "--raw"), "--raw: nothing that"),
    ):
        refused(alframe(*given, *more), said)

    def without_annotations(*where: Any) -> Dataset:
        return replace(dataset_of(*where), targets={})

    monkeypatch.setattr("alframe.detectors.export_annotations.dataset_of", without_annotations)
    anew = ("export", str(path), "--annotations", "--to", "coco", "--output", str(tmp_path / "new"))
    refused(alframe(*anew), "its oracle kept no annotation of pool/")


def test_a_test_split_takes_the_place_of_images_to_be_drawn() -> None:
    photos = {"name": "photos", "root": "x", "classes": ["a"]}
    assert resolve([{"dataset": photos, "oracle": "files"}]).budget.test == 40
    tested = {**photos, "annotations": "y", "test": "20%"}
    assert resolve([{"dataset": tested, "oracle": "files"}]).budget.test is None
    both = {"dataset": tested, "oracle": "files", "budget": {"test": 5}}
    assert resolve([both]).budget.test == 5
    later = from_overrides(["dataset.test=test.txt"])
    assert (
        resolve([{"dataset": photos, "oracle": "files", "budget": {"test": 5}}, later]).budget.test
        is None
    )
