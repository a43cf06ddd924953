"""``alframe evaluate``: a run's model on its own test split, and on others."""

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alframe.cli import main
from alframe.datasets.shapes import shapes
from tests.annotations import people
from tests.cli.test_cli import SMALL, Alframe, alframe, refused

__all__ = ["alframe"]  # the fixture

CLASSES = ("circle", "square", "triangle")
DRAWN = shapes(pool=16, test=6, size=64, classes=3)
TRAINED = (
    "training.iterations=30",
    "training.warmup=5",
    "budget.initial=8",
    "dataset.classes=3",
    "device=cpu",
)
EMPTY = "dataset.unannotated=empty"
SIZE = ("data.long=64", "data.short=64")


def run_of(path: Path, *args: str) -> Path:
    with pytest.raises(SystemExit) as exit_, contextlib.redirect_stdout(io.StringIO()):
        main(["run", "--output", str(path), *args])
    assert exit_.value.code == 0
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate") / "run"
    return run_of(path, *SMALL, "dataset.pool=16", *TRAINED)


def measured(result: tuple[int, str, str]) -> dict[str, Any]:
    code, out, err = result
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def recorded(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line)["metrics"] for line in (run / "cycles.jsonl").read_text().splitlines()]


def coco_root(root: Path, classes: tuple[str, ...], **renamed: str) -> Path:
    """The run's images as a COCO dataset, its classes in another order or under other names."""
    (root / "annotations").mkdir(parents=True)
    for split, ids in (("train2017", DRAWN.pool), ("val2017", DRAWN.test)):
        (root / split).mkdir()
        names = {f"{item.replace('/', '_')}.png": item for item in ids}
        for name, item in names.items():
            Image.fromarray(np.asarray(DRAWN.images.read(item))).save(root / split / name)
        images = [{"id": name, "width": 64, "height": 64} for name in names]
        truth = {name: DRAWN.targets[item] for name, item in names.items()}
        named = [renamed.get(name, name) for name in DRAWN.classes]
        objects = {name: people.seen({"id": name}, truth, named) for name in names}
        people.coco(root / f"annotations/instances_{split}.json", images, objects, classes)
    return root


def test_its_own_test_split_gives_what_the_run_recorded(alframe: Alframe, run: Path) -> None:
    first, last = recorded(run)
    assert first != last
    assert measured(alframe("evaluate", str(run), "--json"))["metrics"] == last
    found = measured(alframe("evaluate", str(run), "--json", "--cycle", "0"))
    assert found["metrics"] == first
    assert (found["run"], found["cycle"], found["dataset"]) == (str(run), 0, "shapes")
    assert found["images"] == 6
    counts = np.bincount(np.concatenate([DRAWN.targets[i].labels for i in DRAWN.test]))
    assert found["objects"] == dict(zip(CLASSES, counts.tolist(), strict=True))
    assert list(last["COCO"])[:3] == ["AP", "AP50", "AP75"]
    assert last["COCO"]["AP"] == last["mAP"]


def test_classes_go_by_name_whatever_their_order(
    alframe: Alframe, run: Path, tmp_path: Path
) -> None:
    root = coco_root(tmp_path / "coco", tuple(reversed(CLASSES)))
    args = ("evaluate", str(run), "--dataset", "coco", "--data-root", str(root), EMPTY)
    code, out, err = alframe(*args, "--json")
    assert (code, err) == (0, "")
    metrics, expected = json.loads(out)["metrics"], recorded(run)[-1]
    assert metrics["AP50"] == pytest.approx(expected["AP50"], rel=1e-6)
    for name, value in expected["COCO"].items():
        assert metrics["COCO"][name] == (None if value is None else pytest.approx(value, rel=1e-6))
    code, out, _ = alframe(*args)
    assert "data     another test split: coco, 6 images" in out


