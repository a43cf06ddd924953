"""What happens to a run of people while they annotate: folders change, files are wrong."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alframe.annotations.files_oracle import FilesOracle
from alframe.annotations.formats import FORMATS
from alframe.annotations.query_folders import clear, write_folder
from alframe.annotations.sheets import query_folder, read_sheet
from alframe.annotations.sources import sha256_of
from alframe.annotations.taking import take
from alframe.annotations.vocabulary import Proposal
from alframe.config.resolve import resolve
from alframe.errors import ConfigError, RunError
from alframe.files.locks import locked
from alframe.oracle import OracleSetup
from alframe.runs.journal import Journal
from alframe.runs.kept import dataset_of
from alframe.runs.rundir import RunDir, stored_layer
from tests.annotations import people
from tests.cli.test_cli import alframe  # noqa: F401
from tests.runs.stored import edit

IDS = [f"{name}.png" for name in "abcdefgh"]
FEW = ("budget.test=null", "budget.per_cycle=1")
BUDGET = ("budget.test=2", "budget.initial=2", "budget.per_cycle=1", "budget.cycles=null")


@pytest.fixture
def waiting(alframe: Any, tmp_path: Path) -> Path:  # noqa: F811
    """A run that waits for the answers of cycle 0."""
    people.photographs(tmp_path / "photos", IDS)
    run = tmp_path / "run"
    command = ("run", "--dataset", "photos", "--data-root", str(tmp_path / "photos"))
    classes = ("dataset.classes=[Cat,dog]", "oracle=files", "device=cpu", *BUDGET)
    code, _, err = alframe(*command, *classes, "--output", str(run))
    assert code == 3, err
    return run


def one_box(run: Path, path: Path, name: str = "dog", count: int | None = None) -> str:
    images = people.asked(run, 0)[:count]
    objects = {image["id"]: [(name, (1.0, 1.0, 9.0, 9.0))] for image in images}
    return str(people.coco(path, images, objects, list(dict.fromkeys(("Cat", "dog", name)))))


def begin(alframe: Any, tmp_path: Path, names: str, *settings: str) -> Path:  # noqa: F811
    """A run that asks for photos of these names."""
    people.photographs(tmp_path / "photos", [f"{letter}.png" for letter in names])
    given = ("run", "--dataset", "photos", "--data-root", str(tmp_path / "photos"), *settings)
    asking = ("oracle=files", "dataset.classes=[dog]", "device=cpu", *QUICK)
    run = tmp_path / "run"
    code, _, err = alframe(*given, *asking, "--output", str(run))
    assert code == 3, err
    return run


def answer(alframe: Any, run: Path, cycle: int) -> list[dict[str, Any]]:  # noqa: F811
    """Give each image of a query a dog; what was asked."""
    images = people.asked(run, cycle)
    objects = {image["id"]: [("dog", (1.0, 1.0, 9.0, 9.0))] for image in images}
    file = people.coco(run.parent / f"{cycle}.json", images, objects, ["dog"])
    code, _, err = alframe("annotate", str(run), str(file))
    assert code == 0, err
    return images


def test_all_pictures_that_cannot_be_read_are_told(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    """Those that are drawn, and those that may be asked for later."""
    people.photographs(tmp_path / "photos", IDS)
    for item in IDS[2:]:
        (tmp_path / "photos" / item).write_bytes(b"no picture")
    command = ("run", "--dataset", "photos", "--data-root", str(tmp_path / "photos"))
    rest = ("dataset.classes=[Cat]", "oracle=files", "device=cpu", *BUDGET)
    code, _, err = alframe(*command, *rest, "--output", str(tmp_path / "run"))
    assert (code, "of a kind that is read (6 times)" in err) == (2, True), err


def test_pictures_that_come_later_are_left_out_and_said(alframe: Any, waiting: Path) -> None:  # noqa: F811
    photos = waiting.parent / "photos"
    shutil.copy(photos / "a.png", photos / "0.png")
    code, _, err = alframe("run", "--output", str(waiting), "--resume")
    assert code == 3, err
    dataset = dataset_of(resolve([stored_layer(waiting)]), waiting)
    assert list(dataset.pool) == IDS
    note = "left out 1 image that was not there when the run began: 0.png; a new run has them"
    assert any(note in each for each in dataset.notes)
    manifest = json.loads((waiting / "manifest.json").read_text())
    assert (manifest["dataset"]["pool"], manifest["dataset"]["test"]) == (6, 2)


def test_a_picture_that_goes_before_it_is_annotated_is_given_up(
    alframe: Any,  # noqa: F811
    waiting: Path,
) -> None:
    photos, asked = waiting.parent / "photos", [i["id"] for i in people.asked(waiting, 0)]
    spare = next(item for item in IDS if item not in asked)
    (photos / spare).unlink()
    dataset = dataset_of(resolve([stored_layer(waiting)]), waiting)
    assert list(dataset.pool) == IDS
    with pytest.raises(Exception, match=f"the image is missing: .*{spare}; replace the file"):
        dataset.images.read(spare)
    resume = ("run", "--output", str(waiting), "--resume")
    assert alframe(*resume, "dataset.on_bad_item=skip")[0] == 3
    assert stored_layer(waiting)["dataset"]["on_bad_item"] == "skip", "it is so from now on"
    (photos / asked[0]).unlink()
    code, _, err = alframe(*resume)
    assert (code, "waiting: 3 of 4 images to annotate" in err) == (3, True), err


def test_what_is_gone_that_a_run_needs(
    alframe: Any,  # noqa: F811
    waiting: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos, query = waiting.parent / "photos", waiting / "queries/cycle_00/query.json"
    before = query.read_bytes()
    query.unlink()
    code, _, err = alframe("query", str(waiting))
    assert (code, "query.json" in err, "resuming the run writes it anew" in err) == (2, True, True)
    resume = ("run", "--output", str(waiting), "--resume")
    assert alframe(*resume)[0] == 3
    assert query.read_bytes() == before
    test, *_ = (i["id"] for i in people.asked(waiting, 0) if i["why"] == "test")
    file = Path(one_box(waiting, waiting.parent / "a.json"))
    content = json.loads(file.read_text())
    number = next(i["id"] for i in content["images"] if i["file_name"] == test)
    content["images"] = [i for i in content["images"] if i["id"] != number]
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] != number]
    file.write_text(json.dumps(content))
    assert alframe("annotate", str(waiting), str(file))[0] == 3
    (photos / test).unlink()
    code, _, err = alframe(*resume)
    assert (code, "replace the file, or set dataset.on_bad_item=skip" in err) == (2, True), err

    def stop(*_: Any) -> Any:
        raise RunError("far enough")

    monkeypatch.setattr("alframe.runs.run.prepare_images", stop)
    code, _, err = alframe(*resume, "dataset.on_bad_item=skip")
    assert (code, "far enough" in err) == (2, True), err
    events = [json.loads(line) for line in (waiting / "journal.jsonl").read_text().splitlines()]
    answered = next(event for event in events if event["event"] == "annotated")
    assert (answered["lost"], answered["ignored"]) == ([test], [test])
    (waiting / "answers/cycle_00.json").unlink()
    code, _, err = alframe(*resume)
    said = "answers/cycle_00.json lacks 3 images that the run has trained on"
    assert (code, said in err) == (2, True), err


def test_a_query_follows_the_pictures(alframe: Any, waiting: Path) -> None:  # noqa: F811
    photos = waiting.parent / "photos"
    asked = [image["id"] for image in people.asked(waiting, 0)]
    kept = (photos / asked[0]).read_bytes()
    (photos / asked[0]).unlink()
    query = ("query", str(waiting))
    code, _, err = alframe(*query, "--to", "voc", "--copy")
    assert (code, f"{photos / asked[0]} is gone: put the picture back, or resume" in err) == (
        2,
        True,
    )
    shutil.rmtree(waiting / "queries/cycle_00")
    resume = ("run", "--output", str(waiting), "--resume")
    assert alframe(*resume, "dataset.on_bad_item=skip")[0] == 3
    code, out, err = alframe(*query, "--to", "voc", "--copy")
    assert (code, out.startswith("3 images to annotate for cycle 0")) == (0, True), err
    assert len(list((waiting / "queries/cycle_00/voc/images").iterdir())) == 3
    (photos / asked[0]).write_bytes(kept)
    code, _, err = alframe(*resume)
    assert (code, "waiting: 4 images to annotate" in err) == (3, True), err
    code, out, err = alframe(*query, "--to", "voc", "--copy")
    assert (code, out.startswith("4 images to annotate for cycle 0")) == (0, True), err
    assert {image["id"] for image in people.asked(waiting, 0)} == set(asked)


QUICK = ("training.iterations=1", "training.batch_size=1", "data.resize=none")


def test_a_run_goes_on_without_pictures_that_are_gone(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Asked for, answered already, not asked for and answered: none of them comes back."""
    dataset = people.photographs(tmp_path / "photos", IDS)
    run = tmp_path / "run"
    given = ("--dataset", "photos", "--data-root", str(tmp_path / "photos"), "oracle=files")
    budget = ("budget.test=2", "budget.initial=2", "budget.per_cycle=1", "budget.cycles=3")
    command = ("run", *given, "dataset.classes=[Cat,dog]", "device=cpu", *budget, *QUICK)
    assert alframe(*command, "--output", str(run))[0] == 3
    asked = [image["id"] for image in people.asked(run, 0)]
    test, initial = asked[:2], asked[2:]
    extra = min(set(IDS) - set(asked))
    sizes = {"width": 40, "height": 20}

    def give(name: str, *ids: str) -> int:
        objects = {item: [("dog", (1.0, 1.0, 9.0, 9.0))] for item in ids}
        file = people.coco(
            tmp_path / name, [{"id": i, **sizes} for i in ids], objects, ["Cat", "dog"]
        )
        code, _, err = alframe("annotate", str(run), str(file))
        assert code in (0, 3), err
        return int(code)

    assert give("0.json", test[0], initial[0], extra) == 3
    for item in (test[0], initial[1], extra):  # two answered, one not
        (dataset.file(item) or Path()).unlink()
    assert give("1.json", test[1]) == 3
    resume = ("run", "--output", str(run), "--resume")
    code, _, err = alframe(*resume, "dataset.on_bad_item=skip")
    assert (code, "waiting: 1 image to annotate" in err) == (3, True), err
    events = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    first = next(event for event in events if event["event"] == "annotated")
    assert first["lost"] == sorted([test[0], initial[1], extra])
    assert (first["ignored"], first["extra"]) == (sorted([test[0], initial[1]]), [])
    shutil.rmtree(run / "queries/cycle_00")  # of no use any more
    (next_one,) = (image["id"] for image in people.asked(run, 1))
    assert give("2.json", *asked, extra, next_one) == 0, "the export of a whole project"
    code, _, err = alframe(*resume)
    assert (code, "waiting: 1 image to annotate" in err) == (3, True), err
    events = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    second = [event for event in events if event["event"] == "annotated"][1]
    assert (second["images"], second["extra"], second.get("lost")) == (1, [], None)
    assert alframe("verify", str(run))[0] == 0
    code, out, err = alframe("evaluate", str(run), "--json")
    assert (code, json.loads(out)["images"]) == (0, 1), err


