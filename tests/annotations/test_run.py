"""Whole runs that people answer, through the command line, against one that knows everything."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alframe.annotations import taking
from alframe.datasets.shapes import shapes
from alframe.files.checked import write_object
from alframe.runs.journal import Journal
from tests.annotations import people
from tests.cli.test_cli import alframe  # noqa: F401

SMALL = (
    "model.fpn_channels=16",
    "model.tower_convs=1",
    "training.iterations=30",
    "training.warmup=5",
    "training.batch_size=4",
    "data.long=64",
    "data.short=64",
    "budget.test=3",
    "budget.initial=4",
    "budget.per_cycle=2",
    "budget.cycles=2",
    "device=cpu",
)
DRAWN = shapes(pool=15, test=1, size=64, classes=2)
TRUTH = {f"{item.replace('/', '_')}.png": DRAWN.targets[item] for item in DRAWN.pool}
CLASSES = list(DRAWN.classes)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flat folder of drawn pictures, and what is in them as COCO instances beside it."""
    root = tmp_path_factory.mktemp("pictures") / "photos"
    root.mkdir()
    for item in DRAWN.pool:
        pixels = np.asarray(DRAWN.images.read(item))
        Image.fromarray(pixels).save(root / f"{item.replace('/', '_')}.png")
    images = [{"id": item, "width": 64, "height": 64} for item in TRUTH]
    objects = {image["id"]: people.seen(image, TRUTH, CLASSES) for image in images}
    people.coco(root.parent / "truth.json", images, objects, CLASSES)
    return root


def new(photos: Path, *more: str) -> tuple[str, ...]:
    names = ("--strategy", "entropy", "--model", "retina-tiny", "--dataset", "photos")
    return ("run", *names, "--data-root", str(photos), *SMALL, *more)


def answer(run: Path, cycle: int, count: int | None, path: Path) -> str:
    """As a person would who sees what is there: the first ``count`` images of a query, or all."""
    images = people.asked(run, cycle)[:count]
    objects = {image["id"]: people.seen(image, TRUTH, CLASSES) for image in images}
    return str(people.coco(path, images, objects, CLASSES))


def cycles(run: Path) -> list[Any]:
    lines = (run / "cycles.jsonl").read_text().splitlines()
    kept = ("cycle", "labelled", "metrics", "selected")
    return [{key: json.loads(line)[key] for key in kept} for line in lines]


def test_it_waits_and_ends_as_if_everything_had_been_known(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
) -> None:
    known, asked = tmp_path / "known", tmp_path / "asked"
    truth = f"dataset.annotations={photos.parent / 'truth.json'}"
    code, out, err = alframe(*new(photos, truth, "oracle=simulated"), "--output", str(known))
    assert code == 0, err
    classes = f"dataset.classes={json.dumps(CLASSES)}"
    code, out, err = alframe(*new(photos, classes, "oracle=files"), "--output", str(asked))
    assert code == 3, err
    assert "waiting: 7 images to annotate (3 to test on, 4 to begin with), in" in err
    assert f"then: alframe annotate {asked} FILE" in err
    assert "error" not in err
    resume = ("run", "--output", str(asked), "--resume")
    for cycle, parts in ((0, (3, None)), (1, (1, None))):
        for count in parts:
            file = answer(asked, cycle, count, tmp_path / "answers.json")
            code, out, err = alframe("annotate", str(asked), file)
            assert code == (0 if count is None else 3), err
            code, out, err = alframe(*resume)
            assert code == (0 if (cycle, count) == (1, None) else 3), err
    assert cycles(asked) == cycles(known)
    proposals = [image["proposals"] for image in people.asked(asked, 1)]
    assert any(proposals), "the model has something to start from"
    code, out, err = alframe("verify", str(asked))
    assert code == 0, out
    for wanted, expected in (("null", 3), ("2", 0)):  # it goes on, asks, and is ended all the same
        code, out, err = alframe(*resume, f"budget.cycles={wanted}")
        assert code == expected, err
        assert len(people.asked(asked, 2)) == 2
    code, out, err = alframe("verify", str(asked))
    assert (code, "selection of cycle 1: the same" in out) == (0, True), out
    assert alframe("report", str(asked))[0] == 0
    code, out, err = alframe("annotate", str(asked), file)
    assert (code, "is finished, so there is nothing to annotate" in err) == (2, True)
    (asked / "answers/cycle_00.json").write_text(
        (asked / "answers/cycle_00.json")
        .read_text()
        .replace('"category_id": 1', '"category_id": 2')
    )
    code, out, err = alframe("verify", str(asked))
    assert (code, "answers for cycle 0: DIFFERS, they have changed" in out) == (1, True)


