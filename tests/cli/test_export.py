"""``alframe export``: what a run's model finds, for other programs."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alframe.annotations.formats import read_annotations, read_predictions
from alframe.config.resolve import from_overrides, resolve
from alframe.datasets.name_matching import Pictures
from alframe.datasets.problems import Problems
from alframe.datasets.shapes import shapes
from alframe.detectors.export_model import _own_images, export_model
from alframe.errors import DataError, RunError
from alframe.runs.build import build_dataset
from alframe.selecting.candidates import Candidates
from tests.cli.test_cli import Alframe, alframe, refused
from tests.cli.test_evaluate import run

__all__ = ["alframe", "run"]  # fixtures

NAMES = ("a.png", "sub/b c.jpg", "sub/ü.png")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures of 96 x 72 pixels, in two folders."""
    dataset = shapes(pool=3, test=1, size=96, classes=2)
    for name, item in zip(NAMES, dataset.pool, strict=True):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(dataset.images.read(item))[:72]).save(path)
    return tmp_path / "photos"


def predicted(alframe: Alframe, run: Path, photos: Path, least: str) -> dict[str, list[Any]]:
    args = ("predict", str(run), str(photos), "--json", "--threshold", least)
    code, out, err = alframe(*args)
    assert code == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    return {str(Path(r["image"]).relative_to(photos)): r["detections"] for r in rows}


@pytest.mark.parametrize("name", ["coco", "yolo"])
def test_read_back_it_is_what_predict_shows(
    alframe: Alframe,
    run: Path,
    photos: Path,
    tmp_path: Path,
    name: str,
) -> None:
    expected = predicted(alframe, run, photos, "0.06")
    shown = [d["score"] for rows in expected.values() for d in rows]
    assert shown, "the model finds something"
    output = tmp_path / "out"
    args = ("export", str(run), str(photos), "--to", name, "--output", str(output))
    code, out, err = alframe(*args, "--threshold", "0.06")
    assert (code, err) == (0, "")
    assert out.startswith(f"wrote {output}")
    pictures = Pictures({n: photos / n for n in NAMES}, lambda _: (72, 96))
    problems = Problems("error")
    found = read_predictions(output, pictures, problems)
    problems.settle()
    assert sorted(found.images) == sorted(NAMES)
    for image, rows in expected.items():
        own = [thing for thing in found.objects if thing.owner == image]
        assert [thing.name for thing in own] == [row["class"] for row in rows]
        for thing, row in zip(own, rows, strict=True):
            assert thing.box == pytest.approx(row["box"], abs=1e-4)
            assert thing.score == pytest.approx(row["score"], abs=1e-9)
    text = (output / "README.txt").read_text()
    assert f"{len(shown)} boxes in 3 images" in text
    assert "of a score of at least 0.06, after" in text


@pytest.mark.parametrize("name", ["coco", "yolo"])
def test_an_image_without_boxes_is_told_from_one_that_was_not_predicted(
    alframe: Alframe, run: Path, photos: Path, tmp_path: Path, name: str
) -> None:
    output = tmp_path / "out"
    args = ("export", str(run), str(photos / "sub"), "--to", name, "--output")
    assert alframe(*args, str(tmp_path / "all"), "--threshold", "0")[0] == 0
    assert "of a score of at least 0, after" in (tmp_path / "all/README.txt").read_text()
    output.mkdir()
    assert alframe(*args, str(output), "--threshold", "1")[0] == 0
    if name == "yolo":
        files = sorted(p.relative_to(output).as_posix() for p in output.rglob("*.txt"))
        assert files == ["README.txt", "classes.txt", "labels/b c.txt", "labels/ü.txt"]
        assert (output / "labels/b c.txt").read_text() == ""
        return
    assert json.loads((output / "predictions.json").read_text()) == []
    for path in (output, output / "coco.json"):
        with pytest.raises(DataError, match="what a model found is no answer of people"):
            read_annotations(path, Candidates(None), Problems("error"))
    images = json.loads((output / "coco.json").read_text())["images"]
    assert [(i["file_name"], i["width"], i["height"]) for i in images] == [
        ("b c.jpg", 96, 72), ("ü.png", 96, 72)
    ]  # fmt: skip


def test_how_other_images_are_read(alframe: Alframe, run: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((72, 96), 900, np.uint16)).save(tmp_path / "deep.png")
    given = ("export", str(run), str(tmp_path / "deep.png"), "--output", str(tmp_path / "out"))
    for to in ("coco", "torch-export"):
        refused(alframe(*given, "--to", to, "--max-megapixels", "0.001"), "--max-megapixels=0.001")
    code, _, err = alframe(*given, "--to", "coco", "--white", "500")
    assert (code, "in which 500 is taken as white (--white sets it)" in err) == (0, True), err


