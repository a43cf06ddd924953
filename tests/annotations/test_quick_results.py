"""COCO results read as columns: to the letter what reading row by row gives, whatever they hold."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alframe.annotations import coco_results, json_rows
from alframe.annotations.formats import read_predictions
from alframe.datasets.coco_objects import quick_rows
from alframe.datasets.problems import Problems
from alframe.errors import DataError
from alframe.selecting.candidates import Candidates

INSTANCES = {
    "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(3)],
    "categories": [{"id": 1, "name": "cat"}, {"id": 7, "name": "dog"}],
    "annotations": [],
}
ROW = {"image_id": 1, "category_id": 1, "bbox": [1.0, 2, 3.5, 4], "score": 0.5}
ODD = (
    {"image_id": "1"}, {"image_id": 1.0}, {"image_id": True}, {"image_id": 9}, {"image_id": None},
    {"category_id": "1"}, {"category_id": 7.0}, {"category_id": 3}, {"category_id": []},
    {"bbox": [1, 2, 3]}, {"bbox": "1234"}, {"bbox": [1, 2, 3, float("nan")]}, {"bbox": None},
    {"bbox": [0, 0, 10**400, 1]}, {"bbox": [2**60 + 1, 0, 2**60 + 1, 1]}, {"bbox": [1, 2, True, 4]},
    {"bbox": [1e308, 0, 1e308, 1]}, {"bbox": {"x": 1, "y": 2, "w": 3, "h": 4}},
    {"score": 1}, {"score": 0}, {"score": 1.5}, {"score": -0.1}, {"score": "0.5"}, {"score": None},
    {"score": False}, {"scores": [0.5, 0.1]}, {"area": 3}, {"iscrowd": 1}, {"difficult": 1},
)  # fmt: skip


@pytest.fixture
def read(tmp_path, monkeypatch):
    def read(rows, *, instances, quick, at_once=json_rows.AT_ONCE):
        if instances:
            (tmp_path / "instances.json").write_text(json.dumps(INSTANCES))
        path = tmp_path / "results.json"
        path.write_text(json.dumps(rows))
        seen = []
        with monkeypatch.context() as patched:
            patched.setattr(json_rows, "AT_ONCE", at_once)
            own = quick_rows if quick else lambda _: None
            patched.setattr(
                coco_results, "quick_rows", lambda part: seen.append(own(part)) or seen[-1]
            )
            problems = Problems("error")
            ids = ["0.jpg", "1.jpg", "2.jpg"] if instances else None
            found = read_predictions(path, Candidates(ids), problems)
        try:
            problems.settle()
            told = []
        except DataError as error:
            told = error.problems
        things = [repr(thing) for thing in found.objects]  # of NaN nothing is equal
        return (found.classes, found.images, things, found.notes, told), seen

    return read


@pytest.mark.parametrize("instances", [True, False])
@pytest.mark.parametrize("change", ODD, ids=str)
def test_an_odd_row_among_others_is_read_as_by_itself(read, change, instances):
    rows = [ROW, {**ROW, "image_id": 2}, {**ROW, **change}, {**ROW, "score": 0.25}]
    outcomes = []
    for quick in (True, False):
        try:
            outcomes.append(read(rows, instances=instances, quick=quick)[0])
        except DataError as error:
            outcomes.append(error.problems)
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("name", [1, "a.jpg"])
def test_usual_rows_are_read_as_columns(read, name):
    rows = [{**ROW, "image_id": name}, {**ROW, "bbox": [0, 0, 1, 1]}] * 40
    expected, _ = read(rows, instances=False, quick=False)
    for at_once in (300, json_rows.AT_ONCE):
        found, parts = read(rows, instances=False, quick=True, at_once=at_once)
        assert found == expected
        assert None not in parts or at_once == 300  # the last part may be empty
    assert len(found[2]) == 80
    box = quick_rows(rows).box
    assert box[0].tolist() == [1.0, 2.0, 4.5, 6.0]


values = st.sampled_from
rows_of_any = st.lists(
    st.fixed_dictionaries(
        {
            "image_id": values([0, 1, 2, "1", "a.jpg", 9]),
            "category_id": values([1, 7, "7", 2]),
            "bbox": st.lists(values([0, 1.5, -3, 200]), min_size=4, max_size=4),
            "score": values([0, 1, 0.125, 0.5]),
        }
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=rows_of_any, at_once=values([120, 400, 1 << 21]))
def test_whatever_comes_in_whatever_parts(read, rows, at_once):
    whole = read(rows, instances=False, quick=False)[0]
    assert read(rows, instances=False, quick=True, at_once=at_once)[0] == whole


def test_what_is_read_in_parts_is_no_file_left_out(tmp_path):
    for name, content in (("instances", INSTANCES), ("results", [ROW] * 3), ("other", {"a": 1})):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    found = read_predictions(tmp_path, Candidates(["1.jpg"]), Problems("error"))
    assert found.notes[-1] == f"left out of {tmp_path}: 1 file not read: other.json"
