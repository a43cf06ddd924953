"""``alframe predict`` on a run's model and images of one's own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alframe.datasets.shapes import shapes
from alframe.errors import RunError
from alframe.predict import Predictor
from tests.cli.test_cli import SMALL, Alframe, alframe, refused

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