def test_a_folder_may_be_called_as_a_file(
    alframe: Alframe, run: Path, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "found.json"
    output.mkdir()
    args = ("export", str(run), str(photos), "--to", "coco", "--output", str(output))
    assert alframe(*args)[0] == 0
    assert (output / "README.txt").is_file()


@pytest.mark.parametrize("to", ["coco", "torch-export"])
def test_what_is_no_picture_is_told(
    alframe: Alframe, run: Path, photos: Path, tmp_path: Path, to: str
) -> None:
    (photos / "b.heic").touch()
    given = ("export", str(run), str(photos), "--to", to, "--output", str(tmp_path / "out"))
    code, _, err = alframe(*given)
    assert (code, f"note: left out of {photos}: 1 file" in err) == (0, True), err


def test_refusals(alframe: Alframe, run: Path, photos: Path, tmp_path: Path) -> None:
    def export(*args: str, to: str = "coco") -> tuple[int, str, str]:
        return alframe("export", str(run), *args, "--to", to, "--output", str(tmp_path / "out"))

    refused(export(str(photos), to="tflite"), "tflite")
    for to, file in (("coco", "x.json"), ("onnx", "model.onnx"), ("torch-export", "m.PT2")):
        said = alframe("export", str(run), str(photos), "--to", to, "--output", file)
        refused(said, f"--output {file}: expected a folder, such as {file.partition('.')[0]}: a")
    refused(export(str(photos / "gone.jpg")), "gone.jpg")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "own.txt").touch()
    for to in ("coco", "torch-export"):
        wrong = export(str(photos / "gone.jpg"), "--cycle", "7", to=to)
        refused(wrong, "is not empty", "no model of cycle 7", "gone.jpg", lines=3)
    shutil.rmtree(tmp_path / "out")
    for to in ("coco", "torch-export"):
        refused(export(str(photos), "--cycle", "7", to=to), "no model of cycle 7")
    other = photos / "other"
    other.mkdir()
    shutil.copy(photos / "a.png", other / "a.png")
    refused(export(str(photos / "a.png"), str(other)), "two images would be called a.png")
    Image.open(photos / "a.png").save(photos / "a.jpg")
    refused(export(str(photos), to="yolo"), "a.jpg and a.png", "rename one")
    assert not (tmp_path / "out").exists()
    refused(export(str(photos), "--device", "nowhere"), "nowhere")
    assert export(str(photos))[0] == 0
    assert "of a score of at least 0.05, after" in (tmp_path / "out/README.txt").read_text()
    refused(export(str(photos)), "out is not empty: choose another --output")
    (tmp_path / "out/README.txt").unlink()
    refused(export(str(photos)), "out is not empty, an export was broken off: choose another")
    refused(
        alframe("export", str(tmp_path), str(photos), "--to", "coco", "--output", "x"), "no run"
    )
    file = str(photos / "a.png" / "x")
    refused(alframe("export", str(run), str(photos), "--to", "coco", "--output", file), "a.png/x: ")


@pytest.mark.slow
def test_a_model_in_onnxruntime(alframe: Alframe, run: Path, photos: Path, tmp_path: Path) -> None:
    onnxruntime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    output = tmp_path / "model"
    output.mkdir()
    code, out, err = alframe("export", str(run), "--to", "onnx", "--output", str(output))
    assert (code, err) == (0, "")
    assert out.startswith(f"wrote {output / 'detector.onnx'}\n")
    assert "compared in 5 images: boxes within " in out
    assert sorted(p.name for p in output.iterdir()) == ["README.txt", "detector.onnx"]
    readme = (output / "README.txt").read_text()
    assert 'Classes: ["circle", "square", "triangle"]' in readme
    assert "It subtracts 127.5, 127.5, 127.5 and divides by 127.5, 127.5, 127.5" in readme
    kept = {p.key: p.value for p in onnx.load(output / "detector.onnx").metadata_props}
    assert json.loads(kept["classes"]) == ["circle", "square", "triangle"]
    session = onnxruntime.InferenceSession(output / "detector.onnx")
    assert [each.shape for each in session.get_inputs()] == [
        ["batch", 3, "height", "width"], ["batch", 2]
    ]  # fmt: skip
    picture = np.asarray(Image.open(photos / "a.png").convert("RGB"))
    images = np.zeros((2, 3, 96, 96), np.uint8)
    images[:, :, :72] = picture.transpose(2, 0, 1)
    sizes = np.array([[72, 96]] * 2)
    boxes, scores, labels = session.run(None, {"images": images, "sizes": sizes})
    expected = predicted(alframe, run, photos, "0.06")["a.png"]
    own = (scores[1] >= 0.06) & (labels[1] >= 0)
    names = ["circle", "square", "triangle"]
    assert [names[label] for label in labels[1, own]] == [row["class"] for row in expected]
    assert boxes[1, own] == pytest.approx(np.array([r["box"] for r in expected]), abs=1e-2)
    assert scores[1, own] == pytest.approx([row["score"] for row in expected], abs=1e-4)
    refused(alframe("export", str(run), "--to", "onnx", "--output", str(output)), "is not empty")