def test_a_run_finds_its_pictures_from_anywhere(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for home in ("here", "there"):
        people.photographs(tmp_path / home / "photos", IDS)
    monkeypatch.chdir(tmp_path / "here")
    image = {"id": "a.png", "width": 40, "height": 20}
    people.coco(Path("known.json"), [image], {"a.png": [("dog", (1, 1, 9, 9))]}, ["Cat", "dog"])
    Path("test.txt").write_text("a.png\n")
    given = ("--dataset", "photos", "--data-root", "photos", "dataset.annotations=known.json")
    more = ("dataset.test=test.txt", "dataset.classes=[Cat,dog]", "budget.initial=2", *FEW)
    output = ("--output", str(tmp_path / "run"))
    assert alframe("run", *given, *more, "oracle=files", *output)[0] == 3
    monkeypatch.chdir(tmp_path / "there")
    assert alframe("run", *output, "--resume")[0] == 3
    assert alframe("query", str(tmp_path / "run"))[0] == 0
    kept = stored_layer(tmp_path / "run")["dataset"]
    home = tmp_path / "here"
    places = {"root": "photos", "annotations": "known.json", "test": "test.txt"}
    assert {name: kept[name] for name in places} == {n: str(home / p) for n, p in places.items()}


def test_a_folder_that_has_moved_is_told_once(alframe: Any, waiting: Path) -> None:  # noqa: F811
    new = (waiting.parent / "photos").rename(waiting.parent / "moved")
    code, _, err = alframe("query", str(waiting))
    assert (code, "is gone; if they moved: alframe run --output" in err) == (2, True)
    assert alframe("run", "--output", str(waiting), "--resume", "--data-root", str(new))[0] == 3
    code, out, err = alframe("annotate", str(waiting), one_box(waiting, new.parent / "a.json"))
    assert code == 0, err
    assert out.startswith("cycle 0: 4 new answers (4 objects)\nall answered; go on with: ")
    code, out, _ = alframe("query", str(waiting), "--to", "voc")
    assert out.startswith("0 images to annotate for cycle 0\nall answered; go on with: alframe run")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cat", "'cat' (closest: 'Cat') in {}; use one of Cat, dog"),
        ("DOGS", "'DOGS' (closest: 'dog')"),
        ("bird", "'bird' in {}; use one of Cat, dog"),
    ],
)
def test_an_unknown_class_and_the_one_that_was_meant(
    alframe: Any,  # noqa: F811
    waiting: Path,
    name: str,
    said: str,
) -> None:
    code, _, err = alframe("annotate", str(waiting), one_box(waiting, waiting / "a.json", name))
    assert code == 2
    assert said.format(people.asked(waiting, 0)[0]["id"]) in err


