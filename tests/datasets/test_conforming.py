"""Datasets as plugins make them: each slip is named, and before anything is trained."""

import re
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alframe.datasets.base import Dataset, Target
from alframe.datasets.conforming import conforming
from alframe.datasets.shapes import shapes
from alframe.datasets.suspicions import wrong_targets
from alframe.errors import DataError

CAT = Target.of([[1, 2, 30, 40]], [0])
PLAIN = Dataset(
    name="made",
    classes=("cat", "dog"),
    images=shapes(pool=1, test=1).images,
    targets={"a": CAT, "in/b..c": CAT, "t": CAT},
    pool=("a", "in/b..c"),
    test=("t",),
)


def refusal(**changes: Any) -> tuple[str, ...]:
    with pytest.raises(DataError) as error:
        conforming(replace(PLAIN, **changes))
    assert all(problem.startswith("the dataset made has ") for problem in error.value.problems)
    return tuple(p.removeprefix("the dataset made has ") for p in error.value.problems)


def test_names_of_any_sequence_become_plain_text() -> None:
    """Otherwise they would be other ones in the fingerprint of a resumed run, or in answers."""
    pool = list(np.array(["a", "in/b..c"]))
    made = conforming(replace(PLAIN, classes=["cat", "dog"], pool=pool, test=np.array(["t"])))
    assert (made.classes, made.pool, made.test) == (PLAIN.classes, PLAIN.pool, PLAIN.test)
    assert {type(name) for name in (*made.classes, *made.pool, *made.test)} == {str}
    assert made.fingerprint() == PLAIN.fingerprint()


@pytest.mark.parametrize(
    ("changes", "needles"),
    [
        ({"classes": "ab"}, ["'ab' for classes: expected a tuple of texts"]),
        ({"classes": {0: "a"}}, ["{0: 'a'} for classes: expected a tuple of texts"]),
        ({"classes": (0, 1)}, ["0 in classes: expected text"]),
        ({"pool": {"a"}, "test": None}, ["{'a'} for pool: expected", "None for test: expected"]),
        ({"pool": (1, 2), "test": [b"t"]}, ["1 in pool: expected text", "b't' in test: expected"]),
        ({"pool": (name for name in "ab")}, ["for pool: expected a tuple of texts"]),
        ({"targets": [CAT]}, ["a list for targets: expected a mapping by id"]),
        ({"images": {}}, ["a dict for images, without read, size, stamp: expected an alframe."]),
        ({"on_bad_item": "ignore"}, ["on_bad_item='ignore': expected 'error' or 'skip'"]),
        ({"notes": "some"}, ["'some' for notes: expected a tuple of sentences"]),
        ({"notes": (1,)}, ["(1,) for notes: expected a tuple of sentences"]),
        ({"classes": ("a", "")}, ["names of classes that are no line of text: ''"]),
        ({"classes": ("a", "b\n")}, [r"names of classes that are no line of text: 'b\n'"]),
    ],
)
def test_what_is_of_another_type(changes: dict[str, Any], needles: list[str]) -> None:
    for problem, needle in zip(refusal(**changes), needles, strict=True):
        assert needle in problem


@pytest.mark.parametrize("name", [3, "", "a\nb", "\udce9"])
def test_a_name_that_is_no_line(name: Any) -> None:
    with pytest.raises(DataError, match=r"has the name .*: expected a line of text"):
        conforming(replace(PLAIN, name=name))


def test_ids_that_are_no_names_of_files() -> None:
    ids = ("/abs/x", "../x", "a/../../x", "C:\\x", "two\nlines", "n\0", "no\udce9", "", "fine")
    assert refusal(pool=ids, test=()) == (
        r"ids that are no line of text: 'two\nlines', 'n\x00', 'no\udce9', ''",
        "ids that are no relative paths: /abs/x, ../x, a/../../x, C:\\x",
    )