@pytest.mark.parametrize("raw", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_model_in_torch(
    alframe: Alframe, run: Path, photos: Path, tmp_path: Path, raw: bool
) -> None:
    """Compared on two images of four, a batch, and on the first of them alone."""
    output = tmp_path / "model"
    given = [photos / "a.png", photos / "sub/ü.png"]
    args = ("export", str(run), *map(str, given), "--to", "torch-export", "--output", str(output))
    code, out, err = alframe(*args, *(("--raw",) if raw else ()))
    assert code == 0, err
    assert out.startswith(f"wrote {output / 'detector.pt2'}\n")
    assert "compared in 3 images: boxes within " in out
    readme = (output / "README.txt").read_text()
    assert "The model of cycle 1 of run, in single precision" in readme
    assert 'Classes: ["circle", "square", "triangle"]' in readme
    assert ("probabilities" in readme) == raw


def test_models_that_cannot_be_exported(
    alframe: Alframe, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("export", str(run), "--to", "torch-export", "--output", str(tmp_path / "out"))

    def gone(*_: Any, **__: Any) -> Any:
        raise DataError(["the data is gone"])

    with monkeypatch.context() as patch:
        patch.setattr("alframe.detectors.export_model.build_dataset", gone)
        refused(alframe(*given), "the data is gone", "name images to compare on", lines=2)

    class Unfiltered:
        """What the model of this run is not."""

    monkeypatch.setattr("alframe.detectors.export_model.Unfiltered", Unfiltered)
    refused(alframe(*given, "--raw"), "its model shows nothing but detections: leave out --raw")
    assert not (tmp_path / "out").exists()


def test_a_model_is_compared_on_images_to_test_on_where_there_are_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = resolve([from_overrides(["dataset.pool=5", "dataset.test=6", "dataset.size=64"])])
    dataset = build_dataset(config)
    assert _own_images(config).ids == dataset.test[:4]
    untested, where = replace(dataset, test=()), "alframe.detectors.export_model.build_dataset"
    monkeypatch.setattr(where, lambda *_, **__: untested)
    assert _own_images(config).ids == dataset.pool[:4]

    class Damaged:
        size, stamp = dataset.images.size, dataset.images.stamp

        def read(self, item: str) -> Any:
            raise DataError([f"{item} is damaged"])

    damaged: Any = Damaged()
    monkeypatch.setattr(where, lambda *_, **__: replace(dataset, images=damaged))
    with pytest.raises(DataError, match=f"{dataset.test[0]} is damaged"):
        _own_images(config)


@pytest.mark.parametrize(("resize", "frame"), [("stretch", (64, 96)), ("fit", None)])
def test_a_graph_is_of_one_size_where_images_are_stretched(
    run: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    resize: str,
    frame: Any,
) -> None:
    asked: list[Any] = []

    def stop(network: Any, frame: Any, pad: int) -> Any:
        asked.append((frame, pad))
        raise RunError("far enough")

    monkeypatch.setattr("alframe.detectors.export_model.traced", stop)
    data = (f"data.resize={resize}", "data.long=90", "data.short=50", "data.pad=16")
    given = (run, [photos / "a.png"], "torch-export", tmp_path / "out", data)
    with pytest.raises(RunError, match="far enough"):
        export_model(*given, cycle=None, raw=False)
    assert asked == [(frame, 16)]


def test_options_that_would_do_nothing(alframe: Alframe, run: Path, photos: Path) -> None:
    def export(*args: str) -> tuple[int, str, str]:
        return alframe("export", str(run), *args, "--output", "x")

    for threshold in ("0.5", "0"):
        refused(export("--to", "onnx", "--threshold", threshold), "--threshold: nothing that --to")
    refused(export("--to", "torch-export", "--device", "cpu"), "--device: nothing that --to torch")
    refused(export(str(photos), "--to", "coco", "--raw"), "--raw: nothing that --to coco takes")
    refused(export("--to", "coco"), "--to coco writes boxes of images: name files or folders")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_without_the_packages(
    alframe: Alframe, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    result = alframe("export", str(run), "--to", "onnx", "--output", str(tmp_path / "x"))
    refused(result, f"--to onnx needs the package {package}: pip install 'alframe[onnx]'")
    assert not (tmp_path / "x").exists()