def test_numbers_that_nobody_named_are_no_new_classes(alframe: Any, waiting: Path) -> None:  # noqa: F811
    labels = waiting.parent / "labels"
    labels.mkdir()
    for image in people.asked(waiting, 0):
        (labels / image["id"]).with_suffix(".txt").write_text("7 0.5 0.5 0.2 0.2\n")
    code, _, err = alframe("annotate", str(waiting), str(labels), "--new-classes")
    first = min(image["id"] for image in people.asked(waiting, 0))
    said = f"'7' in {first}; give the names of the numbers in a data.yaml or classes.txt beside"
    assert (code, said in err, "--new-classes" in err) == (2, True, False)


def test_boxes_over_the_edge_are_counted(alframe: Any, waiting: Path) -> None:  # noqa: F811
    images = people.asked(waiting, 0)
    boxes = [(-3.0, 1.0, 9.0, 9.0), (1.0, 1.0, 9.0, 20.4), (30.0, 1.0, 44.0, 9.0)]
    objects = {image["id"]: [("dog", box)] for image, box in zip(images, boxes, strict=False)}
    file = people.coco(waiting.parent / "a.json", images, objects, ["Cat", "dog"])
    code, out, err = alframe("annotate", str(waiting), str(file))
    assert code == 0, err
    over = ", ".join(f"{item} (1)" for item in sorted((images[0]["id"], images[2]["id"])))
    assert out.startswith(f"clipped 2 boxes to the image: {over}\ncycle 0: 4 new answers")


