"""Answers joined and compared, by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alframe.annotations.answers import CheckedAnswers, changed, merged, of_images
from alframe.annotations.vocabulary import Annotations
from alframe.datasets.objects import Annotated, Box
from tests.annotations.people import photographs


def thing(owner: str, *, name: str = "a", shift: float = 0.0) -> Annotated:
    box: Box = (1.0 + shift, 1.0, 5.0, 6.0)
    return Annotated(owner, name, box)


def answers(*objects: Annotated, images: str = "pq", ignored: str = "") -> Annotations:
    return Annotations(("a", "b"), list(images), list(objects), set(ignored), {"p": 2.0})


def test_what_was_said_last_counts() -> None:
    before = answers(thing("p"), thing("q"), ignored="")
    after = answers(thing("q", name="b"), images="qr", ignored="r")
    both = merged(before, after)
    assert both.images == ["p", "q", "r"]
    assert [(o.owner, o.name) for o in both.objects] == [("p", "a"), ("q", "b")]
    assert both.ignored == {"r"}
    assert of_images(both, {"q"}).objects == [thing("q", name="b")]


def test_an_answer_for_an_image_that_was_given_up_before() -> None:
    both = merged(answers(ignored="p"), answers(thing("p"), images="p"))
    assert both.ignored == set()
    assert changed(answers(ignored="p"), answers(thing("p"), images="p")) == {"p"}
    assert changed(answers(images="p"), answers(images="p", ignored="p")) == {"p"}


def test_what_an_answer_took_is_of_that_answer() -> None:
    untimed = replace(answers(images="p"), seconds={})
    assert merged(answers(), untimed).seconds == {}
    assert merged(untimed, answers()).seconds == {"p": 2.0}


@pytest.mark.parametrize("other", [{"crowd": True}, {"difficult": True}, {"name": "b"}])
def test_what_is_said_of_an_object_is_part_of_the_answer(other: dict[str, Any]) -> None:
    before, after = answers(thing("p")), answers(thing("p")._replace(**other))
    assert changed(before, after) == changed(after, before) == {"p"}
    assert changed(after, after) == set()


def test_a_pixel_is_rounding_and_two_are_not() -> None:
    before = answers(thing("p"), thing("p", name="b"))
    assert changed(before, answers(thing("p", name="b", shift=1), thing("p", shift=-1))) == set()
    assert changed(before, answers(thing("p"), thing("p", name="b", shift=1.5))) == {"p"}
    assert changed(before, answers(thing("p"))) == {"p"}
    assert changed(before, answers(thing("p"), thing("p"))) == {"p"}
    assert changed(before, answers(images="r")) == set()


def test_a_new_class_without_an_object_is_none(tmp_path: Path) -> None:
    dataset = photographs(tmp_path, ("a.png",))
    found = Annotations((), ["a.png"], [Annotated("a.png", "fox", (1, 1, 9, 9))])
    found.new = frozenset({"fox", "owl"})
    assert CheckedAnswers(found, dataset, tmp_path).new_classes == ("fox",)
