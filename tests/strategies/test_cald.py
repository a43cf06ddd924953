import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

from alframe.datasets.base import Target
from alframe.errors import ConfigError, SelectionError
from alframe.signals import AUGMENTED, DETECTIONS, Detections
from alframe.strategies.cald import CALD, consistency, divergence, largest_scores
from alframe.strategies.power import Power
from tests.strategies.asking import Maker, detections, query

BOX, HALF, AWAY = [0, 0, 10, 10], [0, 0, 10, 5], [50, 50, 60, 60]


def makers(*views: tuple[dict, dict]) -> dict[str, Maker]:  # type: ignore[type-arg]
    """Detections, and those of each change: probabilities of classes and boxes by image."""
    first, *others = (detections(probs, boxes=boxes) for probs, boxes in views)
    return {DETECTIONS: first, AUGMENTED: lambda ids: tuple(make(ids) for make in others)}


def test_divergence_by_hand() -> None:
    p, q = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])
    mean = (0.75, 0.25)
    expected = -sum(x * math.log(x) for x in mean) - math.log(2) / 2
    assert float(divergence(p, q)) == pytest.approx(expected, abs=1e-6)
    assert float(divergence(p, 1 - p)) == pytest.approx(math.log(2), abs=1e-6)
    assert float(divergence(q, q)) == pytest.approx(0, abs=1e-6)


def test_consistency_by_hand() -> None:
    """Half of the box and another class: 0.5 + (1 - log 2) (0.8 + 0.4) / 2; alone: the like."""
    found = detections({"x": [[0.8, 0.0]]}, boxes={"x": [BOX]})("x")
    view = detections({"x": [[0.9, 0.0], [0.0, 0.4]]}, boxes={"x": [AWAY, HALF]})("x")
    value = consistency(found, view, view.valid)
    assert value.tolist() == [[pytest.approx(0.5 + (1 - math.log(2)) * 0.6, abs=1e-6)]]
    view = detections({"x": [[0.9, 0.0], [0.0, 0.4]]}, boxes={"x": [BOX, HALF]})("x")
    assert torch.equal(consistency(found, view, torch.tensor([[False, True]])), value)
    same = consistency(found, found, found.valid)
    assert same.tolist() == [[pytest.approx(1 + 0.8, abs=1e-6)]]


def test_the_least_consistent_of_each_change_counts() -> None:
    """Of x, one change leaves 1.8 (0.5 off), the other finds nothing (0): on average 0.25.

    Of y, the second box is 1.3 - 0.2 = 1.1 off, which counts as 1, and the first 0.05, twice.
    """
    one = {"x": [[0.8, 0.0]], "y": [[0.25, 0.0], [0.2, 0.0]], "z": []}
    boxes = {"x": [BOX], "y": [BOX, AWAY], "z": torch.zeros(0, 4)}
    nothing = {"x": [], "y": [[0.25, 0.0]], "z": [[0.9, 0.0]]}
    less = {"x": torch.zeros(0, 4), "y": [BOX], "z": [BOX]}
    asked = query(makers((one, boxes), (one, boxes), (nothing, less)), "xyz", 3)
    scores = CALD().scores(asked)
    assert scores["x"] == pytest.approx(1 - (0.5 + 0) / 2)
    assert scores["y"] == pytest.approx(1 - (0.05 + 0.05) / 2)
    assert scores["z"] == 1, "nothing on the image as it is"
    assert CALD(empty="last").scores(asked)["z"] == 0
    assert CALD(base=0.2).scores(query(makers((one, boxes), (one, boxes)), "y", 1))[
        "y"
    ] == pytest.approx(1 - min(1, 1.25 - 0.2))


def test_of_the_candidates_those_of_other_classes_than_the_labelled() -> None:
    """All are as informative; labelled is class a, so b is new, and nothing at all newest.

    A crowd of b does not count.
    """
    found = {"a": [[0.3, 0.0]], "b": [[0.0, 0.3]], "c": [[0.3, 0.0]], "none": []}
    boxes = {"a": [BOX], "b": [BOX], "c": [BOX], "none": torch.zeros(0, 4)}
    targets = {"l": Target.of([BOX] * 5, [0, 0, 1, 1, 1], crowd=[0, 0, 1, 1, 1])}
    asked = query(
        makers((found, boxes), (found, boxes)), sorted(found), 2, labelled=["l"], targets=targets
    )
    assert CALD(factor=2).select(asked).ids == ("none", "b")
    assert CALD(factor=2, empty="last").select(asked).ids == ("b", "a")
    assert CALD(factor=1).select(asked).ids == ("none", "a"), "b is no candidate"


def test_objects_are_counted_by_labelled_image() -> None:
    """Half an object of class a on each: 0.9 is farther off than 0.2."""
    found = {"x": [[0.9, 0.0]], "y": [[0.2, 0.0]]}
    boxes = {"x": [BOX], "y": [BOX]}
    targets = {"l": Target.of([BOX], [0]), "m": Target.of([], [])}
    views = makers((found, boxes), (found, boxes))
    asked = query(views, "xy", 1, labelled=["l", "m"], targets=targets)
    assert CALD(factor=2).select(asked).ids == ("x",)