def test_what_to_do_speaks_of_proposals_where_there_are_some(alframe: Any, waiting: Path) -> None:  # noqa: F811
    for name in FORMATS:
        code, out, _ = alframe("query", str(waiting), "--to", name)
        (wrote,) = (line for line in out.splitlines() if line.startswith("wrote "))
        assert (code, Path(wrote.removeprefix("wrote ")).exists()) == (0, True)
        text = (waiting / "queries/cycle_00/README.txt").read_text()
        assert "proposal" not in text
        assert "[" not in text
        assert "\n\n" not in text
    dataset = dataset_of(resolve([stored_layer(waiting)]), waiting)
    sheet = read_sheet(query_folder(waiting, 0), dataset.file)
    found = (Proposal("dog", (1.0, 1.0, 9.0, 9.0), 0.9),)
    images = (replace(sheet.images[0], proposals=found), *sheet.images[1:])
    for name in FORMATS:
        write_folder(replace(sheet, images=images), waiting / "other", name, waiting)
        text = (waiting / "other/README.txt").read_text()
        assert "proposals" in text
        assert "[" not in text


def test_ways_out_are_those_of_the_command(alframe: Any, waiting: Path) -> None:  # noqa: F811
    file = Path(one_box(waiting, waiting.parent / "a.json"))
    content = json.loads(file.read_text())
    content["images"][0]["file_name"] = "nowhere.png"
    file.write_text(json.dumps(content))
    code, _, err = alframe("annotate", str(waiting), str(file))
    assert code == 2
    assert err.endswith("'nowhere.png'; add the picture, take it out, or add --skip-bad\n")
    code, out, err = alframe("annotate", str(waiting), str(file), "--skip-bad")
    assert code == 3
    assert out.startswith("skipped 1 bad item (--skip-bad): nowhere.png\ncycle 0: 3 new answers")
    assert "waiting: 1 of 4 images to annotate: " in err
    assert err.endswith(f"then: alframe annotate {waiting} FILE\n")
    (waiting.parent / "half.xml").write_text("<annotations><image")
    code, _, err = alframe("annotate", str(waiting), str(waiting.parent / "half.xml"))
    assert (code, err.endswith("; export it again\n")) == (2, True)
    empty = people.coco(waiting.parent / "empty.json", [], {}, ["Cat", "dog"])
    code, out, _ = alframe("annotate", str(waiting), str(empty))
    assert (code, out) == (3, f"no image is answered in {empty}\n")