def test_what_the_dataset_leaves_out_is_said(alframe: Alframe, run: Path, tmp_path: Path) -> None:
    root = coco_root(tmp_path / "coco", CLASSES)
    file = root / "annotations/instances_val2017.json"
    content = json.loads(file.read_text())
    content["annotations"][0]["bbox"] = ["x", 0, 5, 5]
    file.write_text(json.dumps(content))
    args = ("--dataset", "coco", "--data-root", str(root), EMPTY, "dataset.on_bad_item=skip")
    code, _, err = alframe("evaluate", str(run), *args)
    assert (code, "skipped 1 bad item (dataset.on_bad_item=skip)" in err) == (0, True), err


def test_a_crowd_is_no_object_to_be_found(alframe: Alframe, run: Path, tmp_path: Path) -> None:
    root = coco_root(tmp_path / "coco", CLASSES)
    file = root / "annotations/instances_val2017.json"
    content = json.loads(file.read_text())
    first, *others = content["annotations"]
    first["iscrowd"] = 1
    file.write_text(json.dumps(content))
    args = ("--dataset", "coco", "--data-root", str(root), EMPTY, "--json")
    found = measured(alframe("evaluate", str(run), *args))
    names = {each["id"]: each["name"] for each in content["categories"]}
    left = [names[each["category_id"]] for each in others]
    assert found["objects"] == {name: left.count(name) for name in CLASSES}


def test_classes_that_do_not_match_are_said(alframe: Alframe, run: Path, tmp_path: Path) -> None:
    root = coco_root(tmp_path / "coco", ("boat", *CLASSES[1:]), circle="boat")
    args = ("evaluate", str(run), "--dataset", "coco", "--data-root", str(root), EMPTY)
    code, out, err = alframe(*args, "--json")
    assert code == 0
    boats = sum(int((DRAWN.targets[i].labels == 0).sum()) for i in DRAWN.test)
    assert f"note: the model knows no class 'boat': {boats} objects left out\n" in err
    assert "note: coco has no class 'circle'\n" in err
    found, own = json.loads(out), recorded(run)[-1]
    assert found["objects"]["circle"] == 0
    assert found["metrics"]["AP50"] == {**own["AP50"], "circle": None}
    foreign = dict(zip(CLASSES, "abc", strict=True))
    other = coco_root(tmp_path / "other", tuple("abc"), **foreign)
    result = alframe("evaluate", str(run), "--dataset", "coco", "--data-root", str(other), EMPTY)
    refused(result, "no class of coco has the name of one of the model's: a, b, c; the model's")


def test_the_words_of_the_output(alframe: Alframe, run: Path, tmp_path: Path) -> None:
    code, out, err = alframe("evaluate", str(run), "--show-dir", str(tmp_path / "curves"))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    metrics = recorded(run)[-1]
    assert lines[:4] == [
        f"model    {run}, cycle 1",
        "data     the test split of the run: shapes, 6 images",
        "",
        f"mAP50       {100 * metrics['mAP50']:5.1f} %",
    ]
    assert "AP_large          -" in lines
    assert sum(line.startswith("An object is small below 32 x 32 pixels") for line in lines) == 1
    table = lines[lines.index("class     objects     AP50") + 1 :]
    assert [line.split()[0] for line in table] == [*CLASSES, "wrote"]
    with Image.open(tmp_path / "curves" / "precision_recall.png") as picture:
        assert picture.format == "PNG"
    code, out, err = alframe("evaluate", str(run), "evaluation.coco=false")
    assert code == 0
    assert "COCO" not in out


