"""Label Studio's exports, of a real server and made up, and tasks written for it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from alframe.annotations.formats import read_annotations, read_predictions, write_query
from alframe.annotations.vocabulary import Proposal
from alframe.datasets.problems import Problems
from alframe.errors import DataError
from tests.annotations.known import Known, boxes, read, sheet

REAL = Path(__file__).parents[3] / "shared/formats"
IDS = tuple(f"batch1/img_{number:02d}.jpg" for number in range(10))
TRUE = [("disc", [40, 50, 100, 110]), ("box", [180, 90, 260, 170])]
EMPTY, SKIPPED = IDS[3], IDS[4]

real = pytest.mark.skipif(not REAL.is_dir(), reason="shared/formats is not there")


def region(kind="rectanglelabels", label: Any = "disc", more=None, **value: Any) -> dict[str, Any]:
    geometry = value or {"x": 12.5, "y": 20, "width": 18.75, "height": 25}
    named = {} if label is None else {kind: [label] if isinstance(label, str) else label}
    return {"id": "r", "type": kind, "value": geometry | named} | (more or {})


def task(*annotations: dict[str, Any], image="/data/local-files/?d=b/a.jpg", **more: Any) -> Any:
    return {"id": 5, "data": {"image": image}, "annotations": list(annotations)} | more


def written(path: Path, *tasks: Any) -> Path:
    (path / "x.json").write_text(json.dumps(tasks))
    return path / "x.json"


def test_an_image_of_another_size_is_told(tmp_path: Path) -> None:
    """As where the tool shows a picture as it lies, and we as it is meant."""
    shown = {"original_width": 240, "original_height": 320}
    path = written(tmp_path, task({"id": 1, "result": [region(more=shown)]}))
    (note,) = read(path, Known("b/a.jpg")).notes
    assert note.endswith("b/a.jpg (240 x 320, not 320 x 240)")


@pytest.mark.parametrize("first", [{}, {"annotations": None}, {"annotations": []}])
def test_the_first_task_need_not_be_annotated(tmp_path: Path, first: dict[str, Any]) -> None:
    done = task({"id": 1, "result": [region()]}, image="b.jpg")
    path = written(tmp_path, {"id": 1, "data": {"image": "a.jpg"}} | first, done)
    found = read(path, Known("a.jpg", "b.jpg"))
    assert (found.images, len(found.objects)) == (["b.jpg"], 1)


@real
def test_the_full_export(tmp_path: Path) -> None:
    found = read(REAL / "ls_export_JSON.json", Known(*IDS))
    assert found.images == list(IDS)
    expected = [(i, *thing) for i in IDS if i not in (EMPTY, SKIPPED) for thing in TRUE]
    assert boxes(found) == expected
    assert found.ignored == {SKIPPED}
    assert found.seconds == dict.fromkeys(IDS, 12.5)
    assert found.classes == ("box", "disc")
    assert found.notes == []


@real
@pytest.mark.parametrize("kind", ["COCO.zip", "YOLO.zip"])
def test_coco_and_yolo_are_read_where_they_are_safe(kind: str) -> None:
    found = read(REAL / f"ls_export_{kind}", Known(*IDS))
    assert found.images == [item for item in IDS if item not in (EMPTY, SKIPPED)]
    assert boxes(found) == [(i, *thing) for i in found.images for thing in TRUE]
    (note,) = found.notes
    assert note.endswith("export JSON")
    assert ": 1 image not taken" in note or ": 1 empty file not taken" in note


@real
def test_yolo_with_two_images_of_one_stem_is_refused() -> None:
    others = [item.replace("batch1", "batch2") for item in IDS]
    with pytest.raises(DataError, match=r"may mean several \(9 times\): .*; export JSON, which"):
        read(REAL / "ls_export_YOLO.zip", Known(*IDS, *others))


@real
def test_json_min_leaves_out_what_was_skipped() -> None:
    found = read(REAL / "ls_export_JSON_MIN.json", Known(*IDS))
    assert found.images == [item for item in IDS if item != SKIPPED]
    assert boxes(found) == [(i, *t) for i in found.images if i != EMPTY for t in TRUE]
    assert found.seconds == dict.fromkeys(found.images, 12.5)
    assert found.notes[0].endswith("leaves out skipped tasks; export JSON")


@real
def test_voc_is_refused() -> None:
    with pytest.raises(DataError, match=r"Label Studio's Pascal VOC export.*: export JSON"):
        read(REAL / "ls_export_VOC.zip", Known(*IDS))


@real
def test_predictions_are_no_answers() -> None:
    path, images = REAL / "label_studio_tasks_with_predictions.json", Known(*IDS)
    found = read(path, images)
    assert (found.images, found.objects) == ([], [])
    assert found.notes == [f"{path}: 2 tasks without annotations"]
    problems = Problems("error")
    predicted = read_predictions(path, images, problems)
    problems.settle()
    assert predicted.images == list(IDS[:2])
    assert boxes(predicted)[1] == (IDS[0], "box", [178, 88, 262, 172])
    assert [thing.score for thing in predicted.objects] == [0.91, 0.42] * 2


def turned_circle(degrees: float) -> Any:
    """Of 48 pixels around, in shares of an image that is not square."""
    return region("ellipselabels", x=50, y=50, radiusX=15, radiusY=20, rotation=degrees)


@pytest.mark.parametrize(
    ("result", "corners"),
    [
        (region(), [40, 48, 100, 108]),
        (region(x=10, y=10, width=10, height=10, rotation=90), [8, 24, 32, 56]),
        (region("polygonlabels", points=[[10, 10], [20, 10], [15, 50]]), [32, 24, 64, 120]),
        (region("ellipselabels", x=50, y=50, radiusX=10, radiusY=20), [128, 72, 192, 168]),
        (turned_circle(45), [112, 72, 208, 168]),
        (region("labels"), [40, 48, 100, 108]),
    ],
)
def test_regions(tmp_path: Path, result: Any, corners: list[float]) -> None:
    found = read(written(tmp_path, task({"result": [result]})), Known("b/a.jpg"))
    assert boxes(found) == [("b/a.jpg", "disc", corners)]
    assert math.isnan(found.objects[0].score)


def test_a_shape_and_its_label_may_be_two_results(tmp_path: Path) -> None:
    pair = [region("rectangle", None), region("labels"), {"type": "choices", "value": {}}]
    found = read(written(tmp_path, task({"result": pair})), Known("b/a.jpg"))
    assert boxes(found) == [("b/a.jpg", "disc", [40, 48, 100, 108])]
    assert found.notes[0].endswith("results that are no boxes: choices (1)")
    with pytest.raises(DataError, match="a region needs one label"):
        read(written(tmp_path, task({"result": pair[:1]})), Known("b/a.jpg"))


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (region(label=[]), "a region needs one label"),
        (region(label=["disc", "box"]), "a region needs one label"),
        (region(label=None), "a region needs one label"),
        (region(label=[3]), "a region needs one label"),
        (region(x=1, y=2, width=3), "a region is not what Label Studio writes"),
        (region(x=1, y=2, height=3), "a region is not what Label Studio writes"),
        (region("ellipselabels", x=1, y=2, radiusY=3), "a region is not what Label Studio writes"),
        (region("labels", x=1, y=2, height=3), "a region is not what Label Studio writes"),
        (region("", None, x=1, y=2, width=3, height=4), "a region needs one label"),
        (region(x="1", y=2, width=3, height=4), "a region is not what Label Studio writes"),
        (region(x=math.nan, y=2, width=3, height=4), "numbers that are not finite"),
        (region(x=True, y=2, width=3, height=4), "a region is not what Label Studio writes"),
        (region(more={"score": 3}), "a score is no number of 0..1"),
        (region(more={"score": True}), "a score is no number of 0..1"),
        ("text", "a region is not what Label Studio writes"),
        ({"value": {}}, "a region is not what Label Studio writes"),
    ],
)
def test_regions_that_are_none(tmp_path: Path, result: Any, said: str) -> None:
    path = written(tmp_path, task({"result": [region(), result]}))
    with pytest.raises(DataError, match=rf"{said}: {path}: task 5, result 2;"):
        read(path, Known("b/a.jpg"))


def test_a_region_that_is_no_box_does_not_make_an_empty_image(tmp_path: Path) -> None:
    point = {"type": "keypointlabels", "value": {"keypointlabels": ["disc"]}}
    brush = {"type": "brushlabels", "value": {"rle": [], "brushlabels": ["disc"]}}
    for result, remedy in ((point, "the image would count as"), (brush, "export its format BRUSH")):
        said = rf"a region is no box: {result['type']}: .* task 5; {remedy}"
        with pytest.raises(DataError, match=said):
            read(written(tmp_path, task({"result": [result]})), Known("b/a.jpg"))
    found = read(written(tmp_path, task({"result": [brush, region()]})), Known("b/a.jpg"))
    assert len(found.objects) == 1


def test_of_several_annotations_the_newest_not_cancelled(tmp_path: Path) -> None:
    old = {"id": 9, "result": [region(label="old")], "updated_at": "2026-01-01T00:00:00Z"}
    new = {"id": 2, "result": [region(label="new")], "updated_at": "2026-03-01T00:00:00Z"}
    gone = {"id": 3, "result": [], "updated_at": "2026-05-01T00:00:00Z", "was_cancelled": True}
    path = written(tmp_path, task(old, new | {"lead_time": 3}, gone))
    found = read(path, Known("b/a.jpg"))
    assert [thing.name for thing in found.objects] == ["new"]
    assert (found.ignored, found.seconds) == (set(), {"b/a.jpg": 3.0})
    assert found.notes == [f"{path}: 1 task with several annotations: the newest one is taken"]


@pytest.mark.parametrize(
    ("image", "item"),
    [
        ("/data/local-files/?d=b/a%20b.jpg", "b/a b.jpg"),
        ("/data/upload/3/1a2b3c4d-a_b.jpg", "a_b.jpg"),
        ("/data/upload/3/1a2b3c4d-a_b.jpg", "x/1a2b3c4d-a_b.jpg"),
        ("http://127.0.0.1:8080/data/upload/3/1a2b3c4d-a_1a2b3c4d-b.jpg", "a_1a2b3c4d-b.jpg"),
        ("s3://bucket/some/where/a.jpg", "where/a.jpg"),
        ("https://example.com/i/a%20b.jpg?w=3", "a b.jpg"),
        ("a.jpg", "a.jpg"),
    ],
)
def test_addresses(tmp_path: Path, image: str, item: str) -> None:
    path = written(tmp_path, task({"result": []}, image=image))
    assert read(path, Known(item)).images == [item]


def test_an_address_that_is_none_is_the_name_of_no_image(tmp_path: Path) -> None:
    path = written(tmp_path, task({"result": []}, image="http://[bad/a.jpg"))
    with pytest.raises(DataError, match=r"there is no such image: .*task 5: http://\[bad/a\.jpg"):
        read(path, Known("b.jpg"))


@pytest.mark.parametrize("start", ["", "https://tools.example.com/studio"])
def test_the_number_of_a_project_is_no_folder_of_the_dataset(tmp_path: Path, start: str) -> None:
    path = written(tmp_path, task({"result": []}, image=f"{start}/data/upload/3/1a2b3c4d-a.jpg"))
    with pytest.raises(DataError, match=r"may mean several: .*task 5: a\.jpg; rename"):
        read(path, Known("3/a.jpg", "x/a.jpg"))


def test_numbers_that_no_float_holds(tmp_path: Path) -> None:
    huge = {"result": [], "id": 10**400, "lead_time": 10**400}
    found = read(written(tmp_path, task(huge, {"result": [region()], "id": 2})), Known("b/a.jpg"))
    assert (found.objects, found.seconds) == ([], {})


def test_all_problems_at_once(tmp_path: Path) -> None:
    ours = {"data": {"image": "x", "alframe_id": "c.jpg"}}
    path, problems = tmp_path / "x.json", Problems("error")
    written(
        tmp_path,
        task({"result": []}),
        task({"result": []}, id=6),
        task({"result": []}, image="n.jpg"),
        task({"result": "x"}, **ours),
        {"data": {}, "annotations": [{"result": []}]},
        {"data": 3, "annotations": []},
        "text",
        task(),
    )
    found = read_annotations(path, Known("b/a.jpg", "c.jpg"), problems)
    assert found.images == []
    assert found.notes == [f"{path}: 1 task without annotations"]
    with pytest.raises(DataError) as raised:
        problems.settle()
    for part in (
        f"two tasks are about one image: {path}: task 6 and {path}: task 5",
        f"there is no such image: {path}: task 5: n.jpg",
        f"expected a list as result: {path}: task 5",
        f"the data of a task names no image, nor alframe_id: {path}: task 5;",
        f"expected a task with data (2 times): {path}: task 6, {path}: task 7",
    ):
        assert part in str(raised.value)


def test_one_prediction_a_task_with_all_boxes(tmp_path: Path) -> None:
    found = (Proposal("disc", (40, 60, 120, 180), 0.75), Proposal("box", (0, 0, 320, 240), 0.5))
    asked = sheet({"x/ä b.jpg": found, "b.jpg": ()}, scores=[0.75, 0.5])
    path = write_query("label-studio", asked, tmp_path)
    first, second = json.loads(path.read_text())
    assert first["data"] == {
        "image": "/data/local-files/?d=photos/x/%C3%A4%20b.jpg",
        "alframe_id": "x/ä b.jpg",
    }
    (one,) = first["predictions"]
    assert (one["score"], one["model_version"]) == (0.25, "cycle 2")
    assert [region["score"] for region in one["result"]] == [0.75, 0.5]
    assert one["result"][0]["value"] == {
        "x": 12.5,
        "y": 25.0,
        "width": 25.0,
        "height": 50.0,
        "rotation": 0,
        "rectanglelabels": ["disc"],
    }
    sides = one["result"][0]["original_width"], one["result"][0]["original_height"]
    assert sides == (320, 240)
    assert second["predictions"][0]["result"] == []
    config = (tmp_path / "labels.xml").read_text()
    assert '<Label value="disc"/>' in config
    assert 'toName="image"' in config


def test_the_most_uncertain_is_the_smallest_whatever_scores_are(tmp_path: Path) -> None:
    for scores in ([17.0, 3.0, None, -1.0], [17.0, 3.0, 0.5, 0.0], [0.5, 0.0, 0.0, -1.0]):
        asked = sheet({f"{n}.jpg": () for n in "abcd"}, scores=scores)
        tasks = json.loads(write_query("label-studio", asked, tmp_path).read_text())
        assert [one["predictions"][0]["score"] for one in tasks] == [0, 0.25, 0.5, 0.75]
    tasks = sheet({"a.jpg": ()}, proposed=False)
    (plain,) = json.loads(write_query("label-studio", tasks, tmp_path).read_text())
    assert "predictions" not in plain


def test_the_newest_by_time_and_not_by_its_text(tmp_path: Path) -> None:
    """An hour east of Greenwich it is an hour later there."""
    times = {"early": "2026-01-01T10:30:00+01:00", "late": "2026-01-01T10:00:00.5Z"}
    done = [
        {"id": n, "result": [region(label=name)], "updated_at": time}
        for n, (name, time) in enumerate(times.items())
    ]
    for order in (done, done[::-1]):
        found = read(written(tmp_path, task(*order)), Known("b/a.jpg"))
        assert [thing.name for thing in found.objects] == ["late"]


def test_regions_on_two_images_of_a_task(tmp_path: Path) -> None:
    pair = [region(more={"to_name": name}) for name in ("left", "right")]
    with pytest.raises(DataError, match=r"regions are of several images, left, right: .*task 5"):
        read(written(tmp_path, task({"result": pair})), Known("b/a.jpg"))
    assert len(read(written(tmp_path, task({"result": pair[:1]})), Known("b/a.jpg")).objects) == 1


def test_rows_without_a_number(tmp_path: Path) -> None:
    rows = [
        {"id": None, "image": f"{name}.jpg", "annotator": 1, "annotation_id": n, "label": []}
        for n, name in enumerate("ab")
    ]
    assert read(written(tmp_path, *rows), Known("a.jpg", "b.jpg")).images == ["a.jpg", "b.jpg"]


def test_an_export_that_is_cut_off(tmp_path: Path) -> None:
    """Somebody stopped the download."""
    path = written(tmp_path, task({"id": 1, "result": [region()]}, image="a.jpg"), task())
    path.write_text(path.read_text()[:-9])
    with pytest.raises(DataError, match=r"x\.json cannot be read as JSON .*; write or export it"):
        read(path, Known("a.jpg"))
