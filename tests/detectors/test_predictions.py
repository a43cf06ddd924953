"""The learner ``predictions``: a curve of a detector that is trained outside, cycle after cycle."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import yaml
from PIL import Image

from alframe.datasets.base import ImageSet, ImageSource, LabelledSet, Target
from alframe.datasets.names import stem
from alframe.datasets.photos import photos
from alframe.datasets.shapes import shapes
from alframe.detectors import prediction_files
from alframe.detectors.handing_over import HandedOver, side_by_side, write_labelled, write_pictures
from alframe.signals import EMBEDDING
from tests.annotations import people
from tests.cli.test_cli import alframe  # noqa: F401

POOL = {"pool": 12, "test": 4, "size": 32, "classes": 2}
SETTINGS = [f"dataset.{name}={value}" for name, value in POOL.items()]
SETTINGS += ["budget.initial=3", "budget.per_cycle=3", "budget.cycles=3", "device=cpu"]
TRUTH = shapes(**POOL)  # type: ignore[arg-type]
OUTSIDE = """
import json, sys
from pathlib import Path
# A detector outside: the more images it was trained on, the more objects it finds.
run, cycle, truth = Path(sys.argv[1]), int(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())
folder = run / "labelled" / f"cycle_{cycle:02d}"
trained = json.loads((folder / "coco.json").read_text())
assert all((folder / "yolo" / "images" / i["file_name"]).is_file() for i in trained["images"])
images = sorted(p.stem for p in (folder / "yolo" / "images").rglob("*.png"))
assert len(images) == len(trained["images"])
labels = [len(p.read_text().splitlines()) for p in (folder / "yolo" / "labels").rglob("*.txt")]
assert sum(labels) == len(trained["annotations"])
instances = json.loads((run / "predictions" / "instances.json").read_text())
numbers = {c["name"]: c["id"] for c in instances["categories"]}
rows = []
for rank, (item, objects) in enumerate(truth.items()):
    for place, (name, (x1, y1, x2, y2)) in enumerate(objects):
        if (rank + place) % 10 < len(images):
            box = [x1, y1, x2 - x1, y2 - y1]
            score = 0.5 + 0.02 * rank
            rows.append({"image_id": item, "category_id": numbers[name], "bbox": box,
                         "score": score})
(run / "predictions" / f"cycle_{cycle:02d}.json").write_text(json.dumps(rows))
"""


@pytest.fixture(autouse=True)
def nobody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written but by the tests themselves, which need not wait for it to end."""
    monkeypatch.setattr(prediction_files, "QUIET", 0.0)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    objects = {
        item: [
            (TRUTH.classes[label], box)
            for label, box in zip(
                target.labels.tolist(), target.require_boxes().tolist(), strict=True
            )
        ]
        for item, target in TRUTH.targets.items()
    }
    (path := tmp_path / "truth.json").write_text(json.dumps(objects))
    return path


def predict(run: Path, cycle: int, truth: Path) -> None:
    command = [sys.executable, "-c", OUTSIDE, str(run), str(cycle), str(truth)]
    subprocess.run(command, check=True)


def predict_by_torchvision(run: Path, cycle: int, truth: Path) -> None:
    del truth
    name, own = f"cycle_{cycle:02d}", run / "predictions"
    places = (run / "labelled" / name, own / "images", own / "instances.json", own / f"{name}.json")
    program = Path(__file__).with_name("outside.py")
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, program, *places], check=True, env=bare, cwd=run)


def start(alframe: Any, run: Path, *more: str) -> tuple[int, str, str]:  # noqa: F811
    named = ("--strategy", "entropy", "--learner", "predictions", "--output", str(run))
    found: tuple[int, str, str] = alframe("run", *named, *SETTINGS, *more)
    return found


def go_on(alframe: Any, run: Path) -> tuple[int, str, str]:  # noqa: F811
    found: tuple[int, str, str] = alframe("run", "--output", str(run), "--resume")
    return found