def test_answers_are_not_changed_while_a_run_reads_them(alframe: Any, waiting: Path) -> None:  # noqa: F811
    file = one_box(waiting, waiting.parent / "a.json")
    with locked(waiting / ".lock"):
        code, _, err = alframe("annotate", str(waiting), file)
    assert (code, f"{waiting} is in use by this process" in err) == (2, True)
    assert not (waiting / "answers").exists()


def test_what_a_run_does_that_does_not_wait(alframe: Any, waiting: Path) -> None:  # noqa: F811
    file = one_box(waiting, waiting.parent / "a.json")
    assert alframe("annotate", str(waiting), file)[0] == 0
    event = {"images": 2, "objects": 2, "ignored": [], "extra": [], "seconds": None, "sha256": ""}
    Journal(waiting).append("annotated", cycle=0, **event)
    code, _, err = alframe("annotate", str(waiting), file)
    assert code == 2
    assert f"{waiting} has all answers for cycle 0, and trains on them first: alframe run" in err
    with locked(waiting / ".lock"):
        code, _, err = alframe("annotate", str(waiting), file)
    assert (code, "is at work: annotate what it asks for when it has ended" in err) == (2, True)
    selection = {"ids": [people_left(waiting)], "seconds": 1.0, "memory": {}}
    Journal(waiting).append("selected", cycle=0, **selection)
    (waiting / "queries/cycle_01").mkdir()
    shutil.copy(waiting / "queries/cycle_00/query.json", waiting / "queries/cycle_01")
    dataset = dataset_of(resolve([stored_layer(waiting)]), waiting)
    taken = take(waiting, dataset, [Path(file)])
    assert "4 images answered as in an earlier cycle" in taken.notes


def people_left(run: Path) -> str:
    """An image that nobody has been asked for."""
    return next(item for item in IDS if item not in {i["id"] for i in people.asked(run, 0)})


def test_proposals_of_others_are_checked_before_anything_is_made(
    alframe: Any,  # noqa: F811
    waiting: Path,
) -> None:
    photos, run = waiting.parent / "photos", waiting.parent / "other"
    command = ("run", "--dataset", "photos", "--data-root", str(photos), "oracle=files", *BUDGET)
    more = ("dataset.classes=[Cat,dog]", "--output", str(run))
    for proposals, said in (
        (str(waiting / "none.json"), "none.json is not there: put it back, or go on with another"),
        (one_box(waiting, waiting.parent / "b.json", "bird"), "the class is unknown"),
    ):
        for verb in (command, ("validate", *command[1:])):
            code, _, err = alframe(*verb, *more, f"oracle.proposals={proposals}")
            assert (code, said in err) == (2, True), err
        assert not run.exists()


def test_a_threshold_is_a_score(waiting: Path) -> None:
    setup = OracleSetup(dataset_of(resolve([stored_layer(waiting)]), waiting), waiting)
    with pytest.raises(ConfigError, match=r"threshold: expected 0 to 1, got 30"):
        FilesOracle(setup, threshold=30)