def test_what_a_run_waits_for_is_shown_and_written_for_another_tool(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
) -> None:
    run, classes = tmp_path / "run", f"dataset.classes={json.dumps(CLASSES)}"
    assert alframe(*new(photos, classes, "oracle=files"), "--output", str(run))[0] == 3
    code, out, err = alframe("query", str(run), "--to", "cvat", "--copy")
    assert code == 0, err
    assert out.startswith("7 images to annotate for cycle 0: pool_")
    folder = run / "queries/cycle_00"
    assert (folder / "cvat/annotations.xml").exists()
    assert len(list((folder / "cvat/images").iterdir())) == 7
    assert alframe("query", str(run), "--to", "cvta")[0] == 2
    code, out, err = alframe("annotate", str(run), str(tmp_path / "none.json"))
    assert (code, "none.json" in err) == (2, True)
    code, out, err = alframe("annotate", str(tmp_path / "nothing"), "x.json")
    assert (code, "holds no run" in err) == (2, True)
    simulated = tmp_path / "simulated"
    truth = f"dataset.annotations={photos.parent / 'truth.json'}"
    few = ("oracle=simulated", "budget.cycles=1", "--output", str(simulated))
    assert alframe(*new(photos, truth), *few)[0] == 0
    code, out, err = alframe("query", str(simulated))
    assert (code, "asks nobody (oracle simulated)" in err) == (2, True)


def test_nothing_is_decoded_while_answers_are_missing(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, classes = tmp_path / "run", f"dataset.classes={json.dumps(CLASSES)}"
    assert alframe(*new(photos, classes, "training.iterations=2"), "--output", str(run))[0] == 3
    assert alframe("annotate", str(run), answer(run, 0, None, tmp_path / "answers.json"))[0] == 0
    assert alframe("run", "--output", str(run), "--resume")[0] == 3

    def refuse(*_: Any) -> Any:
        raise AssertionError("the images are read")

    monkeypatch.setattr("alframe.runs.run.prepare_images", refuse)
    code, _out, err = alframe("run", "--output", str(run), "--resume")
    assert (code, "waiting: 2 images to annotate" in err) == (3, True), err


def test_a_model_is_evaluated_whatever_was_put_into_the_folder_since(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
) -> None:
    own, run = tmp_path / "photos", tmp_path / "run"
    shutil.copytree(photos, own)
    few = (f"dataset.classes={json.dumps(CLASSES)}", "training.iterations=2", "budget.cycles=1")
    assert alframe(*new(own, *few), "--output", str(run))[0] == 3
    assert alframe("annotate", str(run), answer(run, 0, None, tmp_path / "answers.json"))[0] == 0
    assert alframe("run", "--output", str(run), "--resume")[0] == 0
    shutil.copy(own / next(iter(TRUTH)), own / "new.png")
    code, said, err = alframe("evaluate", str(run), "--json")
    assert code == 0, err
    (recorded,) = (json.loads(line) for line in (run / "cycles.jsonl").read_text().splitlines())
    assert json.loads(said)["metrics"] == recorded["metrics"]


def test_a_picture_of_another_size_than_when_it_was_answered(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
) -> None:
    """Its boxes would be elsewhere."""
    own, run = shutil.copytree(photos, tmp_path / "photos"), tmp_path / "run"
    classes = f"dataset.classes={json.dumps(CLASSES)}"
    assert alframe(*new(own, classes, "oracle=files"), "--output", str(run))[0] == 3
    assert alframe("annotate", str(run), answer(run, 0, None, tmp_path / "answers.json"))[0] == 0
    path = own / people.asked(run, 0)[0]["id"]
    whole = path.read_bytes()
    with Image.open(path) as picture:
        picture.resize((128, 128)).save(path)
    said = f"1 picture of another size than when answered: {path.name}; put back what was there"
    code, _, err = alframe("run", "--output", str(run), "--resume")
    assert (code, said in err) == (2, True), err
    path.write_bytes(whole)
    assert alframe("run", "--output", str(run), "--resume")[0] == 3


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (None, "is finished: every image of its pool is annotated"),
        (3, "is finished: every image of its pool is annotated"),
        (2, "is finished, so there is nothing to annotate; for more: alframe run .* budget.cycles"),
    ],
)
def test_whether_a_finished_run_may_go_on(
    wanted: int | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    for cycle in range(2):
        journal.append("evaluated", cycle=cycle, metrics={}, seconds=0.0)
    write_object(tmp_path / "manifest.json", {"finished": "2026-01-01"})
    monkeypatch.setattr(taking, "stored_layer", lambda run: {"budget": {"cycles": wanted}})
    assert re.fullmatch(f"{said}.*", taking._state(tmp_path, journal, 2))
