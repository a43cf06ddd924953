"""A class that turns up in answers: refused by name, then learnt, whatever kills the run."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alframe.annotations.sheets import query_folder, read_sheet
from alframe.annotations.suspects import write_suspects
from alframe.annotations.vocabulary import Annotations, Proposal
from alframe.config.resolve import resolve
from alframe.datasets.objects import Annotated
from alframe.datasets.shapes import shapes
from alframe.runs.kept import dataset_of
from alframe.runs.rundir import RunDir, stored_layer
from tests.annotations import people
from tests.cli.test_cli import alframe  # noqa: F401
from tests.runs.stored import records
from tests.runs.test_loop import Copies

SMALL = (
    "model.fpn_channels=16",
    "model.tower_convs=1",
    "training.iterations=2",
    "training.batch_size=4",
    "training.warm_start=true",
    "data.long=64",
    "data.short=64",
    "budget.test=3",
    "budget.initial=4",
    "budget.per_cycle=2",
    "budget.cycles=3",
    "keep_models=all",
    "device=cpu",
)
DRAWN = shapes(pool=15, test=1, size=64, classes=3)
TRUTH = {f"{item.replace('/', '_')}.png": DRAWN.targets[item] for item in DRAWN.pool}
DISC, RING, NEW = DRAWN.classes
CLASSES = [DISC, RING, NEW]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures") / "photos"
    root.mkdir()
    for item in DRAWN.pool:
        pixels = np.asarray(DRAWN.images.read(item))
        Image.fromarray(pixels).save(root / f"{item.replace('/', '_')}.png")
    return root


def answer(run: Path, cycle: int, path: Path, known: int = 3, count: int | None = None) -> str:
    """What people say who know the first few classes; the first image has the new one in any case.

    Boxes are half of a class that the model knows: there are always some of the new one.
    """
    images = people.asked(run, cycle)[:count]
    objects = {
        image["id"]: [o for o in people.seen(image, TRUTH, CLASSES) if o[0] in CLASSES[:known]]
        for image in images
    }
    if known > 2:
        first = images[0]["id"]
        objects[first] = [*objects[first], (NEW, (1.0, 1.0, 20.0, 20.0))]
    return str(people.coco(path, images, objects, CLASSES))


def begun(alframe: Any, photos: Path, run: Path, *more: str) -> None:  # noqa: F811
    """A run of two classes that has asked for its second cycle."""
    names = ("--strategy", "entropy", "--model", "retina-tiny", "--dataset", "photos")
    classes = f"dataset.classes={json.dumps(CLASSES[:2])}"
    command = ("run", *names, "--data-root", str(photos), *SMALL, classes, *more)
    assert alframe(*command, "--output", str(run))[0] == 3
    file = answer(run, 0, run.parent / "zero.json", known=2)
    assert alframe("annotate", str(run), file)[0] == 0
    code, _, err = alframe("run", "--output", str(run), "--resume")
    assert code == 3, err


def outcome(run: Path) -> Any:
    """What the journal says, of a step that was done twice the last; the model, the manifest."""
    kept = {}
    for event in records(run / "journal.jsonl"):
        said = {k: v for k, v in event.items() if k not in ("seconds", "memory", "crc32")}
        kept[event["event"], event.get("cycle"), event.get("index")] = said
    return kept, weights(run, 1), manifest(run)["new_classes"]


def weights(run: Path, cycle: int) -> dict[str, list[float]]:
    state = torch.load(run / f"checkpoints/cycle_{cycle:02d}.pt", weights_only=True)["state"]
    return {name: value.flatten().tolist() for name, value in state.items()}


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_text())["dataset"]
    return found


def suspected(run: Path) -> None:
    """As if the model had been sure of something that is not annotated."""
    sheet = read_sheet(query_folder(run, 1), lambda item: None)
    sure = Proposal(DISC, (60.0, 60.0, 64.0, 64.0), 0.9)
    first = replace(sheet.images[0], proposals=(sure,))
    item = first.item
    found = Annotations((), [item], [Annotated(item, NEW, (1.0, 1.0, 20.0, 20.0))])
    assert len(write_suspects(replace(sheet, images=(first,)), found, run, 1)) == 1


def test_a_run_grows_by_the_classes_of_its_answers(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    begun(alframe, photos, run)
    before = manifest(run)
    file = answer(run, 1, tmp_path / "one.json")
    code, _, err = alframe("annotate", str(run), file)
    assert code == 2
    assert (
        f"the class is unknown: {file}: {NEW!r} in {people.asked(run, 1)[0]['id']}; use one of "
        f"{DISC}, {RING}, or, for a class" in err
    )
    assert err.endswith(f"learn too: alframe annotate {run} {file} --new-classes\n")
    assert not (run / "answers/cycle_01.json").exists(), "nothing is taken"

    code, out, err = alframe("annotate", str(run), file, "--new-classes")
    assert code == 0, err
    assert f"1 new class from cycle 1 on, with so many objects: {NEW!r} (" in out
    assert "; in images that were annotated before, also to test on, such objects are backgr" in out
    code, out, err = alframe("annotate", str(run), file)
    assert (code, "2 as before" in out) == (0, True), "once taken, it need not be said again"
    corrected = answer(run, 1, tmp_path / "other.json", known=2)
    code, out, _ = alframe("annotate", str(run), corrected)
    assert (code, "new class" in out) == (0, False), "nobody has trained on it: it may go again"
    assert alframe("annotate", str(run), file)[0] == 2
    assert alframe("annotate", str(run), file, "--new-classes")[0] == 0

    code, _, err = alframe("run", "--output", str(run), "--resume")
    assert code == 3, err
    after = manifest(run)
    assert after["classes"] == CLASSES
    assert after["new_classes"] == {NEW: 1}
    assert after["fingerprint"] == before["fingerprint"], "of what the reader gives"
    assert stored_layer(run)["dataset"]["classes"] == CLASSES[:2], "what the run began with"
    assert people.classes_of(run, 2) == CLASSES
    first, second = records(run / "cycles.jsonl")
    assert list(first["metrics"]["AP50"]) == CLASSES[:2]
    assert list(second["metrics"]["AP50"]) == CLASSES
    dataset = dataset_of(resolve([stored_layer(run)]), run)
    assert dataset.classes == tuple(CLASSES)

    # Measured on others, by the classes that it knows by now; where it was moved, it is its own.
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(photos, elsewhere)
    others = ("--dataset", "photos", "--data-root", str(elsewhere), "--json", "--device", "cpu")
    everything = people.coco(
        tmp_path / "all.json",
        [{"id": item, "width": 64, "height": 64} for item in TRUTH],
        {item: people.seen({"id": item}, TRUTH, CLASSES) for item in TRUTH},
        CLASSES,
    )
    code, out, err = alframe("evaluate", str(run), *others, f"dataset.annotations={everything}")
    assert code == 0, err
    assert list(json.loads(out)["metrics"]["AP50"]) == CLASSES
    assert json.loads(out)["metrics"]["AP50"][NEW] is not None
    assert "left out" not in err
    code, out, err = alframe("evaluate", str(run), *others)
    assert code == 0, err
    assert json.loads(out)["metrics"] == second["metrics"]

    directory = RunDir(run, resolve([stored_layer(run)]))
    for cycle, classes in ((0, CLASSES[:2]), (1, CLASSES)):
        assert directory.classes(cycle) == tuple(classes)
        said = ("--cycle", str(cycle), "--device", "cpu")
        code, out, err = alframe("evaluate", str(run), "--json", *said)
        assert code == 0, err
        assert json.loads(out)["metrics"] == (first, second)[cycle]["metrics"]
        picture, to = str(next(photos.iterdir())), str(tmp_path / f"predicted{cycle}")
        code, out, err = alframe("predict", str(run), picture, "--output", to, *said)
        assert code == 0, err

    code, _, err = alframe("annotate", str(run), answer(run, 2, tmp_path / "two.json"))
    assert code == 0, err
    code, _, err = alframe("run", "--output", str(run), "--resume")
    assert code == 0, err
    code, out, err = alframe("verify", str(run))
    assert (code, "DIFFERS" in out, "damaged" in out) == (0, False, False), out
    suspected(run)
    for place, link in (("report", "../queries/cycle_01/suspects/index.html"), ("x y", None)):
        link = link or "../run/queries/cycle_01/suspects/index.html"
        folder = run / "report" if place == "report" else tmp_path / place
        code, out, err = alframe("report", str(run), "--output", str(folder))
        assert code == 0, err
        assert (folder / link).exists()
        assert f"| {run} | 1 | 1 | [pictures]({link}) |" in (folder / "report.md").read_text()
        said = f"metrics are over other classes from cycle 1 on, as {NEW} came, {run}"
        assert said in (folder / "report.md").read_text().replace("\\", "")
        assert f'<a href="{link}">pictures</a>' in (folder / "report.html").read_text()
    answers = run / "answers/cycle_01.json"
    answers.write_text(answers.read_text().replace(f'"{NEW}"', '"other"'))
    code, out, err = alframe("verify", str(run))
    assert (code, "answers for cycle 1: DIFFERS" in out) == (1, True), out


@pytest.mark.parametrize(
    ("files", "step"), [(False, 3), pytest.param(True, 1, marks=pytest.mark.slow)]
)
def test_killed_at_every_point_it_grows_the_same(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
    files: bool,
    step: int,
) -> None:
    """Before and after every event, and every file, is there; warm, so that heads have grown.

    By default at each third of the events.
    """
    run = tmp_path / "run"
    begun(alframe, photos, run, "keep_models=last")  # what it goes on from is kept until it is done
    file = answer(run, 1, tmp_path / "one.json")
    assert alframe("annotate", str(run), file, "--new-classes")[0] == 0
    copies = Copies(run)
    with copies.at_every_event(files=files):
        assert alframe("run", "--output", str(run), "--resume")[0] == 3
    expected = outcome(run)
    assert expected[2] == {NEW: 1}
    assert {"before annotated", "after annotated"} <= set(copies.seen)
    for path in copies.killed()[::step]:
        assert alframe("run", "--output", str(path), "--resume")[0] == 3
        assert outcome(path) == expected, path.name
        shutil.rmtree(path)