def test_pictures_are_listed_with_their_whole_path(waiting: Path) -> None:
    lines = (waiting / "queries/cycle_00/images.txt").read_text().splitlines()
    assert all(Path(line).is_absolute() and Path(line).exists() for line in lines)
    assert len(lines) == 4


def test_what_is_answered_is_not_handed_out_again(alframe: Any, waiting: Path) -> None:  # noqa: F811
    answers = one_box(waiting, waiting.parent / "a.json", count=1)
    assert alframe("annotate", str(waiting), answers)[0] == 3
    code, out, err = alframe("query", str(waiting), "--to", "voc", "--copy")
    assert (code, out.startswith("3 images to annotate for cycle 0")) == (0, True), err
    assert len(list((waiting / "queries/cycle_00/voc/images").iterdir())) == 3


def test_a_query_is_written_by_one_process_which_clears_up(alframe: Any, waiting: Path) -> None:  # noqa: F811
    folder = waiting / "queries/cycle_00"
    with locked(folder / ".lock"):
        code, _, err = alframe("query", str(waiting), "--to", "yolo")
    assert code == 2
    assert err.startswith(f"error: {folder} is in use by ")
    killed = folder / ".cvat.new" / "images"
    killed.mkdir(parents=True)
    torn = [folder / ".query.json.0123abcd.tmp", folder / "thumbnails" / ".0001.jpg.0123abcd.tmp"]
    torn.append(waiting / "answers" / ".cycle_00.json.0123abcd.tmp")
    for path in torn:
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    assert alframe("query", str(waiting), "--to", "yolo")[0] == 0
    assert not killed.parent.exists()
    assert [path.exists() for path in torn] == [False, False, True]
    assert alframe("run", "--output", str(waiting), "--resume")[0] == 3
    assert not torn[-1].exists()


def test_nothing_outside_of_a_query_is_removed(alframe: Any, waiting: Path) -> None:  # noqa: F811
    """Whoever has written its list of files: a run may be somebody else's."""
    folder, other = waiting / "queries/cycle_00", waiting.parent / "empty"
    other.touch()
    (folder / "link").symlink_to(waiting.parent)
    lines = [
        f"{sha256_of(b'')}  {name}\n" for name in (other, "../../../../empty", "../link/empty")
    ]
    (folder / ".cvat.sha256").write_text("".join(lines))
    (folder / "...sha256").write_text(f"{sha256_of(b'')}  beside\n")
    (beside := folder.parent / "beside").touch()
    (folder / "cvat").mkdir(exist_ok=True)
    assert alframe("query", str(waiting), "--to", "cvat")[0] == 0
    assert other.exists()
    assert beside.exists()
    (folder / "yolo").symlink_to(waiting.parent)
    code, _, err = alframe("query", str(waiting), "--to", "yolo")
    assert (code, err) == (2, f"error: {folder / 'yolo'} is a link: remove it\n")


@pytest.mark.parametrize("damaged", [Path.unlink, lambda path: path.write_bytes(b"no picture")])
def test_a_picture_that_cannot_be_read_any_more(
    alframe: Any, tmp_path: Path, damaged: Any  # noqa: F811
) -> None:  # fmt: skip
    """Gone or broken: before it is answered, once it is, and once the run has trained on it."""
    budget = ("budget.test=2", "budget.initial=2", "budget.per_cycle=2", "budget.cycles=null")
    run, photos = (
        begin(alframe, tmp_path, "abcdefghij", "strategy=entropy", *budget),
        tmp_path / "photos",
    )
    first = [image["id"] for image in answer(alframe, run, 0) if image["why"] != "test"]
    resume = ("run", "--output", str(run), "--resume")
    assert alframe(*resume)[0] == 3
    answered = [image["id"] for image in answer(alframe, run, 1)]
    damaged(photos / answered[0])
    code, _, err = alframe(*resume)
    assert (code, f"{photos / answered[0]}" in err) == (2, True), err
    assert "or set dataset.on_bad_item=skip" in err
    code, _, err = alframe(*resume, "dataset.on_bad_item=skip")
    assert (code, "waiting: 2 images to annotate" in err) == (3, True), err
    asked = [image["id"] for image in people.asked(run, 2)]
    damaged(photos / asked[0])
    code, _, err = alframe(*resume)
    assert (code, "waiting: 1 of 2 images to annotate" in err) == (3, True), err
    code, out, err = alframe("verify", str(run))
    assert (code, "DIFFERS" in out) == (0, False), out + err
    damaged(photos / first[0])
    answer(alframe, run, 2)
    code, _, err = alframe(*resume)
    assert (code, f"cannot be read any more: {first[0]}; put the pict" in err) == (2, True), err


