"""``alframe predict`` on a run's model and images of one's own."""

import json
import os
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alframe.datasets.files import ImageFiles
from alframe.datasets.pictures import Picture
from alframe.datasets.shapes import shapes
from alframe.errors import RunError
from alframe.files import checkpoints
from alframe.files.checked import read_stored_yaml, write_yaml
from alframe.runs.predicting import Predictor
from alframe.runs.rundir import fingerprint
from tests.cli.test_cli import SMALL, Alframe, alframe, refused
from tests.datasets.encoded import png_header

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
    text = (moved / "config.yaml").read_text()
    assert "  weights: none\n" in text
    write_yaml(moved / "config.yaml", text.replace("  weights: none\n", "  weights: gone.pth\n"))
    for model in (moved / "checkpoints").iterdir():
        state = torch.load(model, weights_only=True)
        content = {"cycle": state["cycle"], "state": state["state"]}
        written = read_stored_yaml(moved / "config.yaml", "")
        checkpoints.save(model, fingerprint(written, {}), content)
    (expected,), (found,) = (list(Predictor(path)([photo])) for path in (run, moved))
    assert found.shown.json == expected.shown.json


def test_boxes_score_and_picture(alframe: Alframe, run: Path, photo: Path, tmp_path: Path) -> None:
    output = tmp_path / "pictures"
    args = ("predict", str(run), str(photo), "--threshold", "0.0", "--output", str(output))
    code, out, err = alframe(*args, "--json")
    assert code == 0, err
    result = json.loads(out)
    assert result["image"] == str(photo)
    assert result["picture"] == str(output / "photo.png")
    assert isinstance(result["score"], float)
    for found in result["detections"]:
        x1, y1, x2, y2 = found["box"]
        assert 0 <= x1 <= x2 <= 96
        assert 0 <= y1 <= y2 <= 96
    with Image.open(output / "photo.png") as picture:
        assert picture.size == (96, 96)
    code, out, _ = alframe(*args)
    assert f"{photo}  score " in out


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
    (folder / "below").mkdir()
    for name in ("b.JPG", "a.jpg", ".hidden.jpg", "below/c", "below/a.jpg"):
        shutil.copy(photo, folder / name)
    (folder / "notes.txt").write_text("of the day")
    before = set(run.rglob("*"))
    code, out, err = alframe("predict", str(run), str(folder), str(photo), "--json")
    assert code == 0, err
    answers = [json.loads(line) for line in out.splitlines()]
    names = ("a.jpg", "b.JPG", "below/a.jpg", "below/c")
    assert [a["image"] for a in answers] == [*(str(folder / n) for n in names), str(photo)]
    assert {a["picture"] for a in answers} == {None}, "drawn only where --output says"
    assert set(run.rglob("*")) == before
    assert [line for line in err.splitlines() if line.startswith("note: ")] == [
        f"note: left out of {folder}: 1 file with a name that begins with a dot: .hidden.jpg",
        f"note: left out of {folder}: 1 file without an image in it: notes.txt",
    ]
    refused(alframe("predict", str(run), str(folder / "more")), "more holds no image")


