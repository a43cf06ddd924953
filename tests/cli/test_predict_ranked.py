"""What ``alframe predict`` puts first, leaves out, and says of it."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alframe import progress
from alframe.cli import main
from alframe.datasets.shapes import shapes
from alframe.runs.records import asked_for
from alframe.runs.rundir import stored_scores
from tests.annotations import people
from tests.cli.test_cli import SMALL, Alframe, alframe, refused

__all__ = ["alframe"]  # the fixture

DRAWN = shapes(pool=12, test=1, size=64, classes=2)
ITEMS = {f"{item.replace('/', '_')}.png": item for item in DRAWN.pool}
TINY = (*SMALL[5:], "data.long=64", "data.short=64", "device=cpu")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flat folder of drawn pictures, and what is in them as COCO instances beside it."""
    root = tmp_path_factory.mktemp("ranked") / "photos"
    root.mkdir()
    for name, item in ITEMS.items():
        Image.fromarray(np.asarray(DRAWN.images.read(item))).save(root / name)
    truth = {name: DRAWN.targets[item] for name, item in ITEMS.items()}
    images = [{"id": name, "width": 64, "height": 64} for name in ITEMS]
    objects = {name: people.seen({"id": name}, truth, DRAWN.classes) for name in ITEMS}
    people.coco(root.parent / "truth.json", images, objects, DRAWN.classes)
    return root


def started(path: Path, photos: Path, strategy: str, *more: str) -> Path:
    truth = f"dataset.annotations={photos.parent / 'truth.json'}"
    names = ("--strategy", strategy, "--model", "retina-tiny", "--dataset", "photos")
    given = ("--data-root", str(photos), "--output", str(path), truth, "dataset.test=25%")
    with pytest.raises(SystemExit) as exit_, contextlib.redirect_stdout(io.StringIO()):
        main(["run", *names, *given, "--oracle", "simulated", *TINY, *more])
    assert exit_.value.code == 0
    return path


@pytest.fixture(scope="module")
def run(photos: Path) -> Path:
    return started(photos.parent / "run", photos, "entropy")


def answers(result: tuple[int, str, str]) -> list[dict[str, object]]:
    code, out, err = result
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def test_the_largest_score_comes_first_and_is_the_runs_own(
    alframe: Alframe, run: Path, photos: Path
) -> None:
    found = answers(alframe("predict", str(run), str(photos), "--json", "--cycle", "0"))
    values = [row["score"] for row in found]
    assert values == sorted(values, reverse=True)
    assert len(values) == 12
    given = {Path(str(row["image"])).name: row["score"] for row in found}
    stored = stored_scores(run, 0)
    assert stored
    assert len(stored) == 12 - 3 - 4, "of the test split and of what it began with there are none"
    assert {name: given[name] for name in stored} == pytest.approx(stored, rel=1e-6)
    assert not (run / "predictions").exists()


def test_equal_scores_stay_in_order(
    alframe: Alframe, run: Path, photos: Path, tmp_path: Path
) -> None:
    first, other = (str(photos / name) for name in list(ITEMS)[:2])
    copy = shutil.copy(first, str(tmp_path / "0.png"))  # which a sorted list would have first
    found = answers(alframe("predict", str(run), first, other, copy, first, "--json"))
    score = {str(row["image"]): float(str(row["score"])) for row in found}
    assert score[first] == score[copy]
    expected = {True: [first, other, copy], False: [other, first, copy]}
    if score[first] > score[other]:
        expected = {False: [first, copy, other]}
    assert [row["image"] for row in found] == expected[score[first] == score[other]]


def test_top_prints_and_draws_no_more(
    alframe: Alframe, run: Path, photos: Path, tmp_path: Path
) -> None:
    every = answers(alframe("predict", str(run), str(photos), "--json"))
    args = ("predict", str(run), str(photos), "--top", "3", "--output", str(tmp_path / "drawn"))
    found = answers(alframe(*args, "--json"))
    assert [(r["image"], r["score"]) for r in found] == [
        (r["image"], r["score"]) for r in every[:3]
    ]
    drawn = {str(p) for p in (tmp_path / "drawn").rglob("*.png")}
    assert drawn == {row["picture"] for row in found}
    again = shutil.copytree(tmp_path / "drawn", tmp_path / "before")
    assert alframe("predict", str(run), str(photos), "--output", str(tmp_path / "drawn"))[0] == 0
    for path in again.iterdir():
        assert path.read_bytes() == (tmp_path / "drawn" / path.name).read_bytes()
    assert len(answers(alframe("predict", str(run), str(photos), "--json", "--top", "99"))) == 12
    refused(alframe("predict", str(run), str(photos), "--top", "0"), "--top")


