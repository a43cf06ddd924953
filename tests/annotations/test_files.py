"""People answer by files: in parts, with an image given up, and wrongly."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alframe.annotations.files import FilesOracle, answered
from alframe.datasets.base import Dataset
from alframe.errors import DataError, Waiting
from alframe.oracle import OracleSetup
from tests.fakes import fake_dataset

IDS = ("p000", "p001", "p002")


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset()  # images of 8 x 8


def filled(query: Path, answers: Path, boxes: dict[str, Any], **more: Any) -> None:
    """Write answers: boxes of some of the images that a query asks for."""
    content = json.loads(query.read_text())
    content["images"] = [i | more for i in content["images"] if i["file_name"] in boxes]
    for image in content["images"]:
        for box, category in boxes[image["file_name"]]:
            row = {"image_id": image["id"], "category_id": category, "bbox": box}
            content["annotations"].append(row | {"id": len(content["annotations"])})
    answers.write_text(json.dumps(content))


def test_a_query_is_written_once_and_answered_in_parts(dataset: Dataset, tmp_path: Path) -> None:
    oracle = FilesOracle(OracleSetup(dataset, tmp_path))
    with pytest.raises(Waiting) as waits:
        oracle.annotate(IDS, 1)
    query, answers = tmp_path / "queries/cycle_01/query.json", tmp_path / "answers/cycle_01.json"
    first, second = waits.value.problems
    assert first == "cycle 1 waits for 3 of 3 images to be annotated: p000, p001, p002"
    assert str(query) in second
    assert str(answers) in second
    asked = json.loads(query.read_text())
    assert asked["images"][0] == {"id": 1, "file_name": "p000", "width": 8, "height": 8}
    assert [c["name"] for c in asked["categories"]] == ["a", "b"]
    written = query.stat().st_mtime_ns
    filled(query, answers, {"p000": [([1, 1, 4, 5], 2)], "p002": []})
    with pytest.raises(Waiting, match="cycle 1 waits for 1 of 3 images to be annotated: p001"):
        oracle.annotate(IDS, 1)
    content = json.loads(answers.read_text())
    content["images"].append(asked["images"][1] | {"ignored": 1})
    answers.write_text(json.dumps(content))
    found = oracle.annotate(IDS, 1)
    assert found.ignored == {"p001"}
    assert found.targets["p002"].labels.tolist() == []
    assert found.targets["p000"].labels.tolist() == [1]
    np.testing.assert_array_equal(found.targets["p000"].require_boxes(), [[1, 1, 5, 6]])
    assert query.stat().st_mtime_ns == written
    assert oracle.annotate((), 2).targets == {}


def test_everything_wrong_is_said_at_once(dataset: Dataset, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    content = {
        "images": [{"id": 1, "file_name": "p000"}, {"id": 2, "file_name": "p001"}],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 1, 2, 2]},
            {"id": 2, "image_id": 2, "category_id": 1, "bbox": [20, 1, 2, 2]},
        ],
    }
    answers.write_text(json.dumps(content))
    with pytest.raises(DataError) as error:
        answered(answers, IDS, dataset)
    assert error.value.problems == (
        f"the class is unknown: {answers}: 'cat'; use one of a, b",
        f"the box is empty, or lies outside of its image: {answers}: p001; correct the file of "
        "answers",
    )
    content["images"].append({"id": 3, "file_name": "p009"})
    answers.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"the image was not asked for: .*p009; correct the file"):
        answered(answers, IDS, dataset)
    answers.write_text("{")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        answered(answers, IDS, dataset)