def cycles_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "cycles.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "outside", [predict, pytest.param(predict_by_torchvision, marks=pytest.mark.slow)]
)
def test_a_curve_of_a_detector_outside(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
    truth: Path,
    outside: Callable[[Path, int, Path], None],
) -> None:
    run = tmp_path / "run"
    code, said, err = start(alframe, run)
    assert code == 3, err
    assert f"waits for {run / 'predictions' / 'cycle_00.json'}" in err
    assert f"predict all of {run / 'predictions' / 'images'}" in err
    assert f"alframe run --output {run} --resume" in err
    assert go_on(alframe, run)[0] == 3
    assert "the run stopped" not in (run / "run.log").read_text(), "to wait is no error"
    for cycle in range(3):
        outside(run, cycle, truth)
        code, said, err = go_on(alframe, run)
        assert code == (0 if cycle == 2 else 3), err
    cycles = cycles_of(run)
    values = [c["metrics"]["mAP50"] for c in cycles]
    assert all(0 <= value <= 1 for value in values)
    if outside is predict:
        assert values == sorted(values)
        assert values[0] < values[-1]
    assert [c["labelled"] for c in cycles] == [3, 6, 9]
    (phase,) = cycles[0]["phases"]
    assert (phase["phase"], phase["detections"] > 0) == ("predictions", True)
    assert len(phase["cycle_00.json"]) == 64
    assert not {"model", "training"} & yaml.safe_load((run / "config.yaml").read_text()).keys()
    code, said, err = alframe("verify", str(run))
    assert (code, "DIFFERS" in said) == (0, False), said + err
    code, said, err = alframe("report", str(run), "--output", str(tmp_path / "report"))
    assert code == 0, err
    assert (tmp_path / "report" / "curves.png").exists()
    labels = (run / "labelled" / "cycle_00" / "yolo" / "data.yaml").read_text()
    assert yaml.safe_load(labels) == {
        "train": "images", "val": "images", "names": list(TRUTH.classes),
    }  # fmt: skip