def test_unlabelled_leaves_out_what_the_run_has(
    alframe: Alframe, run: Path, photos: Path, tmp_path: Path
) -> None:
    journal = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    labelled = asked_for(journal)
    assert len(labelled) == 4 + 3
    code, out, err = alframe("predict", str(run), str(photos), "--unlabelled", "--json")
    left = {Path(json.loads(line)["image"]).name for line in out.splitlines()}
    assert (code, len(left)) == (0, 12 - 4 - 3 - 3)
    assert not left & labelled
    note = f"10 images of 12 that {run} has labelled, asks for or tests on"
    assert f"note: left out {note}\n" in err
    # By a link, whatever the names in it.
    (tmp_path / "link").symlink_to(photos)
    code, out, err = alframe("predict", str(run), str(tmp_path / "link"), "--unlabelled", "--json")
    assert (code, len(out.splitlines())) == (0, 2)
    others = shutil.copytree(photos, tmp_path / "others")
    code, out, err = alframe("predict", str(run), str(others), "--unlabelled", "--json")
    assert (code, len(out.splitlines())) == (0, 12)
    assert "left out 0 images of 12" in err
    assert "tests on; none of these is an image of its dataset\n" in err


def test_a_dataset_that_was_moved(
    alframe: Alframe, run: Path, photos: Path, tmp_path: Path
) -> None:
    home, moved = tmp_path / "home", tmp_path / "moved"
    shutil.copytree(photos, home)
    shutil.copy(photos.parent / "truth.json", tmp_path)
    own = started(tmp_path / "own", home, "random")
    home.rename(moved)
    args = ("predict", str(own), str(moved), "--unlabelled", "--json")
    refused(alframe(*args), f"{home} is not a folder")
    code, out, err = alframe(*args, "--data-root", str(moved))
    assert (code, len(out.splitlines())) == (0, 2), err


def test_nothing_left(alframe: Alframe, run: Path, photos: Path) -> None:
    journal = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    one = photos / min(asked_for(journal))
    code, out, err = alframe("predict", str(run), str(one), "--unlabelled")
    assert (code, out) == (0, "")
    assert "left out 1 image of 1 that" in err


@pytest.mark.parametrize("strategy", ["random", "dedup:coreset"])
def test_a_strategy_that_scores_no_single_image_says_so(
    alframe: Alframe, photos: Path, tmp_path: Path, strategy: str
) -> None:
    own = started(tmp_path / "run", photos, strategy, "budget.cycles=1")
    code, out, err = alframe("predict", str(own), str(photos), "--json")
    assert code == 0
    assert f"note: strategy {strategy!r} of {own} scores no single image: " in err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [Path(row["image"]).name for row in rows] == sorted(ITEMS)
    assert all("score" not in row for row in rows)
    refused(alframe("predict", str(own), str(photos), "--top", "2"), "no 2 largest", "leave out")
    assert "  score " not in alframe("predict", str(own), str(photos))[1]


def test_on_top_of_a_strategy_that_scores(
    alframe: Alframe, run: Path, photos: Path, tmp_path: Path
) -> None:
    own = started(tmp_path / "run", photos, "power:entropy")
    found = answers(alframe("predict", str(own), str(photos), "--json", "--cycle", "0"))
    expected = answers(alframe("predict", str(run), str(photos), "--json", "--cycle", "0"))
    assert found == expected


def test_progress_without_a_terminal(
    alframe: Alframe, run: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    _, _, err = alframe("predict", str(run), str(photos), "--json")
    assert "predicting: 1 of 12 images, " in err
    assert "predicting: 12 of 12 images, 0 s left" in err


def test_what_is_labelled_is_known_before_torch_is_imported(run: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"none")
    code = (
        "import sys; from alframe.cli import main\n"
        f"try: main(['predict', {str(run)!r}, {str(tmp_path)!r}, '--unlabelled'])\n"
        "except SystemExit as e: print(e.code, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=os.environ
    )
    assert done.stdout == "2 False\n", done.stderr
    assert "left out 0 images of 1" in done.stderr


def test_a_picture_of_the_pool_is_one_of_the_dataset(
    alframe: Alframe, run: Path, photos: Path
) -> None:
    given = ("--unlabelled", "--json")
    _, out, _ = alframe("predict", str(run), str(photos), *given)
    one = json.loads(out.splitlines()[0])["image"]
    code, _, err = alframe("predict", str(run), one, *given)
    assert (code, "left out 0 images of 1" in err, "none of these" in err) == (0, True, False)
