"""People answer by files: a query folder, answers in parts, and everything that can be wrong."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alframe.annotations.files_oracle import FilesOracle, stored_answers
from alframe.annotations.label_studio_oracle import LabelStudioOracle
from alframe.annotations.parts import joined
from alframe.annotations.query_folders import write_folder
from alframe.annotations.sheets import (
    answers_file,
    query_folder,
    read_sheet,
    sizes_noted,
    write_sheet,
)
from alframe.annotations.taking import Received, take, waits_for
from alframe.annotations.vocabulary import Annotations, AskedImage, Proposal, Sheet
from alframe.annotations.yolo_query import below_images
from alframe.datasets.base import Dataset, Target
from alframe.datasets.problems import Problems
from alframe.errors import ConfigError, DataError, RunError, Waiting
from alframe.oracle import OracleSetup
from alframe.runs.journal import Journal
from tests.annotations import people
from tests.annotations.people import photographs

TEST, INITIAL = ("a.png",), ("b.png", "deep/c.png")
OTHERS = ("d.png", "e.png")
CLASSES = ("cat", "dog")
BOX = (4.0, 5.0, 24.0, 15.0)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return photographs(tmp_path / "photos", (*TEST, *INITIAL, *OTHERS), CLASSES)


@pytest.fixture
def run(tmp_path: Path, dataset: Dataset) -> Path:
    """A run directory that has asked for three images."""
    path = tmp_path / "run"
    path.mkdir()
    journal = Journal(path)
    journal.append("initial", ids=list(INITIAL), test=list(TEST), sha256="")
    reasons = dict.fromkeys(TEST, "test") | dict.fromkeys(INITIAL, "initial")
    proposed = (Proposal("cat", BOX, 0.9), Proposal("dog", (30, 1, 39, 9), 0.2))
    images = [AskedImage(i, dataset.file(i), 20, 40, None, w, proposed) for i, w in reasons.items()]
    sheet = Sheet("run, cycle 0", dataset.classes, tuple(images), proposed=True)
    write_sheet(sheet, query_folder(path, 0))
    return path


def answer(path: Path, *given: str, name: str = "cat", box: Any = BOX, **more: Any) -> Path:
    """A file of COCO instances: one object in each of some images."""
    images = [{"id": item, "width": 40, "height": 20} for item in given]
    objects = {item: [(name, box)] for item in given} if box else {}
    return people.coco(path, images, objects, [*CLASSES, "cow"], **more)


def asked(run: Path, dataset: Dataset, **options: Any) -> FilesOracle:
    return FilesOracle(OracleSetup(dataset, run), **options)


@pytest.mark.parametrize("oracle", [FilesOracle, LabelStudioOracle])
def test_people_are_asked_for_boxes(run: Path, dataset: Dataset, oracle: Any) -> None:
    other = replace(dataset, task="segmentation")
    with pytest.raises(ConfigError, match=r"asked for boxes, and .* is a dataset of segmentation"):
        oracle(OracleSetup(other, run))


def test_pictures_that_are_no_files_are_told(run: Path, dataset: Dataset) -> None:
    class Drawn:
        size = dataset.images.size

    with pytest.raises(Waiting) as status:
        asked(run, replace(dataset, images=Drawn())).annotate(TEST, 0)
    assert status.value.problems[-1].startswith("nobody sees what is no file: a.png; give the data")
    with pytest.raises(Waiting) as status:
        asked(run, dataset).annotate(TEST, 0)
    assert len(status.value.problems) == 2


def test_a_query_is_written_once_and_answered_in_parts(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    oracle, ids = asked(run, dataset), [*TEST, *INITIAL]
    with pytest.raises(Waiting) as waits:
        oracle.annotate(ids, 0)
    folder = run / "queries/cycle_00"
    assert waits.value.problems == (
        f"3 images to annotate (1 to test on, 2 to begin with), in {folder}: a.png, b.png, "
        "deep/c.png",
        f"then: alframe annotate {run} FILE",
    )
    assert {p.name for p in folder.iterdir()} >= {
        "query.json", "coco", "images.txt", "index.html", "README.txt"
    }  # fmt: skip
    text = (folder / "README.txt").read_text()
    assert f"alframe annotate {run} FILE" in text
    assert "coco/coco.json" in text
    listed = (folder / "images.txt").read_text().splitlines()
    assert listed == [str(tmp_path / "photos" / item) for item in ids]
    proposed = json.loads((folder / "coco/coco.json").read_text())["annotations"]
    assert [a["score"] for a in proposed] == [0.9] * 3, "those of 0.2 are not shown"
    written = (folder / "README.txt").stat().st_mtime_ns
    taken = take(run, dataset, [answer(tmp_path / "1.json", "b.png")])
    assert taken.missing == ["a.png", "deep/c.png"]
    with pytest.raises(Waiting, match=r"^2 of 3 images .*1 to test on, 1 to begin with"):
        oracle.annotate(ids, 0)
    taken = take(run, dataset, [answer(tmp_path / "2.json", "a.png", "deep/c.png", box=None)])
    assert taken.missing == []
    found = oracle.annotate(ids, 0)
    assert found.targets["b.png"].require_boxes().tolist() == [list(BOX)]
    assert found.targets["a.png"].labels.tolist() == []
    assert (folder / "README.txt").stat().st_mtime_ns == written
    assert oracle.annotate((), 2).targets == {}


def test_somebody_elses_proposals(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    better = people.coco(
        tmp_path / "b.json", [{"id": "b.png", "width": 40, "height": 20}], {}, CLASSES
    )
    content = json.loads(better.read_text())
    content["annotations"] = [
        {"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 1, 9, 9], "score": 0.8}
    ]
    better.write_text(json.dumps(content))
    sheet = asked(run, dataset, proposals=str(better)).sheet(0)
    assert [list(image.proposals) for image in sheet.images] == [
        [], [Proposal("dog", (1, 1, 10, 10), 0.8)], []
    ]  # fmt: skip


def test_a_query_reads_back(run: Path, dataset: Dataset) -> None:
    sheet = read_sheet(query_folder(run, 0), dataset.file)
    assert sheet.images[0].proposals[0] == Proposal("cat", BOX, 0.9)
    assert [image.why for image in sheet.images] == ["test", "initial", "initial"]
    path = query_folder(run, 0) / "query.json"
    path.write_text(path.read_text().replace('"a.png"', '"z.png"'))
    with pytest.raises(RunError, match=r"query\.json is damaged"):
        read_sheet(query_folder(run, 0), dataset.file)


@pytest.mark.parametrize("proposed", [False, True])
def test_whether_a_model_was_asked_reads_back(tmp_path: Path, proposed: bool) -> None:
    write_sheet(Sheet("x", CLASSES, (), proposed=proposed), tmp_path)
    assert read_sheet(tmp_path, lambda _: None).proposed == proposed


def test_sizes_are_those_of_queries_and_of_answers(run: Path) -> None:
    rows = [{"file_name": name, "height": 3, "width": 5} for name in ("b.png", "d.png", "e.png")]
    answers_file(run, 0).parent.mkdir()
    answers_file(run, 0).write_text(json.dumps({"images": rows}))
    sizes = {"a.png": (20, 40), "b.png": (3, 5), "d.png": (3, 5)}
    assert sizes_noted(run, [*sizes]) == sizes


def told(taken: Received) -> list[str]:
    return [
        note for note in taken.notes if note.startswith(("cycle", "1 image", "2 images", "taken"))
    ]


def test_what_is_said_of_answers(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    first = answer(tmp_path / "1.json", "a.png", "b.png")
    assert told(take(run, dataset, [first])) == ["cycle 0: 2 new answers (2 objects)"]
    assert told(take(run, dataset, [first])) == ["cycle 0: 0 new answers, 2 as before (2 objects)"]
    other = answer(tmp_path / "2.json", "b.png", "deep/c.png", name="dog", ignored=["deep/c.png"])
    assert told(take(run, dataset, [other])) == [
        "cycle 0: 1 new answer, 1 changed (b.png) (1 object, 1 ignored)"
    ]
    more = answer(tmp_path / "3.json", "d.png")
    assert told(take(run, dataset, [more])) == [
        "1 image not asked for, taken too: d.png",
        "cycle 0: 1 new answer (1 object)",
    ]
    found = asked(run, dataset).annotate([*TEST, *INITIAL], 0)
    assert found.targets.keys() == {"a.png", "b.png", "d.png"}
    assert found.ignored == {"deep/c.png"}
    assert found.targets["b.png"].labels.tolist() == [1]


def test_the_query_itself_is_no_answer(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    """Wherever it lies, until somebody has changed it, or says that it is right."""
    with pytest.raises(Waiting):
        asked(run, dataset).annotate([*TEST, *INITIAL], 0)
    folder, copy = run / "queries/cycle_00/coco", tmp_path / "copy.json"
    (folder / "notes.txt").write_text("a file beside it")
    copy.write_bytes((folder / "coco.json").read_bytes())
    (tmp_path / "link.json").symlink_to(folder / "coco.json")
    for path in (folder / "coco.json", copy, tmp_path / "link.json", zipped(copy)):
        with pytest.raises(DataError, match=r"the run's own query, unchanged; give what"):
            take(run, dataset, [path])
    with pytest.raises(DataError, match="holds no annotations"):
        take(run, dataset, [folder])
    (folder / "notes.txt").unlink()
    with pytest.raises(DataError, match=r"query, unchanged; give what your tool exports$"):
        take(run, dataset, [folder.parent])
    whole = take(run, dataset, [copy], as_it_is=True)
    assert told(whole) == ["cycle 0: 3 new answers (3 objects)"]
    content = json.loads(copy.read_text())
    for moved in (5, 0.5):
        content["annotations"][0]["bbox"][2] += moved
        (folder / "coco.json").write_text(json.dumps(content))
        assert told(take(run, dataset, [folder])) == [
            "cycle 0: 0 new answers, 1 changed (a.png), 2 as before (3 objects)"
        ]


def zipped(path: Path) -> Path:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.write(path, "annotations.json")
    return path.with_suffix(".zip")


@pytest.mark.parametrize(("name", "own"), [("yolo", "labels/b.txt"), ("voc", "Annotations/b.xml")])
def test_of_files_in_place_those_alone_count_that_somebody_has_saved(
    run: Path, dataset: Dataset, name: str, own: str
) -> None:
    with pytest.raises(Waiting):
        asked(run, dataset, format=name).annotate([*TEST, *INITIAL], 0)
    folder = run / "queries/cycle_00" / name
    with pytest.raises(DataError, match="query, unchanged"):
        take(run, dataset, [folder])
    (folder / own).write_bytes((folder / own).read_bytes() + b"\n")
    for path in (folder, folder / "data.yaml") if name == "yolo" else (folder,):
        taken = take(run, dataset, [path])
        assert taken.missing == ["a.png", "deep/c.png"]
        assert any("2 files as the run wrote them, not annotated yet" in n for n in taken.notes)
    with pytest.raises(RunError, match=r"changed since the query was written: move it away"):
        write_folder(asked(run, dataset).sheet(0), folder.parent, name, run)
    assert take(run, dataset, [folder], as_it_is=True).missing == []


def test_what_somebody_saved_may_equal_what_is_proposed_for_another_image(
    run: Path, dataset: Dataset
) -> None:
    with pytest.raises(Waiting):
        asked(run, dataset, format="yolo").annotate([*TEST, *INITIAL], 0)
    labels = run / "queries/cycle_00/yolo/labels"
    (labels / "d.txt").write_bytes((labels / "a.txt").read_bytes())
    taken = take(run, dataset, [labels.parent])
    assert "1 image not asked for, taken too: d.png" in taken.notes


def test_the_command_that_takes_it_as_it_is_has_the_flags_of_the_call(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    take(run, dataset, [answer(tmp_path / "1.json", "a.png")])
    empty = answer(tmp_path / "2.json", "a.png", box=None)
    said = f"alframe annotate {run} {empty} --as-it-is --format coco --skip-bad --new-classes$"
    with pytest.raises(RunError, match=said):
        take(run, dataset, [empty], "coco", skip_bad=True, new_classes=True)


def test_a_query_is_written_anew_and_leaves_what_others_wrote(run: Path, dataset: Dataset) -> None:
    sheet, folder = asked(run, dataset).sheet(0), run / "queries/cycle_00"
    for images in (sheet.images, sheet.images[1:]):
        given = write_folder(replace(sheet, images=images), folder, "yolo", run, copy=True)
        assert given == folder / "yolo/data.yaml"
        for kind, suffix in (("labels", ".txt"), ("images", ".png")):
            files = (path for path in (folder / "yolo" / kind).rglob("*") if path.is_file())
            assert sorted(path.stem for path in files) == sorted(Path(i.item).stem for i in images)
            assert (folder / "yolo" / kind / f"deep/c{suffix}").is_file()
    assert not list(folder.glob(".*.new"))
    own = folder / "yolo/labels/a.txt"
    own.write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(RunError, match=r"yolo/labels/a\.txt would be overwritten"):
        write_folder(sheet, folder, "yolo", run)
    assert own.read_text() == "0 0.5 0.5 0.1 0.1\n"


def test_labels_lie_where_ultralytics_looks_for_them(run: Path, dataset: Dataset) -> None:
    """It puts ``labels`` for the last ``images`` of a path."""
    sheet, folder = asked(run, dataset).sheet(0), run / "queries/cycle_00"
    cat = (Proposal("cat", (1, 1, 9, 9), 0.5),)
    own = [replace(i, item=f"images/{i.item}", proposals=cat) for i in sheet.images]
    write_folder(replace(sheet, images=tuple(own)), folder, "yolo", run, copy=True)
    pictures = sorted((folder / "yolo").rglob("*.png"))
    assert len(pictures) == len(own)
    for picture in pictures:
        labels = "/labels/".join(str(picture).rsplit("/images/", 1))
        assert Path(labels).with_suffix(".txt").is_file()
    twice = [*own, sheet.images[0]]
    assert [image.item for image in below_images(replace(sheet, images=tuple(twice))).images] == [
        own[0].item, *(image.item for image in sheet.images[1:]), sheet.images[0].item,
    ]  # fmt: skip


@pytest.mark.parametrize("of_a_run", [False, True])
def test_a_picture_that_cannot_be_copied_any_more(
    run: Path, dataset: Dataset, tmp_path: Path, of_a_run: bool
) -> None:
    sheet = asked(run, dataset).sheet(0)
    lost = replace(sheet, images=(replace(sheet.images[0], file=tmp_path / "gone.png"),))
    remedy = "resume the run with dataset.on_bad_item=skip" if of_a_run else "select again$"
    with pytest.raises(DataError, match=rf"gone\.png is gone: put the picture back, or {remedy}"):
        write_folder(lost, tmp_path / "query", "yolo", run if of_a_run else None, copy=True)


@pytest.mark.parametrize("copy", [False, True])
def test_label_studio_is_shown_the_copies_where_there_are_some(
    run: Path, dataset: Dataset, copy: bool
) -> None:
    sheet, folder = asked(run, dataset).sheet(0), run / "queries/cycle_00"
    path = write_folder(sheet, folder, "label-studio", run, copy=copy)
    shown = [task["data"]["image"] for task in json.loads(path.read_text())]
    root = folder / "label-studio" if copy else dataset.file("a.png").parents[1]  # type: ignore[union-attr]
    for address in shown:
        assert (root / address.removeprefix("/data/local-files/?d=")).is_file()


def test_boxes_drawn_on_pictures_of_another_size_are_refused(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    images = [{"id": "a.png", "width": 400, "height": 200}]
    images.append({"id": "b.png", "width": 40, "height": 20})
    objects = {image["id"]: [("cat", BOX)] for image in images}
    file = people.coco(tmp_path / "1.json", images, objects, CLASSES)
    said = r"another size is said than the picture has: .*1\.json: a\.png; scale its boxes, or add "
    with pytest.raises(DataError, match=rf"{said}--skip-bad; if they fit: .* --as-it-is"):
        take(run, dataset, [file])
    assert take(run, dataset, [file], skip_bad=True).missing == ["a.png", "deep/c.png"]
    images.pop()
    file = people.coco(tmp_path / "2.json", images, {"a.png": [("cat", BOX)]}, CLASSES)
    assert take(run, dataset, [file], as_it_is=True).missing == ["deep/c.png"]


def test_answers_are_not_lost_to_images_that_were_not_annotated_elsewhere(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    take(run, dataset, [answer(tmp_path / "1.json", "a.png", "b.png")])
    whole = answer(tmp_path / "2.json", "a.png", "d.png", box=None)
    with pytest.raises(RunError, match=r"1 image answered before, without any object now: a\.png"):
        take(run, dataset, [whole])
    rest = answer(tmp_path / "3.json", "deep/c.png", "d.png", box=None)
    assert told(take(run, dataset, [rest])) == [
        "1 image neither asked for nor with an object, left unlabelled: d.png; --as-it-is takes "
        "them",
        "cycle 0: 1 new answer (0 objects, 1 image without any)",
        "taken without objects: deep/c.png; those that nobody has looked at yet, give again once "
        "somebody has, before the run goes on",
    ]
    assert told(take(run, dataset, [whole], as_it_is=True))[:2] == [
        "1 image not asked for, taken too: d.png",
        "cycle 0: 1 new answer, 1 changed (a.png) (0 objects, 2 images without any)",
    ]
    given_up = answer(tmp_path / "4.json", "b.png", box=None, ignored=["b.png"])
    assert told(take(run, dataset, [given_up])) == [
        "cycle 0: 0 new answers, 1 changed (b.png) (0 objects, 1 ignored)"
    ]


def test_what_nobody_can_label_is_given_up(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    taken = take(run, dataset, [answer(tmp_path / "1.json", "a.png")], give_up=True)
    assert "gave up 2 images: b.png, deep/c.png" in taken.notes
    assert taken.missing == []
    stored = stored_answers(run, 0, dataset).answers()
    assert (set(stored.targets), stored.ignored) == ({"a.png"}, {"b.png", "deep/c.png"})
    again = take(run, dataset, [answer(tmp_path / "2.json", "b.png")])
    assert told(again) == ["cycle 0: 0 new answers, 1 changed (b.png) (1 object)"]
    extra = answer(tmp_path / "3.json", "a.png", "d.png", box=None, ignored=["d.png"])
    notes = take(run, dataset, [extra], as_it_is=True).notes
    given_up = "1 image given up and not asked for, left unlabelled: d.png"
    assert given_up in notes
    extra = answer(tmp_path / "4.json", "deep/c.png", "d.png", box=None, ignored=["d.png"])
    assert [note for note in take(run, dataset, [extra]).notes if "d.png" in note] == [given_up]


def test_giving_up_the_rest_leaves_what_was_answered_before(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    take(run, dataset, [answer(tmp_path / "1.json", "a.png")])
    taken = take(run, dataset, [], give_up=True)
    assert (taken.notes, taken.missing) == (["gave up 2 images: b.png, deep/c.png"], [])
    stored = stored_answers(run, 0, dataset).answers()
    assert (set(stored.targets), stored.ignored) == ({"a.png"}, {"b.png", "deep/c.png"})


def test_answers_that_nobody_may_have_looked_at_are_told(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    """A tool that writes the query anew says of all images what was proposed."""
    both = [("cat", BOX), ("dog", (30, 1, 39, 9))]
    images = [{"id": item, "width": 40, "height": 20} for item in (*TEST, *INITIAL)]
    objects = dict.fromkeys(INITIAL, both) | {TEST[0]: [("dog", BOX)]}
    whole = people.coco(tmp_path / "1.json", images, objects, CLASSES)
    (told_so,) = (note for note in take(run, dataset, [whole]).notes if note.startswith("taken"))
    assert told_so.startswith(f"taken as the model proposed: {', '.join(sorted(INITIAL))}; those")
    right = take(run, dataset, [whole], as_it_is=True).notes
    assert not [note for note in right if note.startswith("taken")]


def test_answers_to_what_was_annotated_from_the_start_are_told(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    targets = dict.fromkeys(("d.png", "e.png"), Target.of([BOX], [0]))
    pool = tuple(item for item in dataset.pool if item != "e.png")
    dataset = replace(dataset, pool=pool, test=("e.png",), targets=targets)
    notes = take(run, dataset, [answer(tmp_path / "1.json", "a.png", "d.png", "e.png")]).notes
    assert "2 images annotated from the start, left as the run has them: d.png, e.png" in notes
    assert set(stored_answers(run, 0, dataset).answers().targets) == {"a.png"}


def test_files_that_differ_and_objects_there_twice_are_told(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    one, other = answer(tmp_path / "1.json", "a.png", "b.png"), tmp_path / "2.json"
    answer(other, "b.png", box=None)
    taken = take(run, dataset, [one, other])
    said = "1 image answered otherwise in an earlier file; this one counts: b.png"
    assert f"{other}: {said}" in taken.notes
    assert told(taken)[0] == "cycle 0: 2 new answers (1 object, 1 image without any)"
    content = json.loads(one.read_text())
    content["annotations"].append(content["annotations"][0] | {"id": 99})
    one.write_text(json.dumps(content))
    taken = take(run, dataset, [one])
    assert f"{one}: 1 object there twice, taken once" in taken.notes
    assert told(taken) == ["cycle 0: 0 new answers, 1 changed (b.png), 1 as before (2 objects)"]


def test_of_an_image_that_two_files_list_the_first_counts() -> None:
    first = Annotations(CLASSES, ["a.png"])
    second = Annotations(CLASSES, ["a.png", "b.png"], ignored={"a.png", "b.png"}, resized={"b.png"})
    problems = Problems("skip")
    both = joined({"1.json": first, "2.json": second}, problems)
    assert problems.items == {"a.png"}
    assert (both.images, both.ignored, both.resized) == (["a.png", "b.png"], {"b.png"}, {"b.png"})


def test_nothing_is_taken_where_something_is_wrong(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    wrong = [
        answer(tmp_path / "1.json", "a.png", name="cow"),
        answer(tmp_path / "2.json", "b.png", box=(50, 5, 60, 15)),
        answer(tmp_path / "3.json", "deep/c.png", "nowhere.png"),
    ]
    with pytest.raises(DataError) as error:
        take(run, dataset, wrong)
    text = "\n".join(error.value.problems)
    assert f"the class is unknown: {wrong[0]}: 'cow' in a.png; use one of cat, dog" in text
    assert f"lies outside of its image: {wrong[1]}: b.png, cat at 50, 5, 60, 15" in text
    assert "nowhere.png" in text
    assert not (run / "answers/cycle_00.json").exists()
    thin = "the box is less than a pixel wide or high, or lies outside of its image: "
    assert f"{thin}{wrong[1]}: b.png, " in text
    taken = take(run, dataset, wrong, skip_bad=True)
    assert taken.missing == ["a.png", "b.png"]
    assert any(note.startswith("skipped") for note in taken.notes)


def test_all_files_that_cannot_be_read_are_named(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    wrong = [tmp_path / "cut.json", tmp_path / "gone.json", answer(tmp_path / "1.json", "x.png")]
    wrong[0].write_text("[{")
    with pytest.raises(DataError) as error:
        take(run, dataset, wrong)
    text = "\n".join(error.value.problems)
    assert all(str(path) in text for path in wrong)


def test_answers_for_another_run(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    journal = Journal(run)
    journal.append(
        "annotated", cycle=0, images=2, objects=0, ignored=[], extra=[], sha256="", seconds=None
    )
    for event, more in (("fitted", {}), ("evaluated", {"metrics": {}})):
        journal.append(event, cycle=0, seconds=1.0, **more)
    with pytest.raises(RunError, match="has all answers for cycle 0, and trains on them first"):
        waits_for(run)
    journal.append("selected", cycle=0, ids=["d.png"], seconds=1.0, memory={})
    image = AskedImage("d.png", dataset.file("d.png"), 20, 40, 0.5, "entropy")
    write_sheet(Sheet("run, cycle 1", CLASSES, (image,)), query_folder(run, 1))
    (run / "answers").mkdir()
    answer(run / "answers/cycle_00.json", *TEST, *INITIAL)
    again = answer(tmp_path / "1.json", "a.png", "b.png", name="dog")
    (note,) = take(run, dataset, [again]).notes
    said = (
        "2 images of earlier cycles answered otherwise now, left as the run has them: a.png, b.png"
    )
    assert note.startswith(f"{said}; for a new run with what is annotated, tested on the same")
    assert note.endswith(f"alframe export {run} --annotations --to coco --output FOLDER")
    cumulative = answer(tmp_path / "2.json", *TEST, *INITIAL, "d.png")
    assert take(run, dataset, [cumulative]).missing == []
    # After one more cycle, the answers of both earlier ones are left as they are.
    journal.append(
        "annotated", cycle=1, images=3, objects=1, ignored=[], extra=[], sha256="", seconds=None
    )
    for event, more in (("fitted", {}), ("evaluated", {"metrics": {}})):
        journal.append(event, cycle=1, seconds=1.0, **more)
    journal.append("selected", cycle=1, ids=["e.png"], seconds=1.0, memory={})
    image = AskedImage("e.png", dataset.file("e.png"), 20, 40, 0.5, "entropy")
    write_sheet(Sheet("run, cycle 2", CLASSES, (image,)), query_folder(run, 2))
    again = answer(tmp_path / "3.json", "a.png", "d.png", name="dog")
    (note,) = take(run, dataset, [again]).notes
    assert note.startswith(f"{said.replace('b.png', 'd.png')}; ")


def test_answers_of_the_run_that_are_damaged(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    file = answer(tmp_path / "1.json", "a.png")
    take(run, dataset, [file])
    kept = run / "answers/cycle_00.json"
    kept.write_text(kept.read_text()[:50])
    said = r"cycle_00\.json.*; restore the run's answers, or delete it and give them again$"
    with pytest.raises(DataError, match=said):
        take(run, dataset, [file])
    kept.unlink()
    assert take(run, dataset, [file]).missing == ["b.png", "deep/c.png"]


def test_a_file_without_an_image_of_the_run(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    given_up = answer(tmp_path / "1.json", "e.png", box=None, ignored=["e.png"])
    with pytest.raises(RunError, match=r"none of 1 image in the answers was asked for .*a\.png"):
        take(run, dataset, [given_up])


@pytest.mark.parametrize("end", [1, 100, 250])
def test_half_a_file(run: Path, dataset: Dataset, tmp_path: Path, end: int) -> None:
    path = answer(tmp_path / "1.json", "a.png")
    path.write_text(path.read_text()[:end])
    with pytest.raises(DataError, match=r"1\.json"):
        take(run, dataset, [path])


def test_a_confident_proposal_that_was_swapped(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    taken = take(run, dataset, [answer(tmp_path / "1.json", "a.png", name="dog")])
    assert [(s.item, s.what) for s in taken.suspects] == [
        ("a.png", "annotated as 'dog', the model sees 'cat'")
    ]


def test_what_was_answered_before_stays_worth_a_second_look(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    take(run, dataset, [answer(tmp_path / "1.json", "a.png", name="dog")])
    taken = take(run, dataset, [answer(tmp_path / "2.json", "b.png")])
    assert [s.item for s in taken.suspects] == ["a.png"]


def test_objects_of_a_new_class_are_counted(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    """In all answers for the cycle."""
    take(run, dataset, [answer(tmp_path / "1.json", "a.png", name="cow")], new_classes=True)
    notes = take(run, dataset, [answer(tmp_path / "2.json", "b.png", name="cow")]).notes
    (told_so,) = (note for note in notes if note.startswith("1 new class"))
    assert "with so many objects: 'cow' (2); in images" in told_so


def test_an_answer_without_folders_may_mean_what_is_asked_for(run: Path, tmp_path: Path) -> None:
    """Of two pictures with one name, that which nobody asked for is not taken unsaid."""
    dataset = photographs(tmp_path / "photos", (*TEST, *INITIAL, "c.png"), CLASSES)
    file = answer(tmp_path / "1.json", "a.png", "c.png")
    with pytest.raises(DataError, match=r"may mean several: c\.png \(or deep/c\.png\)"):
        take(run, dataset, [file])
    assert (
        "1 image not asked for, taken too: c.png" in take(run, dataset, [file], as_it_is=True).notes
    )


def test_a_run_that_found_nothing_left_to_select_waits_for_nothing(run: Path) -> None:
    """As where it was killed before it said that it is finished."""
    journal, event = Journal(run), {"images": 3, "objects": 0, "ignored": [], "extra": []}
    journal.append("annotated", cycle=0, sha256="", seconds=None, **event)
    journal.append("selected", cycle=0, ids=[], seconds=0.0, memory={})
    with pytest.raises(RunError, match="has all answers for cycle 0"):
        waits_for(run)


def test_a_file_that_cannot_be_read_hides_no_other(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    labels = tmp_path / "given" / "labels"
    labels.mkdir(parents=True)
    (labels.parent / "classes.txt").write_text("cat\n")
    (labels / Path(INITIAL[0]).with_suffix(".txt").name).symlink_to(labels / "nowhere")
    (labels / Path(INITIAL[1]).with_suffix(".txt").name).write_text("7 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DataError) as told:
        take(run, dataset, [labels.parent])
    assert sorted("cannot be read" in line for line in told.value.problems) == [False, True]