def test_of_several_processes_one_writes(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("alframe.detectors.predictions.is_main_process", lambda: False)
    assert start(alframe, tmp_path)[0] == 3
    assert not (tmp_path / "predictions" / "images").exists()
    monkeypatch.undo()
    monkeypatch.setattr(prediction_files, "QUIET", 0.0)
    assert go_on(alframe, tmp_path)[0] == 3
    assert len([*(tmp_path / "predictions" / "images").iterdir()]) == POOL["pool"] + POOL["test"]


def found() -> Iterator[tuple[str, list[tuple[int, list[float], float]]]]:
    """What a detector finds, by the names in ``predictions/images``: on every third image nothing.

    Its classes are numbers of ``data.yaml``.
    """
    images = ImageSet(TRUTH.images, (*TRUTH.pool, *TRUTH.test))
    for rank, (item, name) in enumerate(side_by_side(images).items()):
        target = TRUTH.targets[item]
        boxes, labels = target.require_boxes().tolist(), target.labels.tolist()
        rows = [
            (label, box, round(0.9 - 0.02 * rank - 0.1 * place, 4))
            for place, (label, box) in enumerate(zip(labels, boxes, strict=True))
        ]
        yield name.removesuffix(".png"), rows if rank % 3 else []


def as_coco(run: Path, cycle: int) -> Path:
    rows = [
        {"image_id": name, "category_id": 1 + label, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        | {"score": score}
        for name, each in found()
        for label, (x1, y1, x2, y2), score in each
    ]  # fmt: skip
    (path := run / "predictions" / f"cycle_{cycle:02d}.json").write_text(json.dumps(rows))
    return path


def as_lines(run: Path, cycle: int) -> Path:
    rows = [
        {"image": f"{name}.png", "detections": [
            {"class": TRUTH.classes[label], "box": box, "score": score}
            for label, box, score in each
        ]}
        for name, each in found()
    ]  # fmt: skip
    path = run / "predictions" / f"cycle_{cycle:02d}.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def as_yolo(run: Path, cycle: int) -> Path:
    """As Ultralytics writes them: no names of classes, no file where nothing is found."""
    path = run / "predictions" / f"cycle_{cycle:02d}"
    (path / "labels").mkdir(parents=True, exist_ok=True)
    for name, rows in found():
        lines = [
            f"{label} {(x1 + x2) / 64:.9f} {(y1 + y2) / 64:.9f} {(x2 - x1) / 32:.9f} "
            f"{(y2 - y1) / 32:.9f} {score}\n"
            for label, (x1, y1, x2, y2), score in rows
        ]
        if lines:
            (path / "labels" / f"{name}.txt").write_text("".join(lines))
    return path


def test_whatever_the_predictions_lie_in(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    said = {}
    for form in (as_coco, as_lines, as_yolo):
        run = tmp_path / form.__name__
        start(alframe, run)
        for cycle in range(2):
            form(run, cycle)
            code, _, err = go_on(alframe, run)
            assert code == 3, err
            assert err.count("the binary entropy of the score") == 1
        said[form] = [
            (c["metrics"]["mAP"], c["selected"], c["phases"][0]["detections"],
             c["phases"][0]["without"])
            for c in map(json.loads, (run / "cycles.jsonl").read_text().splitlines())
        ]  # fmt: skip
        assert alframe("verify", str(run))[0] == 0
    assert said[as_yolo] == said[as_coco] == said[as_lines]
    (value, chosen, objects, without), _ = said[as_yolo]
    assert (0.2 < value < 1, len(chosen)) == (True, 3)
    assert objects == sum(len(rows) for _, rows in found())
    assert without == sum(not rows for _, rows in found())


def changed(path: Path, name: str, text: str) -> Path:
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(text)
    return path


LINE = "0 0.5 0.5 0.25 0.5 0.75\n"
ODD: Mapping[str, tuple[Mapping[str, str], str]] = {
    "nan": ({"labels/000004.txt": "0 nan 0.5 0.25 0.5 0.75\n"}, "expected shares of width and"),
    "no confidence": (
        {"labels/000004.txt": LINE + "0 0.5 0.5 0.25 0.5\n"},
        "(pool/000004); write predictions with theirs (YOLO: "
        "save_txt=True save_conf=True)",
    ),
    "number": ({"labels/000004.txt": "7 0.5 0.5 0.25 0.5 0.75\n"}, "no class has the number 7"),
    "stranger": ({"labels/else.txt": LINE}, "is that of no picture of the dataset"),
    "of two": ({"labels/000000.txt": LINE}, "may mean several files"),
    "of a second": ({"labels/000000-2.txt": LINE}, "is that of no picture of the dataset"),
    "twice": ({"000004.txt": LINE, "labels/a/000004.txt": LINE}, "two label files are of one"),
    "names": ({"data.yaml": "names: [disc, cup]\n"}, "the dataset has no class disc, cup, but "),
    "no yaml": ({"data.yaml": "names: [\n"}, "is not YAML"),
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
def test_a_folder_that_does_not_fit(alframe: Any, tmp_path: Path, what: str) -> None:  # noqa: F811
    given, message = ODD[what]
    start(alframe, run := tmp_path / "run")
    path = as_yolo(run, 0)
    for name, text in given.items():
        changed(path, name, text)
    code, _, err = go_on(alframe, run)
    assert (code, message in err) == (2, True), err
    assert "predictions/cycle_00" in err


def test_names_of_classes_beside_the_labels_count(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    """Of a detector whose classes are in another order: the same predictions score another AP."""
    values = []
    for names in (TRUTH.classes, TRUTH.classes[::-1]):
        start(alframe, run := tmp_path / names[0])
        changed(as_yolo(run, 0), "data.yaml", f"names: {list(names)}\n")
        go_on(alframe, run)
        values.append(cycles_of(run)[0]["metrics"]["mAP"])
    assert values[0] > 0.2 > values[1]


def test_an_empty_folder_and_two_answers(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    start(alframe, run := tmp_path / "run")
    (run / "predictions" / "cycle_00" / "labels").mkdir(parents=True)
    code, _, err = go_on(alframe, run)
    assert (code, "holds no predictions, but" in err, "conf=0.001" in err) == (2, True, True), err
    as_yolo(run, 0)
    as_coco(run, 0)
    code, _, err = go_on(alframe, run)
    assert (code, "are of one cycle: keep the right one" in err) == (2, True), err


def test_a_detector_that_stopped_halfway_is_suspected(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    start(alframe, run := tmp_path / "run")
    files = sorted((as_yolo(run, 0) / "labels").iterdir())
    for file in files[4:-1]:
        file.unlink()
    code, _, err = go_on(alframe, run)
    assert (code, "nothing was found on 11 of 16 images: did the detector" in err) == (3, True), err


def test_a_detector_that_is_still_writing_is_waited_for(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start(alframe, run := tmp_path / "run")
    path = as_yolo(run, 0)
    monkeypatch.setattr(prediction_files, "QUIET", 60.0)
    later = lambda _: changed(path, "labels/000004.txt", LINE)  # noqa: E731
    monkeypatch.setattr(prediction_files.time, "sleep", later)
    code, _, err = go_on(alframe, run)
    assert (code, f"{path} is still being written" in err) == (3, True), err
    assert not (run / "cycles.jsonl").exists()
    code, _, err = go_on(alframe, run)
    assert (code, "cycle 1 waits for" in err) == (3, True), err


@pytest.mark.parametrize("name", ["labels/000004.txt", "labels/test_000000.txt", "data.yaml"])
def test_a_folder_that_changes_afterwards(alframe: Any, tmp_path: Path, name: str) -> None:  # noqa: F811
    start(alframe, run := tmp_path / "run")
    path = as_yolo(run, 0)
    go_on(alframe, run)
    changed(path, "args.txt.jpg", "no annotation")
    assert alframe("verify", str(run))[0] == 0
    changed(path, name, "")
    code, said, err = alframe("verify", str(run))
    assert (code != 0, "cycle_00 of cycle 0 changed since" in said + err) == (True, True)


def test_all_that_is_waited_for_is_named(tmp_path: Path) -> None:
    files = prediction_files.PredictionFiles(tmp_path, 3, of_vectors=frozenset({EMBEDDING}))
    start = tmp_path / "cycle_03"
    vectors = f"{start}.npz (ids [n], image [n, d])"
    assert files.missing() == [f"{start}.json or the folder {start}", vectors]
    start.mkdir()
    assert files.missing() == [vectors]
    start.with_suffix(".npz").touch()
    assert files.missing() == []


def test_pictures_have_names_of_their_own_side_by_side() -> None:
    ids = ("a.jpg", "in/b.jpg", "in/c.jpg", "out/c.JPG", "out/c.png", "out_c.jpg", "x/out/c.jpg")
    images = ImageSet(cast("ImageSource", SimpleNamespace(file=Path, size=None)), ids)
    named = side_by_side(images)
    assert list(named.values())[:3] == ["a.jpg", "b.jpg", "in_c.jpg"]
    assert len({name.rpartition(".")[0].casefold() for name in named.values()}) == len(ids)
    known = HandedOver(images)
    assert {known.find(name) for name in named.values()} == set(ids)
    assert [known.find(name.rpartition(".")[0]) for name in named.values()] == list(ids)


def test_numbers_that_ultralytics_makes_of_names(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    """Its JSON has the number 5 for 000005.jpg, and of late the name of the file, too."""
    said = []
    for change in (
        lambda name: {"image_id": name},
        lambda name: {"image_id": int(name), "file_name": f"{name}.png"},
        lambda name: {"image_id": int(name)},
    ):
        start(alframe, run := tmp_path / f"run{len(said)}")
        rows = json.loads((path := as_coco(run, 0)).read_text())
        rows = [r | change(r["image_id"]) if r["image_id"].isdecimal() else r for r in rows]
        path.write_text(json.dumps(rows))
        code, _, err = go_on(alframe, run)
        assert code == 3, err
        said.append([(c["metrics"]["mAP"], c["selected"]) for c in cycles_of(run)])
    assert said[0] == said[1] == said[2]


def test_files_that_do_not_fit(
    alframe: Any, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    run = tmp_path / "run"
    start(alframe, run)
    file = run / "predictions" / "cycle_00.json"
    row = {"image_id": TRUTH.pool[0], "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5}
    rest = [row | {"image_id": item} for item in TRUTH.pool]
    mended = [row | {"image_id": item} for item in (*TRUTH.pool, *TRUTH.test)]
    for rows, message in (
        (rest, "no prediction of any of 4 images of the test split, such as test/"),
        ([row | {"image_id": TRUTH.test[0]}], "no prediction of any of 9 images of the pool"),
        ([row | {"category_id": 9}], "instances.json has this id"),
        ([row | {"score": 2}], "expected a number from 0 to 1"),
        ([row | {"image_id": "000000"}], "may mean several files"),
        ([row | {"image_id": 99}], "image_id has to be the name of a picture"),
    ):
        file.write_text(json.dumps(rows))
        code, _, err = go_on(alframe, run)
        assert (code, message in err) == (2, True), err
    file.write_text(json.dumps(mended))
    code, _, err = go_on(alframe, run)
    assert (code, "cycle_01" in err) == (3, True), f"files that were not taken may change: {err}"


def test_embeddings_are_waited_for_where_the_strategy_requires_them(
    alframe: Any, tmp_path: Path, truth: Path  # noqa: F811
) -> None:  # fmt: skip
    run = tmp_path / "run"
    code, _, err = start(alframe, run, "strategy=coreset")
    assert (code, "cycle_00.npz (ids [n], image [n, d])" in err) == (3, True), err
    predict(run, 0, truth)
    code, _, err = go_on(alframe, run)
    assert (code, "waits for" in err, "cycle_00.npz" in err) == (3, True, True), err
    ids = [*TRUTH.pool, *TRUTH.test]
    image = np.arange(len(ids), dtype=np.float16)[:, None]
    file, broken = run / "predictions" / "cycle_00.npz", image.copy()
    broken[3] = np.nan
    for known, array, message in (
        (ids[2:], image[2:], "no embedding of 2 images that the strategy looks at"),
        (ids, broken, f"finite and smaller than 1e+15, not so of {ids[3]}"),
    ):
        np.savez(file, ids=np.array(known), image=array)
        code, _, err = go_on(alframe, run)
        assert (code, message in err) == (2, True), err
    np.savez(file, ids=np.array(ids), image=image)
    code, _, err = go_on(alframe, run)
    assert (code, "cycle_01.json" in err) == (3, True), err
    assert alframe("verify", str(run))[0] == 0
    (run / "predictions" / "cycle_00.json").write_text("[]")
    code, said, err = alframe("verify", str(run))
    assert (code != 0, "cycle_00.json of cycle 0 changed since" in said + err) == (True, True)
    boxes = tmp_path / "boxes"
    code, _, err = start(alframe, boxes, "strategy=badge")
    wanted = "object_features [m, f] with object_index [m]"
    assert (code, f"cycle_00.npz (ids [n], {wanted})" in err) == (3, True), err
    predict(boxes, 0, truth)
    np.savez(boxes / "predictions" / "cycle_00.npz", ids=np.array(ids), image=image)
    code, _, err = go_on(alframe, boxes)
    assert (code, f"cycle_00.npz: expected {wanted}" in err) == (2, True), err


def test_labels_of_what_is_labelled_lie_beside_its_pictures(tmp_path: Path) -> None:
    """Whatever folders the dataset has: Ultralytics puts ``labels`` for the last ``images``."""
    ids = ("images/a.png", "images/train/images/b.png", "c.png")
    dataset = people.photographs(tmp_path / "photos", ids)
    target = Target.of([[1.0, 1.0, 9.0, 9.0]], [0])
    labelled = LabelledSet(dataset.images, ids, dict.fromkeys(ids, target))
    names = side_by_side(ImageSet(dataset.images, ids))
    write_labelled(labelled, dataset.classes, tmp_path / "labelled", names)
    pictures = sorted((tmp_path / "labelled/yolo/images").rglob("*.png"))
    assert [picture.name for picture in pictures] == ["a.png", "b.png", "c.png"]
    for picture in pictures:
        labels = "/labels/".join(str(picture).rsplit("/images/", 1))
        assert Path(labels).with_suffix(".txt").read_text().startswith("0 ")
    content = json.loads((tmp_path / "labelled/coco.json").read_text())
    assert {row["file_name"] for row in content["images"]} == {p.name for p in pictures}


def test_pictures_that_ultralytics_does_not_read_are_written_as_png(tmp_path: Path) -> None:
    """A GIF is a video to it, and others are left out without a word."""
    ids = ("a.gif", "b.ppm", "c.JPG", "in/d.jfif")
    rng = np.random.default_rng(0)
    for item in ids:
        place = tmp_path / "photos" / item
        place.parent.mkdir(parents=True, exist_ok=True)
        kind = {".gif": "GIF", ".ppm": "PPM"}.get(place.suffix, "JPEG")
        Image.fromarray(rng.integers(0, 255, (20, 30, 3), np.uint8)).save(place, kind)
    dataset = photos(str(tmp_path / "photos"), classes=["cat"])
    images = ImageSet(dataset.images, ids)
    names = side_by_side(images)
    assert [*names.values()] == ["a.png", "b.png", "c.JPG", "d.png"]
    write_pictures(images, tmp_path / "predictions", names)
    labelled = LabelledSet(dataset.images, ids, dict.fromkeys(ids, Target.of([[1, 1, 9, 9]], [0])))
    for _ in range(2):
        write_labelled(labelled, ("cat",), tmp_path / "labelled", names)
    for folder in ("predictions", "labelled/yolo/images"):
        for item, name in names.items():
            with Image.open(tmp_path / folder / name) as picture:
                assert picture.format == ("JPEG" if name == "c.JPG" else "PNG")
                np.testing.assert_array_equal(
                    np.asarray(picture.convert("RGB")), dataset.images.read(item)
                )
    handed = HandedOver(images)
    assert [handed.find(name) for name in names.values()] == list(ids)
    assert [handed.find(stem(name)) for name in names.values()] == list(ids)


def test_pictures_that_have_moved_are_linked_anew(tmp_path: Path) -> None:
    """Of what is labelled, too: a detector is to be trained on it."""
    for home in ("before", "after"):
        dataset = people.photographs(tmp_path / home, ["a.png"])
        box, no = np.array([[1.0, 1.0, 9.0, 9.0]]), np.array([False])
        target = Target(
            boxes=box, labels=np.array([0]), difficult=no, crowd=no, area=np.array([64.0])
        )
        labelled = LabelledSet(dataset.images, ("a.png",), {"a.png": target})
        write_labelled(labelled, dataset.classes, tmp_path / "labelled", {"a.png": "a.png"})
        link = tmp_path / "labelled/yolo/images/a.png"
        assert link.readlink() == tmp_path / home / "a.png"