def test_people_may_be_asked_for_more_or_fewer_images_from_then_on(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    """While the run waits as well as when it goes on; what was selected before stays verified."""
    run = begin(alframe, tmp_path, "abcdefghijklm", "strategy=entropy", *BUDGET)
    resume = ("run", "--output", str(run), "--resume")
    answer(alframe, run, 0)
    assert alframe(*resume)[0] == 3
    model = (run / "checkpoints/cycle_00.pt").read_bytes()
    assert alframe(*resume, "budget.per_cycle=3")[0] == 3  # the image of before is asked for still
    assert len(answer(alframe, run, 1)) == 1
    assert alframe(*resume)[0] == 3
    assert len(answer(alframe, run, 2)) == 3
    assert alframe(*resume, "budget.per_cycle=2")[0] == 3
    assert len(people.asked(run, 3)) == 2
    assert "per_cycle: 2" in (run / "config.yaml").read_text()
    assert (run / "checkpoints/cycle_00.pt").read_bytes() == model
    code, out, err = alframe("verify", str(run))
    assert (code, "9 of 9 verified" in out) == (0, True), out + err
    edit(run, lambda e: {**e, "ids": e["ids"][:1]} if e.get("wanted") == 2 else e)
    code, out, err = alframe("verify", str(run))
    assert (code, "1 chosen instead of 2" in out) == (1, True), out + err


def test_what_cannot_be_changed_says_how_the_answers_are_kept(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Once there are answers to lose."""
    run = begin(alframe, tmp_path, "abcdef", "strategy=random", *BUDGET)
    again = ("run", "--output", str(run), "--resume", "training.lr=0.5", "seed=3")
    code, _, err = alframe(*again)
    assert (code, "export" in err) == (2, False), err
    answer(alframe, run, 0)
    assert alframe(*again[:4])[0] == 3
    code, _, err = alframe(*again)
    kept = f"alframe export {run} --annotations --to coco --output FOLDER"
    assert (code, err.count("was started with"), err.count(kept)) == (2, 2, 1), err


def test_people_may_be_shown_other_files_from_the_next_query_on(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    """What they have in hand stays."""
    run = begin(alframe, tmp_path, "abcdef", "strategy=random", *BUDGET)
    resume = ("run", "--output", str(run), "--resume")
    assert alframe(*resume, "oracle.format=cvat", "oracle.threshold=0.9")[0] == 3
    answer(alframe, run, 0)
    assert alframe(*resume)[0] == 3
    folders = [run / "queries" / cycle for cycle in ("cycle_00", "cycle_01")]
    assert [(f / "coco").exists() for f in folders] == [True, False]
    assert [(f / "cvat").exists() for f in folders] == [False, True]
    assert "threshold: 0.9" in (run / "config.yaml").read_text()


def test_what_was_selected_before_does_not_count_at_the_new_rate(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Nine images to choose from, two at first, then three, then one by one, then all there are."""
    budget = ("budget.test=2", "budget.initial=2", "budget.per_cycle=3", "budget.cycles=3")
    run = begin(alframe, tmp_path, "abcdefghijk", "strategy=random", *budget)
    resume, counts = ("run", "--output", str(run), "--resume"), []
    for cycle, changed in enumerate(((), ("budget.per_cycle=1", "budget.cycles=9"), (), ())):
        counts.append(len(answer(alframe, run, cycle)))
        code, _, err = alframe(*resume, *changed)
        assert code == 3, err
        code, out, err = alframe("verify", str(run))
        assert code == 0, out + err
    code, _, err = alframe(*resume, "budget.per_cycle=8")
    assert (code, counts) == (3, [4, 3, 1, 1]), err


def test_names_as_long_as_they_can_be(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    name = "ä" * 125 + "x"  # 251 bytes, and four of the suffix
    people.photographs(tmp_path / "photos", [f"{name}.png", "b.png"])
    assert len(os.fsencode(f"{name}.png")) == 255
    arguments = ("--budget", "2", "--strategy", "random", "--images", str(tmp_path / "photos"))
    output = tmp_path / "query"
    labels = tmp_path / "labels"
    labels.mkdir()
    for stem in (name, "b"):
        (labels / f"{stem}.txt").write_text("0 0.5 0.5 0.2 0.2 0.9\n")
    predicted = ("--predictions", str(labels), "--to", "yolo", "--output", str(output))
    code, _, err = alframe("select", *arguments, *predicted)
    assert (code, sorted(p.stem for p in output.glob("yolo/labels/*"))) == (0, ["b", name]), err


def test_what_a_kill_kept_out_of_the_files_is_there_when_it_waits(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people.photographs(tmp_path / "photos", IDS)
    run, photos = tmp_path / "run", str(tmp_path / "photos")
    command = ("run", "--dataset", "photos", "--data-root", photos, "--oracle", "files", *QUICK)
    start = (*command, "dataset.classes=[Cat,dog]", "device=cpu", *BUDGET, "--output", str(run))
    assert alframe(*start)[0] == 3
    assert alframe("annotate", str(run), one_box(run, tmp_path / "a.json"))[0] == 0

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunDir, "write_cycles", killed)
        assert alframe("run", "--output", str(run), "--resume")[0] == 130
    assert not (run / "cycles.jsonl").exists()
    assert alframe("run", "--output", str(run), "--resume")[0] == 3
    written = (run / "cycles.jsonl").read_bytes(), (run / "results.csv").read_bytes()
    assert [written[0].count(b"\n"), written[1].count(b"\n")] == [1, 2]
    assert alframe("report", str(run))[0] == 0
    (run / "cycles.jsonl").write_bytes(b"?" + written[0][1:])
    assert alframe("report", str(run))[0] == 2
    assert alframe("run", "--output", str(run), "--resume")[0] == 3
    assert (run / "cycles.jsonl").read_bytes() == written[0], "as the message of report says"

    (image,) = people.asked(run, 1)
    people.coco(tmp_path / "b.json", [image], {}, ["Cat", "dog"])
    assert alframe("annotate", str(run), str(tmp_path / "b.json"))[0] == 0
    before = (run / "config.yaml").read_bytes()
    test, *_ = (i["id"] for i in people.asked(run, 0) if i["why"] == "test")
    (tmp_path / "photos" / test).unlink()
    code, _, err = alframe("run", "--output", str(run), "--resume", "dataset.on_bad_item=skip")
    assert (code, "put the pictures back" in err) == (2, True), err
    assert (run / "config.yaml").read_bytes() == before, "a refused resume changes no setting"


@pytest.mark.parametrize("name", ["coco", "cvat"])
def test_a_query_of_before_is_no_answer(
    alframe: Any,  # noqa: F811
    waiting: Path,
    name: str,
) -> None:
    """It has been written anew since, for the images that are left."""
    assert alframe("query", str(waiting), "--to", name)[0] == 0
    (file,) = (waiting / "queries/cycle_00" / name).glob("coco.json" if name == "coco" else "*.xml")
    mine = shutil.copy(file, waiting.parent / f"mine{file.suffix}")
    half = one_box(waiting, waiting.parent / "half.json", count=2)
    assert alframe("annotate", str(waiting), half)[0] == 3
    answers = (waiting / "answers/cycle_00.json").read_bytes()
    for again in (False, True):
        if again:
            assert alframe("query", str(waiting), "--to", name)[0] == 0
        code, _, err = alframe("annotate", str(waiting), str(mine))
        assert (code, "query, unchanged" in err) == (2, True), err
        assert (waiting / "answers/cycle_00.json").read_bytes() == answers


def test_folders_that_a_kill_left_empty_are_cleared(
    alframe: Any,  # noqa: F811
    waiting: Path,
) -> None:
    folder = waiting / "queries/cycle_00"
    assert alframe("query", str(waiting), "--to", "yolo", "--copy")[0] == 0
    for picture in (folder / "yolo/images").iterdir():
        picture.unlink()
    clear(folder)
    assert not (folder / "yolo").exists()
