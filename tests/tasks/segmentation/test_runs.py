"""Whole runs of a segmenter: cycles, a kill, predictions with pictures, what is refused."""

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
from alframe.config.resolve import from_overrides, resolve
from alframe.runs.run import run
from alframe.runs.verifier import Verifier
from alframe.tasks.segmentation.mask_files import MaskFile
from tests.cli.test_cli import Alframe, alframe, refused
from tests.tasks.segmentation.builders import mask_folder
from tests.tasks.segmentation.test_folders import broken_root

__all__ = ["alframe"]  # the fixture

TINY = (
    "model=lraspp-tiny", "training.iterations=4", "training.batch_size=4", "training.warmup=1",
    "device=cpu", "budget.initial=6", "budget.per_cycle=3", "budget.cycles=2",
)  # fmt: skip
SMALL = (
    *TINY, "dataset=shapes-seg", "dataset.pool=16", "dataset.test=6", "dataset.size=32",
    "dataset.classes=2",
)  # fmt: skip


@pytest.mark.parametrize("strategy", ["random", "entropy", "margin", "coreset", "balanced-random"])
def test_cycles_that_are_verified(strategy: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    first, last = run(resolve([from_overrides((f"strategy={strategy}", *SMALL))]), path)
    assert (first["labelled"], last["labelled"]) == (6, 9)
    assert last["objects"] > first["objects"] >= 6, "the background of each image is a region"
    assert list(first["metrics"]) == ["mIoU", "pixel_accuracy", "mean_accuracy", "IoU"]
    assert list(first["metrics"]["IoU"]) == ["background", "circle", "square"]
    assert {v.problem for v in Verifier(path, "cpu")()} == {""}


def started(path: Path, *args: str) -> Path:
    with pytest.raises(SystemExit) as stopped, contextlib.redirect_stdout(io.StringIO()):
        main(["run", "--output", str(path), *args])
    assert stopped.value.code == 0
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return started(tmp_path_factory.mktemp("seg") / "run", "strategy=entropy", *SMALL)


def recorded(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (path / "cycles.jsonl").read_text().splitlines()]
    return [{k: row[k] for k in ("labelled", "objects", "metrics", "selected")} for row in rows]


@pytest.mark.parametrize("events", [3, 5, 7])
def test_a_run_that_was_cut_off_goes_on_to_the_same_numbers(
    finished: Path, events: int, tmp_path: Path
) -> None:
    """Whatever was not yet in the journal is done again."""
    path = shutil.copytree(finished, tmp_path / "run")
    lines = (path / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) > events
    (path / "journal.jsonl").write_bytes(b"".join(lines[:events]))
    started(path, "--resume")
    assert recorded(path) == recorded(finished)


def photo_in(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(folder / "photo.png")
    return folder / "photo.png"


def test_predictions_are_painted_over_the_image(
    alframe: Alframe, finished: Path, tmp_path: Path
) -> None:
    photo = photo_in(tmp_path)
    pictures = {}
    for opacity in ("0", "1", "0.5"):
        args = ("--show-dir", str(tmp_path / opacity), "--opacity", opacity, "--json")
        code, out, err = alframe("predict", str(finished), str(photo), *args)
        assert code == 0, err
        found = json.loads(out)
        assert sum(found["classes"].values()) == pytest.approx(1)
        assert 0 <= found["entropy"] <= 1
        assert isinstance(found["score"], float)
        picture = np.asarray(Image.open(found["picture"]))
        assert picture.shape[1] == 2 * 60
        assert picture.shape[0] > 40, "the legend"
        pictures[opacity] = picture[:40].astype(int)
    image = np.asarray(Image.open(photo)).astype(int)
    assert (pictures["0"] == np.concatenate([image, image], axis=1)).all()
    alone = pictures["1"][:, :60]
    colours = {tuple(row) for row in alone.reshape(-1, 3).tolist()}
    assert colours <= {(0, 0, 0), (213, 94, 0), (0, 158, 115)}, "the mask alone"
    half = pictures["0.5"][:, :60]
    assert abs(half - (image + alone) / 2).max() <= 1
    code, out, _ = alframe("predict", str(finished), str(photo), "--output", str(tmp_path / "x"))
    assert code == 0
    assert "  background  " in out or "  circle  " in out or "  square  " in out


def test_what_makes_no_sense_for_masks_is_refused(
    alframe: Alframe, finished: Path, tmp_path: Path
) -> None:
    photo = str(photo_in(tmp_path))
    predict = ("predict", str(finished), photo, "--json")
    refused(alframe(*predict, "--threshold", "0.4"), "leave out --threshold")
    refused(alframe(*predict, "--weighted"), "leave out --weighted")
    output = ("--to", "yolo", "--output", str(tmp_path / "out"))
    refused(alframe("export", str(finished), photo, *output), "its model finds no boxes")
    model = ("--to", "torch-export", "--output", str(tmp_path / "model"))
    refused(alframe("export", str(finished), photo, *model), "no model of detections to export")
    assert not (tmp_path / "out").exists()
    curves = ("--show-dir", str(tmp_path / "curves"))
    refused(alframe("evaluate", str(finished), *curves), "no detections to draw curves of")


def test_evaluate_says_what_a_class_without_pixels_is(
    alframe: Alframe, finished: Path, tmp_path: Path
) -> None:
    code, out, err = alframe("evaluate", str(finished))
    assert code == 0, err
    lines = out.splitlines()
    assert lines[3].startswith("mIoU ")
    assert "class       objects      IoU" in lines
    root = mask_folder(tmp_path / "root")
    (root / "classes.txt").write_text("background\ncircle\n")
    other = ("--dataset", "masks", "--data-root", str(root))
    code, out, err = alframe("evaluate", str(finished), *other, "--json")
    assert code == 0, err
    assert "note: masks has no class 'square'" in err
    found = json.loads(out)["metrics"]
    square = found["IoU"]["square"]
    assert square in (None, 0.0), "0 where it is predicted all the same"


def test_masks_of_images_beyond_the_limit_stay_closed(
    alframe: Alframe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask_folder(tmp_path)
    args = ("validate", "--dataset", "masks", "--data-root", str(tmp_path), *TINY)
    monkeypatch.setattr(MaskFile, "values", lambda *_: pytest.fail("it is opened"))
    result = alframe(*args, "data.max_megapixels=0.0001")
    refused(result, "the image is larger than the limit data.max_megapixels=0.0001")


def test_validate_says_all_that_is_wrong(alframe: Alframe, tmp_path: Path) -> None:
    root = broken_root(tmp_path / "root")
    args = ("--dataset", "masks", "--data-root", str(root), "dataset.classes=[a,b]")
    result = alframe("validate", *args, "--model", "lraspp-tiny", "--strategy", "random")
    refused(result, "the mask is missing (2 times)", "3 channels", "another size", lines=6)


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["model=retina-tiny"], "dataset 'shapes-seg' is of segmentation"),
        (["strategy=most-objects"], "requires the signal"),
        (["model.one_channel=true"], "there are 3 classes: leave it out"),
        (["model.class_weights=[1,2]"], "each of 3 classes"),
        (["model.strid=4"], "Did you mean 'stride'"),
        (["dataset.size=5"], "dataset.size: expected at least 32, got 5"),
    ],
)
def test_settings_that_cannot_be(
    alframe: Alframe, tmp_path: Path, words: list[str], needle: str
) -> None:
    base = ("run", "--output", str(tmp_path / "run"), "strategy=random", *SMALL)
    refused(alframe(*base, *words), needle)