def test_pictures_lie_as_their_images_do(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    folder, output = tmp_path / "photos", tmp_path / "drawn"
    for name in ("a.jpg", "a.jfif", "one/a.jpg", "two/a.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder / name)
    code, out, err = alframe("predict", str(run), str(folder), "--json", "--output", str(output))
    assert code == 0, err
    pictures = [Path(json.loads(line)["picture"]) for line in out.splitlines()]
    drawn = ["a.png", "a-2.png", "one/a.png", "two/a.png"]
    assert [str(p.relative_to(output)) for p in pictures] == drawn
    assert all(p.exists() for p in pictures)
    below = ("predict", str(run), str(folder), "--json", "--output", str(folder / "drawn"))
    for _ in range(2):
        code, out, err = alframe(*below)
        assert code == 0, err
        assert len(out.splitlines()) == 4
    assert (
        "1 file of pictures that were drawn (to take them, give that folder itself): drawn" in err
    )


def test_paths_are_named_before_torch_is_imported(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("data: {}\n")
    os.mkfifo(tmp_path / "pipe")
    code = (
        "import sys; from alframe.cli import main\n"
        f"try: main(['predict', {str(tmp_path)!r}, 'gone.jpg', {str(tmp_path / 'pipe')!r}])\n"
        "except SystemExit as e: print(e.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "2 False\n", done.stderr
    assert "the image is missing: gone.jpg" in done.stderr
    assert f"got a named pipe: {tmp_path / 'pipe'}" in done.stderr


def test_one_cause_is_one_line(alframe: Alframe, run: Path, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(7):
        (folder / f"{number}.jpg").write_bytes(photo.read_bytes()[: 1500 + number])
    result = alframe("predict", str(run), str(folder))
    refused(result, "(7 times)", "0.jpg", "4.jpg and 2 more", "truncated")


def test_a_broken_picture_in_a_folder_is_left_out(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "c.jpg"):
        shutil.copy(photo, folder / name)
    (folder / "b.jpg").write_bytes(photo.read_bytes()[:1500])
    code, out, err = alframe("predict", str(run), str(folder), "--json")
    assert code == 0, err
    found = sorted(json.loads(line)["image"] for line in out.splitlines())
    assert found == [str(folder / "a.jpg"), str(folder / "c.jpg")]
    (note,) = (line for line in err.splitlines() if line.startswith("note: left out: "))
    assert note.endswith(f": {folder / 'b.jpg'}")
    refused(alframe("predict", str(run), str(folder), str(folder / "b.jpg")), "b.jpg")


def test_the_limit_is_the_runs_unless_told(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "large.png").write_bytes(png_header(20_000, 20_000))
    refused(
        alframe("predict", str(run), str(tmp_path / "large.png")),
        "--max-megapixels=100: ", "large.png (20,000 x 20,000 pixels, 400 megapixels); raise",
    )  # fmt: skip
    strict = shutil.copytree(run, tmp_path / "strict")
    text = (strict / "config.yaml").read_text()
    assert "  max_megapixels: 100.0\n" in text
    strict_text = text.replace("max_megapixels: 100.0", "max_megapixels: 0.009")
    write_yaml(strict / "config.yaml", strict_text)
    refused(alframe("predict", str(strict), str(photo)), "(96 x 96 pixels, 0.009216 megapixels)")
    limit = ("--max-megapixels", "0.01")
    code, out, err = alframe("predict", str(strict), str(photo), "--json", *limit)
    assert (code, err) == (0, "")
    assert json.loads(out)["image"] == str(photo)


def test_deep_images_say_what_is_white(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    with Image.open(photo) as image:
        grey = np.asarray(image.convert("L"))
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(grey.astype(np.uint16) * 16 + 15).save(tmp_path / "12.png")
    found = []
    for name, *flags in (("8.png",), ("12.png",), ("12.png", "--white", "4095")):
        code, out, err = alframe("predict", str(run), str(tmp_path / name), "--json", *flags)
        assert code == 0, err
        found.append(json.loads(out)["score"])
        note = "1 image of more than 8 bits, in which 4,095 is taken as white (--white sets it)"
        assert (note in err) == (name == "12.png")
    assert found[0] == pytest.approx(found[1], rel=0.05)
    assert found[1] == found[2]


def test_pixels_of_one_image_are_held_at_a_time(
    run: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[object]] = []
    picture = ImageFiles.picture

    def watched(self: ImageFiles, item: str) -> Picture:
        assert sum(one() is not None for one in alive) <= 1
        decoded = picture(self, item)
        alive.append(weakref.ref(decoded.pixels))
        return decoded

    monkeypatch.setattr(ImageFiles, "picture", watched)
    assert len(list(Predictor(run)([photo] * 6))) == 6
    assert len(alive) >= 12, "all were tried first"


def test_a_file_in_the_way_is_named(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    refused(alframe("predict", str(run), str(photo), "--output", str(tmp_path / "file")), "/file: ")


def test_an_output_that_is_a_link_in_a_circle(
    alframe: Alframe, run: Path, photo: Path, tmp_path: Path
) -> None:
    (circle := tmp_path / "circle").symlink_to("circle")
    for place in (circle, circle / "inner"):
        refused(alframe("predict", str(run), str(photo), "--output", str(place)), "circle")


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
    result = alframe("predict", str(run), str(tmp_path / "missing.jpg"), "--cycle", "7")
    refused(result, "no model of cycle 7", "missing.jpg", lines=2)
    refused(alframe("predict", str(run), str(photo), "--weighted"), "leave out --weighted")
    refused(alframe("predict", str(run), str(photo), "--opacity", "2"), "opacity")


def test_each_cycle_has_its_model(run: Path, photo: Path) -> None:
    for cycle in (0, None):
        found = next(Predictor(run, cycle=cycle)([photo], threshold=0.0))
        assert found.picture().size == (96, 96)
        assert found.without_picture().shown.paint is None
    with pytest.raises(RunError, match="no model of cycle 3"):
        Predictor(run, cycle=3)


def test_a_model_that_is_not_shown_says_so(alframe: Alframe, photo: Path, tmp_path: Path) -> None:
    mean_colour = "tests.models.classifier:Classifier"
    path, data = str(tmp_path / "run"), ("--dataset", "tests.models.classifier:colours")
    few = ("budget.initial=4", "budget.cycles=1", "training.iterations=1", "device=cpu")
    size = ("data.resize=stretch", "data.long=16", "data.short=16", "dataset.pool=8")
    args = ("--model", mean_colour, *data, "--strategy", "random", *few, *size)
    code, _, err = alframe("run", "--output", path, *args)
    assert code == 0, err
    refused(alframe("predict", path, str(photo)), "does not say how its predictions are shown")
    refused(
        alframe("export", path, str(photo), "--to", "coco", "--output", str(tmp_path / "out")),
        "does not say how",
    )
    code, out, err = alframe("evaluate", path)
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines() if line] == [
        "model", "data", "accuracy", "class", "blue", "red",
    ]  # fmt: skip
