"""``alframe predict`` on a run's model and images of one's own."""

import json
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alframe import checkpoints
from alframe.datasets.files import ImageFiles
from alframe.datasets.shapes import shapes
from alframe.errors import RunError
from alframe.predict import Predictor
from alframe.rundir import fingerprint, stored_layer
from tests.cli.test_cli import SMALL, Alframe, alframe, refused
from tests.stored import unchecked

__all__ = ["alframe"]  # the fixture


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from alframe.cli import main

    path = tmp_path_factory.mktemp("predict") / "run"
    with pytest.raises(SystemExit):
        main(["run", "--output", str(path), *SMALL])
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A drawn image larger than those of the run, so that boxes have to be scaled."""
    dataset = shapes(pool=1, test=1, size=96, classes=2)
    path = tmp_path / "photo.jpg"
    Image.fromarray(dataset.images.read(dataset.pool[0])).save(path)
    return path


def test_initial_weights_are_not_needed_once_there_is_a_model(
    run: Path, photo: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(run, tmp_path / "moved")
    unchecked(moved / "config.yaml")
    text = (moved / "config.yaml").read_text()
    assert "  weights: none\n" in text
    (moved / "config.yaml").write_text(text.replace("  weights: none\n", "  weights: gone.pth\n"))
    for model in (moved / "checkpoints").iterdir():
        state = torch.load(model, weights_only=True)
        kept = {key: state[key] for key in ("cycle", "state")}
        checkpoints.save(model, fingerprint(stored_layer(moved)), kept)
    (expected,), (found,) = (list(Predictor(path)([photo])) for path in (run, moved))
    assert found.scores.tolist() == expected.scores.tolist()


def test_boxes_score_and_picture(alframe: Alframe, run: Path, photo: Path, tmp_path: Path) -> None:
    output = tmp_path / "pictures"
    args = ("predict", str(run), str(photo), "--threshold", "0.0", "--output", str(output))
    code, out, err = alframe(*args, "--json")
    assert code == 0, err
    result = json.loads(out)
    assert result["image"] == str(photo)
    assert result["picture"] == str(output / "photo.png")
    assert isinstance(result["uncertainty"], float)
    for found in result["detections"]:
        x1, y1, x2, y2 = found["box"]
        assert 0 <= x1 <= x2 <= 96
        assert 0 <= y1 <= y2 <= 96
    with Image.open(output / "photo.png") as picture:
        assert picture.size == (96, 96)
    code, out, _ = alframe(*args)
    assert f"{photo}  uncertainty " in out


def test_two_images_of_one_name_keep_their_pictures_apart(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "photo.jpg"
    other.parent.mkdir()
    shutil.copy(photo, other)
    code, _, err = alframe("predict", str(run), str(photo), str(other), "--output", str(tmp_path))
    assert code == 0, err
    assert {p.name for p in tmp_path.glob("*.png")} == {"photo.png", "photo-2.png"}


def test_an_image_is_not_overwritten_by_its_picture(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    own = tmp_path / "mine"
    own.mkdir()
    with Image.open(photo) as image:
        image.save(own / "a.png")
        image.save(own / "a-2.png")
    before = {p.name: p.read_bytes() for p in own.iterdir()}
    code, _, err = alframe("predict", str(run), str(own), "--output", str(own))
    assert code == 0, err
    assert {name: (own / name).read_bytes() for name in before} == before
    assert {p.name for p in own.iterdir()} == {*before, "a-3.png", "a-2-2.png"}


def test_a_folder_stands_for_its_images(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("b.JPG", "a.jpg", ".hidden.jpg"):
        shutil.copy(photo, folder / name)
    (folder / "notes.txt").write_text("of the day")
    code, out, err = alframe("predict", str(run), str(folder), str(photo), "--json")
    assert code == 0, err
    images = [json.loads(line)["image"] for line in out.splitlines()]
    assert images == [str(folder / "a.jpg"), str(folder / "b.JPG"), str(photo)]
    refused(alframe("predict", str(run), str(folder / "more")), "more holds no image")


def test_pixels_of_one_image_are_held_at_a_time(
    run: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[object]] = []
    read = ImageFiles.read

    def watched(self: ImageFiles, item: str) -> object:
        assert sum(one() is not None for one in alive) <= 1
        image = read(self, item)
        alive.append(weakref.ref(image))
        return image

    monkeypatch.setattr(ImageFiles, "read", watched)
    assert len(list(Predictor(run)([photo] * 6))) == 6
    assert len(alive) >= 12, "all were tried first"


def test_a_file_in_the_way_is_named(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    refused(alframe("predict", str(run), str(photo), "--output", str(tmp_path / "file")), "/file: ")


def test_what_cannot_be_read_is_named_at_once(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photo.read_bytes()[:500])
    result = alframe("predict", str(run), str(photo), str(broken), str(tmp_path / "missing.jpg"))
    refused(result, "broken.jpg", "missing.jpg", lines=2)
    assert "on_bad_item" not in result[2]
    refused(alframe("predict", str(tmp_path), str(photo)), "holds no run")
    refused(alframe("predict", str(run), str(photo), "--cycle", "7"), "no model of cycle 7", "0, 1")
    refused(alframe("predict", str(run), str(photo), "--weighted"), "leave out --weighted")
    refused(alframe("predict", str(run), str(photo), "--opacity", "2"), "opacity")


def test_each_cycle_has_its_model(run: Path, photo: Path) -> None:
    first, last = (next(Predictor(run, cycle=cycle)([photo], threshold=0.0)) for cycle in (0, None))
    assert first.anchors.shape == last.anchors.shape
    np.testing.assert_array_equal(first.anchors, last.anchors)
    assert first.uncertainty is None
    with pytest.raises(RunError, match="no model of cycle 3"):
        Predictor(run, cycle=3)