def test_names_that_are_there_twice_and_targets_that_are_not() -> None:
    changes = {"pool": ("a", "a", "t"), "test": ("t", "d")}
    with pytest.raises(DataError) as error:
        conforming(replace(PLAIN, classes=("cat", "dog", "cat"), **changes))
    assert error.value.problems == (
        "the dataset made names a class twice: cat",
        "the dataset made has an id twice in a split: a",
        "the dataset made has an id in both splits: t",
        "the dataset made has no target for an id of the test split: d",
    )


@pytest.mark.parametrize(
    "target",
    [
        Target.of([[1, 2, 3, 4]] * 2, [0]),
        Target.of([[1, 2, 3, 4]] * 2, [0, 1], difficult=[True]),
        Target.of([[1, 2, 3, 4]] * 2, [0, 1], area=[1, 2, 3]),
        Target.of([[1, 2, 3, 4]], [0], area=3),
        replace(CAT, labels=np.array([0.0])),
        replace(CAT, boxes=np.zeros((1, 5), np.float32)),
        replace(CAT, boxes=np.ones(4, np.float32)),
        replace(CAT, crowd=np.zeros(1, np.uint8)),
        replace(CAT, area=None),  # type: ignore[arg-type]
        replace(CAT, labels=np.int64(0)),  # type: ignore[arg-type]
        Target(None, *(np.zeros((), each) for each in (np.int64, bool, bool, np.float32))),
    ],
)
def test_arrays_of_another_shape_or_type(target: Target) -> None:
    (problem,) = refusal(targets={**PLAIN.targets, "a": target})
    assert problem.startswith("targets of other arrays than labels int64 [N], boxes")
    assert problem.endswith("Target.of makes them: a")
    assert wrong_targets({"x": target}, 2) == [problem.removesuffix("a") + "x"]  # of answers


def test_targets_that_are_none() -> None:
    found: dict[str, Any] = {**PLAIN.targets, "a": {"boxes": []}, "t": None}
    (problem,) = refusal(targets=found)
    assert problem == "targets that are no alframe.datasets.base.Target: a, t"
    with pytest.raises(ValueError, match="labels are whole numbers"):
        Target.of([[1, 2, 3, 4]], [0.9])


@pytest.mark.parametrize(
    ("task", "what"), [("detection", "boxes"), ("segmentation", "a mask")]
)  # fmt: skip
def test_targets_of_another_task(task: str, what: str) -> None:
    whole = replace(PLAIN, task=task, targets=dict.fromkeys(PLAIN.targets, Target.of(None, [0])))
    with pytest.raises(DataError, match=f"targets without {what}, where the task is {task}: a, in"):
        conforming(whole)
    assert conforming(replace(whole, task="classification")).targets == whole.targets


def test_an_image_has_one_class() -> None:
    """As one-hot rows by mistake, of which the first number would count."""
    targets = dict.fromkeys(PLAIN.targets, Target.of(None, [])) | {"a": Target.of(None, [0, 1])}
    with pytest.raises(DataError, match=r"with several .*the task is classification: a$"):
        conforming(replace(PLAIN, task="classification", targets=targets))


@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 2, 4), (8,), (4, 0, 1), (4,)])
def test_boxes_are_rows_of_four(shape: tuple[int, ...]) -> None:
    """Transposed ones would be read across; of no boxes, any shape will do."""
    boxes = np.zeros(shape)
    if boxes.size in (0, 4):
        count = boxes.size // 4
        assert Target.of(boxes, [0] * count).require_boxes().shape == (count, 4)
    else:
        with pytest.raises(ValueError, match=re.escape(f"{list(shape)}: expected [N, 4]")):
            Target.of(boxes, [0])


def test_a_kind_of_dataset_of_its_own() -> None:
    class Mine(Dataset):
        def __init__(self) -> None:
            super().__init__(**{each.name: getattr(PLAIN, each.name) for each in fields(PLAIN)})

    assert conforming(Mine()).fingerprint() == PLAIN.fingerprint()
    alike: Any = SimpleNamespace(**vars(PLAIN))
    with pytest.raises(DataError, match=r"is a SimpleNamespace: expected an alframe\.datasets\."):
        conforming(alike)
