"""COCO instances and results of tools, with all that tools do to them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask

from alframe.annotations.formats import read_annotations, read_predictions, write_query
from alframe.annotations.vocabulary import Proposal
from alframe.datasets.coco_fields import ById
from alframe.datasets.coco_objects import _counts, quick_object, read_object
from alframe.datasets.problems import Problems
from alframe.errors import DataError
from tests.annotations.known import Known, boxes, read, sheet


def written(path: Path, *rows: dict[str, Any], name="a.jpg", image=None, **more: Any) -> Path:
    content = {
        "images": [{"id": 1, "file_name": name} | (image or {})],
        "categories": [{"id": 7, "name": "disc"}, {"id": 9, "name": "box"}],
        "annotations": [{"image_id": 1, "category_id": 9} | row for row in rows],
    }
    path.write_text(json.dumps(content | more))
    return path


@pytest.mark.parametrize(
    "name",
    ["a b.jpg", "A B.JPG", "a%20b.jpg", "../export/images/a b.jpg", "c:\\photos\\a b.jpg", "a b"],
)
def test_names_are_those_of_images_found(tmp_path: Path, name: str) -> None:
    found = read(written(tmp_path / "x.json", {"bbox": [1, 2, 3, 4]}, name=name), Known("a b.jpg"))
    assert found.images == ["a b.jpg"]
    assert boxes(found) == [("a b.jpg", "box", [1, 2, 4, 6])]
    assert found.classes == ("disc", "box")


def test_names_in_another_unicode_form(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", name="Mu\u0308nze.jpg")
    assert read(path, Known("M\u00fcnze.jpg")).images == ["M\u00fcnze.jpg"]


@pytest.mark.parametrize("size", [{}, {"width": None, "height": None}, {"width": 0, "height": 0}])
def test_an_image_may_have_no_size(tmp_path: Path, size: dict[str, Any]) -> None:
    found = read(written(tmp_path / "x.json", {"bbox": [1, 2, 3, 4]}, image=size), Known("a.jpg"))
    assert (found.images, found.notes) == (["a.jpg"], [])


def test_an_image_of_another_size_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", image={"width": 160, "height": 120})
    (note,) = read(path, Known("a.jpg")).notes
    assert "1 image than the file of the picture" in note
    assert note.endswith("a.jpg (160 x 120, not 320 x 240)")


def test_a_box_that_cvat_turned(tmp_path: Path) -> None:
    """A square of side 20, turned by 45 degrees: the box around it has sides of 20 sqrt(2)."""
    rows = [{"bbox": [50, 50, 20, 20], "attributes": {"rotation": turn}} for turn in (45, "45", 0)]
    half = round(10 * 2**0.5, 4)
    around = [60 - half, 60 - half, 60 + half, 60 + half]
    found = boxes(read(written(tmp_path / "x.json", *rows), Known("a.jpg")))
    assert [box for _, _, box in found] == [around, around, [50, 50, 70, 70]]
    words = [{"bbox": [1, 1, 2, 2], "attributes": {"rotation": said}} for said in ("left", True)]
    found = boxes(read(written(tmp_path / "y.json", *words), Known("a.jpg")))
    assert [box for _, _, box in found] == [[1, 1, 3, 3]] * 2, "an attribute of somebody's own"


def test_corners_in_the_place_of_sides_are_noticed(tmp_path: Path) -> None:
    rows = [{"bbox": [200 + n, 150 + n, 280 + n, 220 + n]} for n in range(5)]
    (note,) = read(written(tmp_path / "x.json", *rows), Known("a.jpg")).notes
    assert note.endswith("do not fit their image as x y width height: are they x1 y1 x2 y2?")
    few = written(tmp_path / "y.json", *rows[:1])
    assert read(few, Known("a.jpg")).notes == []


def test_results_in_the_same_folder_are_no_answers(tmp_path: Path) -> None:
    written(tmp_path / "x.json", {"bbox": [1, 2, 3, 4]})
    row = {"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5}
    (tmp_path / "y.json").write_text(json.dumps([row]))
    with pytest.raises(DataError, match=r"y\.json: what a model found is no answer of people"):
        read(tmp_path, Known("a.jpg"))


def rle(*, compressed: bool) -> dict[str, Any]:
    """Of a mask of 240 x 320 that fills x 10..19, y 20..49."""
    pixels = np.zeros((240, 320), np.uint8, order="F")
    pixels[20:50, 10:20] = 1
    if compressed:
        encoded = mask.encode(pixels)
        return {"size": encoded["size"], "counts": encoded["counts"].decode()}
    flat = pixels.flatten(order="F")
    runs = np.diff(np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [len(flat)]]))
    return {"size": [240, 320], "counts": runs.tolist()}


@pytest.mark.parametrize(
    ("row", "box"),
    [
        ({"segmentation": [[10, 20, 20, 20, 15, 50]]}, [10, 20, 20, 50]),
        ({"segmentation": [[1, 2, 3, 2, 3, 4], [8, 9, 7, 9, 7, 5]]}, [1, 2, 8, 9]),
        ({"segmentation": rle(compressed=True)}, [10, 20, 20, 50]),
        ({"segmentation": rle(compressed=False)}, [10, 20, 20, 50]),
        ({"segmentation": [[1, 2, 3, 2, 3, 4]], "bbox": [5, 5, 5, 5]}, [5, 5, 10, 10]),
    ],
)
def test_outlines_become_boxes_where_there_is_none(
    tmp_path: Path, row: dict[str, Any], box: list[float]
) -> None:
    assert boxes(read(written(tmp_path / "x.json", row), Known("a.jpg"))) == [("a.jpg", "box", box)]


@pytest.mark.parametrize(
    "outline",
    [
        [[1, 2, 3]],
        [[1, 2, 3, 4, 5, "6"]],
        "text",
        {"size": [240, 320]},
        {"size": [2, 2], "counts": [1, 2]},
        {"size": [1 << 40, 1 << 40], "counts": "x"},
    ],
)
def test_outlines_that_are_none(tmp_path: Path, outline: Any) -> None:
    with pytest.raises(DataError, match=r"annotations\.segmentation: expected polygons or RLE"):
        read(written(tmp_path / "x.json", {"segmentation": outline}), Known("a.jpg"))


BOX = {"bbox": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("row", "score"),
    [
        (BOX | {"score": 0.25}, 0.25),
        (BOX | {"attributes": {"score": 0.75}}, 0.75),
        (BOX | {"score": 1, "attributes": {"score": 0.75}}, 1.0),
        (BOX | {"attributes": {"occluded": False}}, math.nan),
        (BOX | {"score": None}, math.nan),
    ],
)
def test_scores(tmp_path: Path, row: dict[str, Any], score: float) -> None:
    (thing,) = read(written(tmp_path / "x.json", row), Known("a.jpg")).objects
    assert thing.score == pytest.approx(score, nan_ok=True)


def test_crowds_areas_and_what_our_own_files_have(tmp_path: Path) -> None:
    rows = BOX | {"iscrowd": 1, "area": 5}, BOX | {"difficult": 1}
    path = written(tmp_path / "x.json", *rows, image={"ignored": 1, "seconds": 12.5})
    found = read(path, Known("a.jpg"))
    assert [(t.crowd, t.difficult, t.area) for t in found.objects[:1]] == [(True, False, 5.0)]
    assert found.objects[1].difficult
    assert found.ignored == {"a.jpg"}
    assert found.seconds == {"a.jpg": 12.5}


def test_all_problems_at_once_and_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    content = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "seconds": n - 1} for n in range(5)],
        "categories": [{"id": 1, "name": "disc"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]},
            {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {"image_id": 2, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 3},
            {"image_id": 3, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]},
        ],
    }
    path.write_text(json.dumps(content))
    problems = Problems("error")
    found = read_annotations(path, Known("0.jpg", "1.jpg", "2.jpg", "3.jpg"), problems)
    assert found.images == ["3.jpg"]
    assert boxes(found) == [("3.jpg", "disc", [1, 2, 4, 6])]
    assert found.seconds == {"3.jpg": 2}
    with pytest.raises(DataError) as raised:
        problems.settle()
    said = "\n".join(raised.value.problems)
    assert len(raised.value.problems) == 5
    for part in (
        "images.seconds: expected a number of seconds: images[0] (got -1)",
        f"there is no such image: {path}: 4.jpg",
        "annotations.bbox: expected four finite numbers [x, y, width, height]: annotations[0]",
        "annotations.score: expected a number from 0 to 1: annotations[2] (2.jpg: got 3)",
        "annotations.image_id: no image has this id: annotations[4] (got 9)",
    ):
        assert part in said


RESULTS = [
    {"image_id": 1, "category_id": 9, "bbox": [40, 50, 60, 60], "score": 0.91},
    {"image_id": 1, "category_id": 7, "bbox": [178, 88, 84, 84], "score": 0.42},
]


def test_results_have_the_numbers_of_the_instances_beside_them(tmp_path: Path) -> None:
    results, problems = tmp_path / "results.json", Problems("error")
    results.write_text(json.dumps(RESULTS))
    read_predictions(results, Known("a.jpg"), problems)
    with pytest.raises(DataError, match="put the file of instances beside it"):
        problems.settle()
    problems = Problems("error")
    written(tmp_path / "instances.json", BOX)
    found = read_predictions(results, Known("a.jpg"), problems)
    problems.settle()
    assert boxes(found)[0] == ("a.jpg", "box", [40, 50, 100, 110])
    assert [thing.score for thing in found.objects] == [0.91, 0.42]
    with pytest.raises(DataError, match="what a model found is no answer of people"):
        read(results, Known("a.jpg"))


def test_all_that_is_wrong_with_files_is_told(tmp_path: Path) -> None:
    written(tmp_path / "a.json", {"bbox": [1, 2, 3, 4]})
    text = (tmp_path / "a.json").read_text()
    for name in ("b", "c"):
        (tmp_path / f"{name}.json").write_text(text[:-1])
    with pytest.raises(DataError) as told:
        read(tmp_path, Known("a.jpg"))
    first, second = told.value.problems
    assert (f"{tmp_path}/b.json" in first, f"{tmp_path}/c.json" in second) == (True, True)
    (tmp_path / "x.json").write_text('{"images": {}, "categories": 3, "annotations": null}')
    with pytest.raises(DataError) as told:
        read(tmp_path / "x.json", Known("a.jpg"))
    assert len(told.value.problems) == 3


def test_several_files_of_one_folder(tmp_path: Path) -> None:
    written(tmp_path / "1.json", BOX)
    written(tmp_path / "2.json", BOX, name="b.jpg", categories=[{"id": 9, "name": "third"}])
    found = read(tmp_path, Known("a.jpg", "b.jpg"))
    assert found.classes == ("disc", "box", "third")
    assert [(t.owner, t.name) for t in found.objects] == [("a.jpg", "box"), ("b.jpg", "third")]
    written(tmp_path / "3.json", BOX)
    with pytest.raises(
        DataError, match=r"both .*1\.json and .*3\.json list the image: a\.jpg; give"
    ):
        read(tmp_path, Known("a.jpg", "b.jpg"))


def test_a_list_of_images_beside_instances_is_left_out(tmp_path: Path) -> None:
    written(tmp_path / "instances.json", BOX)
    bare = tmp_path / "image_info.json"
    written(bare, name="b.jpg", categories=[])
    found = read(tmp_path, Known("a.jpg", "b.jpg"))
    assert (found.images, len(found.objects)) == (["a.jpg"], 1)
    assert f"{bare}: left out, as it has no categories and no annotations" in found.notes
    assert read(bare, Known("a.jpg", "b.jpg")).images == ["b.jpg"], "alone it may be meant"


def test_a_file_of_another_kind_beside_instances_is_left_out(tmp_path: Path) -> None:
    written(tmp_path / "instances.json", BOX)
    captions = written(tmp_path / "captions.json", {"caption": "a disc"})
    found = read(tmp_path, Known("a.jpg"))
    assert (found.images, len(found.objects)) == (["a.jpg"], 1)
    assert f"{captions}: left out, as it holds captions" in found.notes
    with pytest.raises(DataError, match="is a file of another kind, captions: expected instances"):
        read(captions, Known("a.jpg"))


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ((0.5, 0.9), True),
        ((0.5, None), False),  # a proposal that was left, and an object that somebody drew
        ((0.5, 0), False),  # CVAT gives what people draw the attribute of the proposals, 0
    ],
)
def test_answers_that_all_have_scores_are_suspected(
    tmp_path: Path, scores: tuple[float, ...], told: bool
) -> None:
    path = written(tmp_path / "x.json", *(BOX | {"score": score} for score in scores))
    found = read(path, Known("a.jpg"))
    note = f"{path}: every annotation has a score, as what a model found does; taken as answers of"
    assert any(note in each for each in found.notes) == told
    assert len(found.objects) == 2
    predicted = read_predictions(path, Known("a.jpg"), Problems("error"))
    assert not any("answers of people" in each for each in predicted.notes)


def test_classes_of_results_without_instances_are_numbers(tmp_path: Path) -> None:
    (path := tmp_path / "x.json").write_text(json.dumps([RESULTS[0] | {"image_id": "a.jpg"}]))
    note = f"{path}: classes are called by their numbers: the file of instances"
    for named in (False, True):
        problems = Problems("error")
        found = read_predictions(path, Known("a.jpg"), problems)
        problems.settle()
        assert [thing.name for thing in found.objects] == ["box" if named else "9"]
        assert any(each.startswith(note) for each in found.notes) != named
        written(tmp_path / "instances.json", BOX)


def test_the_area_of_a_proposal_is_that_of_its_box(tmp_path: Path) -> None:
    asked = sheet({"a.jpg": [Proposal("disc", (10, 20, 40, 60), 0.5)]})
    (row,) = json.loads(write_query("coco", asked, tmp_path).read_text())["annotations"]
    assert (row["bbox"], row["area"]) == ([10, 20, 30, 40], 1200)
    assert row["id"] == 1, "some programs take 0 for none"


ODD = st.sampled_from(
    [None, True, False, 0, 1, 2, -1, 0.5, 1.0, 1e308, math.nan, math.inf, 10**400, "1", "x", [], {}]
)
ROWS = st.fixed_dictionaries(
    {"image_id": ODD, "category_id": ODD, "bbox": st.lists(ODD, max_size=5) | ODD},
    optional={
        "area": ODD,
        "iscrowd": ODD,
        "score": ODD,
        "difficult": ODD,
        "attributes": ODD | st.fixed_dictionaries({"score": ODD}),
    },
)
USUAL = st.fixed_dictionaries(
    {
        "image_id": st.just(1),
        "category_id": st.just("x"),
        "bbox": st.lists(st.floats(-1e3, 1e3) | st.integers(-9, 9), min_size=4, max_size=4),
    },
    optional={"area": ODD, "iscrowd": st.sampled_from([0, 1]), "score": st.floats(0, 1)},
)


@given(ROWS | USUAL)
def test_the_quick_way_is_the_slow_one(row: dict[str, Any]) -> None:
    owners, categories = {1: "a", "x": "b"}, {1: "disc", "x": "box"}
    quick = quick_object(row, owners, categories)
    if quick is not None:
        slow = read_object(row, owners[row["image_id"]], ById(categories.items()))
        assert repr(quick) == repr(slow)


def test_the_quick_way_takes_what_is_usual() -> None:
    row = {"image_id": 1, "category_id": 1, "bbox": [1, 2.5, 3, 4], "iscrowd": 0, "area": 12}
    for more in ({}, {"score": 0.5}, {"attributes": {"occluded": False}}):
        assert quick_object(row | more, {1: "a"}, {1: "disc"}) is not None


def test_a_run_length_encoding_of_another_picture(tmp_path: Path) -> None:
    """Of twice the size, cut off, or of other sides: its box would be elsewhere."""
    whole, wide = rle(compressed=True), {"width": 320, "height": 240}
    assert whole["size"] == [240, 320]
    cut = whole | {"counts": whole["counts"][: len(whole["counts"]) // 2]}
    others = ({"size": [480, 640]}, {"size": [320, 240]}, {"counts": "!!!???"})
    small = rle(compressed=False) | {"size": [2, 2]}
    for outline in (*(whole | other for other in others), cut, small):
        path = written(tmp_path / "x.json", {"segmentation": outline}, image=wide)
        with pytest.raises(DataError) as raised:
            read(path, Known("a.jpg"))
        (said,) = raised.value.problems
        assert "annotations.segmentation: expected RLE of the size [240, 320], that of" in said


@given(st.integers(0, 2**60 - 1), st.integers(1, 12))
def test_compressed_runs_are_those_of_pycocotools(bits: int, height: int) -> None:
    pixels = np.array([bits >> n & 1 for n in range(60)], np.uint8).repeat(9)[: 36 * height]
    encoded = mask.encode(np.asfortranarray(pixels.reshape(height, -1)))
    flat = pixels.reshape(height, -1).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=0)).tolist()
    runs = np.diff([0, *edges, len(flat)]).tolist()
    assert _counts(encoded["counts"].decode()) == runs


def test_tables_after_a_long_beginning(tmp_path: Path) -> None:
    """CVAT writes categories first."""
    names = [{"id": n, "name": f"class {n}" * 4} for n in range(2000)]
    rows = [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}]
    content = {
        "categories": names,
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": rows,
    }
    (tmp_path / "x.json").write_text(json.dumps(content))
    assert boxes(read(tmp_path / "x.json", Known("a.jpg")))[0][2] == [1, 2, 4, 6]


def test_results_that_are_masks_alone(tmp_path: Path) -> None:
    row = {"image_id": "a.jpg", "category_id": 1, "score": 0.5}
    path, problems = tmp_path / "x.json", Problems("error")
    path.write_text(json.dumps([row | {"segmentation": rle(compressed=True)}]))
    found = read_predictions(path, Known("a.jpg"), problems)
    problems.settle()
    assert boxes(found)[0][2] == [10, 20, 20, 50]
    path.write_text(json.dumps([row]))
    read_predictions(path, Known("a.jpg"), problems)
    with pytest.raises(DataError, match=r"annotations\.bbox: expected four finite numbers"):
        problems.settle()


def test_answers_beside_results_are_not_what_their_numbers_are_of(tmp_path: Path) -> None:
    rows = [
        {"image_id": name, "category_id": n, "bbox": [1, 2, 3, 4], "score": 0.5}
        for n, name in enumerate(("a.jpg", "b.jpg"))
    ]
    path, known = tmp_path / "preds.json", Known("a.jpg", "b.jpg")
    path.write_text(json.dumps(rows))
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/query.json").write_text('{"images": [{"proposals": []}]}')
    written(tmp_path / "annotations/coco.json")
    problems = Problems("error")
    found = read_predictions(path, known, problems)
    assert [thing.name for thing in found.objects] == ["0", "1"]
    assert any("annotations/coco.json is not what its numbers are of" in n for n in found.notes)
    written(tmp_path / "answers.json", {"bbox": [1, 2, 3, 4]})
    found = read_predictions(path, known, problems)
    assert [thing.name for thing in found.objects] == ["0", "1"]
    assert any("answers.json is not what its numbers are of: it lacks" in n for n in found.notes)
    problems.settle()


@pytest.mark.parametrize(("first", "told"), [(1, False), (2, True)])
def test_numbers_that_are_names_of_other_pictures_are_told(
    tmp_path: Path, first: int, told: bool
) -> None:
    """Ultralytics makes 1 of 001.jpg, which may be the number of another in a file beside it."""
    names = ["001.jpg", "002.jpg"]
    row = {"category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5}
    images = [{"id": (first + n) % 2 or 2, "file_name": name} for n, name in enumerate(names)]
    written(tmp_path / "val.json", images=images)
    path = tmp_path / "preds.json"
    path.write_text(json.dumps([row | {"image_id": 1}, row | {"image_id": 2}]))
    problems = Problems("error")
    found = read_predictions(path, Known(*names), problems)
    problems.settle()
    assert len(found.objects) == 2
    assert any("would be of others: take that file away" in note for note in found.notes) == told


@pytest.mark.parametrize("third", ["in/001.jpg", "x.jpg"])
def test_numbers_are_no_names_where_one_is_none_or_that_of_two_pictures(
    tmp_path: Path, third: str
) -> None:
    names = ["002.jpg", "001.jpg", third]
    row = {"category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5}
    images = [{"id": n, "file_name": name} for n, name in enumerate(names, 1)]
    written(tmp_path / "val.json", images=images)
    (tmp_path / "preds.json").write_text(json.dumps([row | {"image_id": n} for n in (1, 2, 3)]))
    problems = Problems("error")
    found = read_predictions(tmp_path / "preds.json", Known(*names), problems)
    problems.settle()
    assert [thing.owner for thing in found.objects] == names
    assert not any("take that file away" in note for note in found.notes)


def test_results_of_two_models_in_a_folder_are_not_one(tmp_path: Path) -> None:
    """Parts of one model's are, cut within an image, too."""
    row = {"category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    for name, images in (("a.json", "ab"), ("b.json", "bcd")):
        rows = [row | {"image_id": f"{image}.jpg"} for image in images]
        (tmp_path / name).write_text(json.dumps(rows))
    known, problems = Known(*(f"{image}.jpg" for image in "abcd")), Problems("error")
    found = read_predictions(tmp_path, known, problems)
    assert [thing.owner[0] for thing in found.objects] == [*"abbcd"]
    rows = [row | {"image_id": f"{image}.jpg"} for image in "cd"]
    (tmp_path / "c.json").write_text(json.dumps(rows))
    read_predictions(tmp_path, known, problems)
    with pytest.raises(DataError, match=r"several files of results are of an image .*d\.jpg"):
        problems.settle()


def test_instances_are_those_beside_results_and_are_named(tmp_path: Path) -> None:
    """Answers of an old run in a folder below have numbers of their own."""
    row = {"image_id": "a.jpg", "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5}
    path, known = tmp_path / "preds.json", Known("a.jpg")
    path.write_text(json.dumps([row]))
    (tmp_path / "old/answers").mkdir(parents=True)
    written(tmp_path / "old/answers/cycle_00.json")
    problems = Problems("error")
    found = read_predictions(path, known, problems)
    assert [thing.name for thing in found.objects] == ["7"]
    assert [note.partition(": ")[2][:18] for note in found.notes] == ["classes are called"]
    (tmp_path / "annotations").mkdir()
    beside = written(tmp_path / "annotations/val.json")
    said = f"{path} names its images, and its classes are taken for the numbers of {beside}"
    found = read_predictions(path, known, problems)
    assert ([thing.name for thing in found.objects], found.notes) == (["disc"], [said])
    path.write_text(json.dumps([row, {**row, "category_id": 8}]))
    read_predictions(path, known, problems)
    with pytest.raises(DataError, match=rf"no category of {beside} has this id"):
        problems.settle()
    path.write_text(json.dumps([{**row, "category_id": n} for n in (7, 8, 10)]))
    found = read_predictions(path, known, Problems("error"))
    assert [thing.name for thing in found.objects] == ["7", "8", "10"]
    assert any(f"{beside} is not what its numbers are of" in note for note in found.notes)


def test_the_name_of_a_file_goes_before_the_number_that_was_made_of_it(tmp_path: Path) -> None:
    """As Ultralytics writes both; what lists but some of the pictures has other numbers."""
    row = {"category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5}
    rows = [row | {"image_id": n, "file_name": f"00{n}.jpg"} for n in (1, 2)]
    path, known, problems = tmp_path / "preds.json", Known("001.jpg", "002.jpg"), Problems("error")
    path.write_text(json.dumps(rows))
    beside = written(tmp_path / "some.json", name="002.jpg")
    found = read_predictions(path, known, problems)
    assert [(t.owner, t.name) for t in found.objects] == [("001.jpg", "7"), ("002.jpg", "7")]
    assert any(f"{beside} is not what its numbers are of" in note for note in found.notes)
    path.write_text(json.dumps([row | {"image_id": 1, "file_name": ""}]))
    found = read_predictions(path, known, problems)
    assert [(t.owner, t.name) for t in found.objects] == [("002.jpg", "disc")]
    problems.settle()
