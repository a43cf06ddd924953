"""One dataset that breaks each rule of the conformance kit, and one that breaks none."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alframe.datasets.base import Dataset, Target
from alframe.testing import check_dataset
from tests.fakes import FakeImages, fake_dataset

OWN = np.random.default_rng(0)
"""A generator that nobody handed over: it goes on from call to call."""


class KnowsTargets(FakeImages):
    def __init__(self) -> None:
        super().__init__()
        self._cache = {"x": [lambda: None, {"deep": [Target.of([], [])]}]}


class AsksAFunction(FakeImages):
    def __init__(self) -> None:
        super().__init__()
        targets = {"x": Target.of([], [])}
        self._ask = lambda item: targets[item]


class NewEachTime(FakeImages):
    def read(self, item: str) -> Any:
        return OWN.integers(0, 256, (8, 8, 3), np.uint8)


class Floats(FakeImages):
    def read(self, item: str) -> Any:
        return super().read(item) / 255


class WrongSize(FakeImages):
    def size(self, item: str) -> tuple[int, int]:
        return 9, 8


class NewStamp(FakeImages):
    def stamp(self, item: str) -> str:
        return str(OWN.random())


def only(split: str) -> dict[str, Target]:
    """The targets, with objects in one of the splits alone."""
    empty = Target.of([], [])
    return {i: t if i.startswith(split) else empty for i, t in fake_dataset().targets.items()}


def but(**changes: Any) -> Callable[[], Dataset]:
    return lambda: replace(fake_dataset(), **changes)


def with_target(target: Any) -> Callable[[], Dataset]:
    return but(targets={**fake_dataset().targets, "p003": target})


def shuffled() -> Dataset:
    labels = OWN.integers(0, 10**6, 12)
    classes = tuple(f"class {n}" for n in range(10**6))
    known = fake_dataset()
    targets = {i: Target.of([[1, 1, 6, 7]], [n]) for i, n in zip(known.pool, labels, strict=True)}
    return replace(known, classes=classes, targets={**known.targets, **targets})


def drawn_globally() -> Dataset:
    random.random()
    return fake_dataset()


def test_a_good_dataset_passes() -> None:
    check_dataset(fake_dataset)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (but(classes=["a", "b"]), "classes is .*: expected a tuple of names"),
        (but(classes=("a", "a")), "classes is .'a', 'a'.: expected each name once"),
        (but(pool=("p001", "p000")), "pool is not sorted: expected .'p000', 'p001'. first"),
        (but(pool=("p000", "p000")), "pool holds an id twice: expected unique ids"),
        (but(classes=("a", "b\n")), r"has names of classes that are no line of text: 'b.n'"),
        (but(pool=(1, 2)), "pool is .1, 2.: expected a tuple of strings"),
        (but(test=()), r"'t000'.* have a target, but are in no split: expected them in one"),
        (but(test=("p000", "t000")), "'p000'. are in pool and test: expected splits that share"),
        (but(test=("t000", "t999")), "t999 has no target: expected one, if without boxes"),
        (with_target(Target.of([[1, 1, 6, 7]], [2])), "p003: labels are .2.: expected 0 to 1"),
        (with_target(Target.of([[1, 1, 9, 7]], [0])), r"p003: boxes are .*: expected x1 < x2"),
        (with_target(Target.of([[6, 1, 1, 7]], [0])), r"expected x1 < x2, y1 < y2 in pixels"),
        (
            with_target(replace(Target.of([[1, 1, 6, 7]], [0]), crowd=np.zeros(2, bool))),
            r"p003: crowd is bool \(2,\): expected bool_? \(1,\); build it with Target.of",
        ),
        (with_target(None), "p003: its target is None: expected a Target"),
        (but(images=KnowsTargets()), "the images hold a reference to targets: expected none"),
        (but(images=AsksAFunction()), "the images hold a reference to targets: expected none"),
        (but(images=Floats()), "read gives float64 .*: expected uint8"),
        (but(images=WrongSize()), r"read gives uint8 \(8, 8, 3\): expected uint8 \(9, 8, 3\)"),
        (but(images=NewStamp()), "stamp gives .*: expected one string while the image does not"),
        (but(images=NewEachTime()), "expected the same pixels when the dataset is made a second"),
        (shuffled, "made a second time, the dataset has other classes, splits or annotations"),
        (but(targets=only("t")), "no image of pool shows an object: expected at least one"),
        (but(targets=only("p")), "no image of test shows an object: expected at least one"),
        (lambda: None, "the factory makes None: expected an alframe.datasets.base.Dataset"),
        (
            lambda: 1 / 0,
            "ZeroDivisionError: division by zero .test_check_dataset.py:.*: expec",
        ),
        (drawn_globally, "the dataset moved the global generator of random"),
    ],
)
def test_a_dataset_that_breaks_a_rule(broken: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_dataset(broken)


def test_all_broken_rules_are_told_at_once() -> None:
    splits = {"pool": ("p001", "p000"), "test": ("p000", "t000")}
    broken = but(classes=("a", "a", ""), images=KnowsTargets(), **splits)
    with pytest.raises(AssertionError) as raised:
        check_dataset(broken)
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == [
        "4 rules are broken",
        "- classes is ('a', 'a', '')",
        "- pool is not sorted",
        "- ['p000'] are in pool and test",
        "- the images hold a reference to targets",
        "(not tried, as it rests on the above",
    ]


def test_a_generator_that_is_moved_hides_no_other_rule() -> None:
    def moving() -> Any:
        drawn_globally()
        return but(classes=("a", "a"))()

    with pytest.raises(AssertionError) as raised:
        check_dataset(moving)
    told = str(raised.value)
    assert "the dataset moved the global generator of random" in told
    assert told.startswith("2 rules are broken:")