def test_a_test_split_that_people_annotated(alframe: Alframe, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    names = {f"{item.replace('/', '_')}.png": item for item in DRAWN.pool}
    for name, item in names.items():
        Image.fromarray(np.asarray(DRAWN.images.read(item))).save(photos / name)
    truth = {name: DRAWN.targets[item] for name, item in names.items()}
    path, known = str(tmp_path / "run"), "dataset.classes=[circle,square,triangle]"
    own = ("--dataset", "photos", "--data-root", str(photos), known, "--model", "retina-tiny")
    few = ("budget.test=4", "budget.initial=6", "budget.cycles=1", "--strategy", "random")
    assert alframe("run", "--output", path, *own, *few, *SMALL[5:8], *SIZE, "device=cpu")[0] == 3
    refused(alframe("evaluate", path), "has no model yet: there is one once its first")
    images = people.asked(Path(path), 0)
    objects = {image["id"]: people.seen(image, truth, CLASSES) for image in images}
    # One of those to train on is given up: the test split is measured all the same.
    given_up = next(image["id"] for image in images if image["why"] == "initial")
    objects.pop(given_up)
    answer = people.coco(tmp_path / "answer.json", images, objects, CLASSES, [given_up])
    assert alframe("annotate", path, str(answer))[0] == 0
    assert alframe("run", "--output", path, "--resume")[0] == 0
    found = measured(alframe("evaluate", path, "--json"))
    assert (found["images"], found["metrics"]) == (4, recorded(Path(path))[-1])
    # Where it was moved, it is still the run's own; another folder has no test split.
    photos.rename(tmp_path / "moved")
    refused(alframe("evaluate", path), f"{photos} is not a folder")
    args = ("--data-root", str(tmp_path / "moved"))
    assert measured(alframe("evaluate", path, "--json", *args))["metrics"] == found["metrics"]
    # A folder that is annotated in part is tested on as far as it is.
    answers = f"dataset.annotations={tmp_path / 'answer.json'}"
    code, out, err = alframe("evaluate", path, "--json", *args, "--dataset", "photos", answers)
    assert (code, json.loads(out)["images"]) == (0, len(objects)), err
    assert f"no test split (dataset.test): measured on all {len(objects)} annotated images" in err
    assert f"{len(objects)} images of these with an id of what {path} has labelled: " in err
    (tmp_path / "moved" / sorted(names)[0]).unlink()
    refused(alframe("evaluate", path, *args), "photos has no annotations to evaluate by")


@pytest.mark.parametrize(
    ("args", "needle"),
    [
        (["dataset.test=7"], "5 images"),
        (["training.lr=1", "budget.test=2"], "budget, training: expected settings of data.*"),
        (["--cycle", "7"], "no model of cycle 7; it has those of cycles: 0, 1"),
        (["--dataset", "nope"], "unknown dataset 'nope'"),
        (["--dataset", "coco", "--data-root", "/nowhere"], "/nowhere is not a folder"),
        (["--data-root", "/nowhere"], "dataset.root"),
        (["--device", "tpu"], "expected auto, cpu, cuda"),
        (["dataset.wrong=1"], "dataset.wrong"),
        (["--show-dir", f"{__file__}/curves"], "test_evaluate.py/curves: "),
        (["x"], "expected key=value, got 'x'"),
    ],
)  # fmt: skip
def test_refusals(alframe: Alframe, run: Path, args: list[str], needle: str) -> None:
    if args == ["dataset.test=7"]:  # another test split of the same dataset
        code, out, _ = alframe("evaluate", str(run), *args)
        assert code == 0
        assert "another test split: shapes, 7 images" in out
        return
    refused(alframe("evaluate", str(run), *args), needle)


def test_data_that_changed_have_to_be_named(alframe: Alframe, tmp_path: Path) -> None:
    root = coco_root(tmp_path / "coco", CLASSES)
    named = ("--dataset", "coco", "--data-root", str(root), EMPTY, "--model", "retina-tiny")
    own = run_of(tmp_path / "run", *SMALL[:2], *named, *SMALL[5:], "device=cpu", *SIZE)
    assert measured(alframe("evaluate", str(own), "--json"))["metrics"] == recorded(own)[-1]
    file = root / "annotations/instances_val2017.json"
    content = json.loads(file.read_text())
    content["annotations"].pop()
    file.write_text(json.dumps(content))
    refused(alframe("evaluate", str(own)), "made on other data than coco is now", "--dataset coco")
    code, out, _ = alframe(
        "evaluate", str(own), "--dataset", "coco", "--data-root", str(root), EMPTY
    )
    assert code == 0
    assert "another test split: coco, 6 images" in out
    shutil.rmtree(root / "val2017")
    refused(
        alframe("evaluate", str(own), "--dataset", "coco", "--data-root", str(root), EMPTY),
        "val2017",
    )


def test_weights_in_a_file(alframe: Alframe, run: Path, tmp_path: Path) -> None:
    import torch

    kept, bare = tmp_path / "elsewhere.pt", tmp_path / "state.pt"
    shutil.copy(run / "checkpoints" / "cycle_01.pt", kept)
    torch.save(torch.load(kept, weights_only=True)["state"], bare)
    root = coco_root(tmp_path / "coco", tuple(reversed(CLASSES)))
    data = ("--dataset", "coco", "--data-root", str(root), EMPTY, "--json")
    code, out, err = alframe("evaluate", str(kept), *data)
    assert (code, err) == (0, "")
    by_name = json.loads(out)
    assert by_name["cycle"] is None
    assert "another test split: coco, 6 images" in alframe("evaluate", str(kept), *data[:-1])[1]
    assert by_name["metrics"]["AP50"] == pytest.approx(recorded(run)[-1]["AP50"], rel=1e-6)
    own = [arg for arg in SMALL if arg.startswith("model.")]
    drawn = ["dataset.pool=16", "dataset.test=6", "dataset.size=64", "dataset.classes=3"]
    args = ("evaluate", str(bare), "--model", "retina-tiny", *own, "--dataset", "shapes", "--json")
    code, out, err = alframe(*args, *drawn)
    assert (code, err) == (
        0, "note: the file names no classes: taken for those of shapes, in its order\n"
    )  # fmt: skip
    assert json.loads(out)["metrics"] == recorded(run)[-1]
    refused(alframe(*args, *drawn[:3], "dataset.classes=2"), "of another shape: class_tower.output")
    refused(alframe("evaluate", str(bare), *data), "does not say which model: give --model")
    refused(alframe("evaluate", str(kept)), "does not say which dataset: give --dataset")
    refused(alframe("evaluate", str(kept), *data, "--cycle", "1"), "is one model: leave it out")
    refused(alframe("evaluate", str(tmp_path / "no.pt"), "--model", "retina"), "no.pt is missing:")
    refused(alframe("evaluate", str(run), "--model", "retina"), "of a file of weights, and")
    state = torch.load(bare, weights_only=True)
    torch.save({f"_orig_mod.module.{name}": value for name, value in state.items()}, bare)
    assert json.loads(alframe(*args, *drawn)[1])["metrics"] == recorded(run)[-1]
    torch.save({**state, "more": torch.zeros(1)}, bare)
    refused(alframe(*args, *drawn), "does not fit the model, unknown to the model: more: give")
    torch.save({"state_dict": state}, bare)
    refused(alframe(*args, *drawn), "save what it has under state_dict alone: expected a check")
    refused(alframe("evaluate", str(run), "model.fpn_channels=8"), "model: expected settings of")
    kept.write_bytes(kept.read_bytes()[:5000])
    refused(alframe("evaluate", str(kept), *data), "elsewhere.pt is damaged")
    bare.write_text("no tensors")
    refused(alframe("evaluate", str(bare), *data), "expected a checkpoint of a run, or a file made")


def test_a_test_split_of_which_no_picture_can_be_read(
    alframe: Alframe, run: Path, tmp_path: Path
) -> None:
    root = coco_root(tmp_path / "coco", CLASSES)
    data = ("--dataset", "coco", "--data-root", str(root), EMPTY, "dataset.on_bad_item=skip")
    first, *others = (root / "val2017").iterdir()
    first.write_bytes(b"no picture")
    code, out, err = alframe("evaluate", str(run), *data, "--json")
    assert (code, json.loads(out)["images"]) == (0, len(others)), err
    assert "skipped 1 bad item (dataset.on_bad_item=skip)" in err
    refused(alframe("evaluate", str(run), *data[:-1]), first.name)
    for file in others:
        file.write_bytes(b"no picture")
    result = alframe("evaluate", str(run), *data)
    refused(result, "no image of the test split of coco can be read")