def test_classes_are_those_of_the_image_and_its_changes_on_average() -> None:
    """0.9 of class b and nothing are less of it than 0.6 twice."""
    boxes = {"x": [BOX], "y": [BOX]}
    views = makers(
        ({"x": [[0.0, 0.9]], "y": [[0.0, 0.6]]}, boxes),
        ({"x": [[0.0, 0.0]], "y": [[0.0, 0.6]]}, boxes),
    )
    asked = query(views, "xy", 1, labelled=["l"], targets={"l": Target.of([BOX], [0])})
    assert CALD(factor=2).select(asked).ids == ("y",)


@pytest.mark.parametrize(("empty", "chosen"), [("first", "ba"), ("last", "ac")])
def test_nothing_on_the_image_is_nothing_whatever_its_changes_show(empty: Any, chosen: str) -> None:
    """In both stages: the authors' code leaves off before it looks at the changes."""
    boxes = {"a": [BOX], "b": torch.zeros(0, 4), "c": [BOX]}
    found = {"a": [[0.6, 0.3]], "b": [], "c": [[0.2, 0.1]]}
    changed = (
        {"a": [[0.6, 0.3]], "b": [[0.9, 0.05]], "c": [[0.2, 0.1]]},
        {item: [BOX] for item in "abc"},
    )
    asked = query(makers((found, boxes), changed), "abc", 2)
    assert CALD(factor=3, empty=empty).select(asked).ids == tuple(chosen)


def test_what_is_not_a_number_is_refused_wherever_it_is() -> None:
    """A detection far from all others is of no weight in the first stage; padding in none."""
    found = {"x": [[0.3, 0.0]], "y": [[0.2, 0.0]]}
    boxes = {"x": [BOX], "y": [BOX]}
    views = makers(
        (found, boxes), (found | {"y": [[0.2, 0.0], [0.1, 0.0]]}, boxes | {"y": [BOX, AWAY]})
    )

    def changed(ids: Sequence[str], *, valid: bool) -> tuple[Detections, ...]:
        (view,) = views[AUGMENTED](ids)
        view.scores[ids.index("y"), 1] = torch.nan
        return (replace(view, valid=view.valid & (torch.arange(2) < 1 + valid)),)

    makers_of = {each: views | {AUGMENTED: partial(changed, valid=each)} for each in (True, False)}
    with pytest.raises(SelectionError, match=r"1 of 2 scores are not finite: y \(nan\)"):
        CALD(factor=2).select(query(makers_of[True], "xy", 1))
    asked = (
        query(makers_of[False], "xy", 1),
        query(makers((found, boxes), (found, boxes)), "xy", 1),
    )
    one, other = (CALD(factor=2).select(each) for each in asked)
    assert one.ids == other.ids


def test_nothing_is_labelled() -> None:
    found = {"a": [[0.3, 0.0]], "b": [[0.0, 0.9]]}
    boxes = {"a": [BOX], "b": [BOX]}
    asked = query(makers((found, boxes), (found, boxes)), "ab", 1)
    assert CALD(factor=2).select(asked).ids == ("b",), "farther from no class in particular"
    assert len(Power(CALD()).select(asked).ids) == 1


def test_a_huge_factor_makes_candidates_of_all() -> None:
    found = {item: [[0.1 * n, 0.0]] for n, item in enumerate("abcd", start=1)}
    seen = found, {item: [BOX] for item in found}
    asked = query(makers(seen, seen), "abcd", 2)
    assert CALD(factor=1e308).select(asked) == CALD(factor=4).select(asked)


def test_options_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"factor: expected at least 1, got 0\.5"):
        CALD(factor=0.5)
    with pytest.raises(ConfigError, match="base: expected 0 to 2, got 3"):
        CALD(base=3)
    with pytest.raises(ConfigError, match=r"empty: expected one of .*, got 'never'"):
        CALD(empty="never")  # type: ignore[arg-type]


def test_detections_below_the_score_do_not_count() -> None:
    """Neither on a changed image, nor among the classes that are shown."""
    box = [0.0, 0.0, 10.0, 10.0]
    sure = detections({"x": [[0.8, 0.0]]}, boxes={"x": [box]})
    weak = detections({"x": [[0.04, 0.0]]}, boxes={"x": [box]})
    asked = query({DETECTIONS: sure, AUGMENTED: lambda ids: (weak(ids),)}, "x", 1)
    assert CALD().scores(asked)["x"] == 1, "as where nothing is found"
    both = detections({"x": [[0.04, 0.0], [0.0, 0.9]]}, boxes={"x": [box, box]})
    asked = query({DETECTIONS: both, AUGMENTED: lambda ids: (both(ids),)}, "x", 1)
    assert CALD()._read(asked)[1]["x"].tolist() == pytest.approx([0.0, 0.9])
    two = detections({"x": [[0.7, 0.0], [0.0, 0.9]]}, boxes={"x": [box, box]})("x")
    largest = largest_scores(two, torch.tensor([[False, True]]), 2)
    assert largest.flatten().tolist() == pytest.approx([0.0, 0.9])
