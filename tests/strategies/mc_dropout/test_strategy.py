import math
from typing import Any

import pytest
import torch

from alframe.detectors.box_ops import box_iou
from alframe.errors import ConfigError
from alframe.signals import SAMPLES, ClassProbs, Detections
from alframe.strategies.mc_dropout.strategy import MutualInformation, mutual_information, objects
from tests.strategies.asking import Maker, detections, query

BOX, NEAR, AWAY = [0, 0, 10, 10], [0, 0, 10, 8], [50, 50, 60, 60]
NONE = torch.zeros(0, 4)


def h(*p: float) -> float:
    return -sum(x * math.log(x) for x in p if x > 0)


def samples(*opinions: tuple[dict[str, Any], dict[str, Any]], **kind: Any) -> Maker:
    made = [detections(probs, boxes=boxes, **kind) for probs, boxes in opinions]
    return lambda ids: tuple(make(ids) for make in made)


def test_mutual_information_by_hand() -> None:
    """Opinions that contradict each other know one bit; those that shrug know nothing."""
    sure = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]])
    assert mutual_information(sure, exclusive=True).tolist() == pytest.approx(
        [math.log(2), 0.0], abs=1e-6
    )
    decided = torch.tensor([[[0.9, 0.0], [0.1, 0.0]]])
    expected = math.log(2) - h(0.9, 0.1)
    assert float(mutual_information(decided, exclusive=False)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("exclusive", [True, False])
def test_opinions_that_agree_are_no_less_than_nothing(exclusive: bool) -> None:
    """Rounding alone would have some of them below 0, of which no logarithm can be taken."""
    probs = torch.randn(5000, 1, 4, generator=torch.Generator().manual_seed(0)).softmax(dim=2)
    found = mutual_information(probs.expand(-1, 3, -1), exclusive)
    assert 0 <= float(found.min()) <= float(found.max()) < 1e-6


def test_opinions_on_whole_images() -> None:
    """x: they contradict each other; y: all shrug; z: one shrugs."""
    said = {"x": [[1, 0], [0, 1]], "y": [[0.5, 0.5], [0.5, 0.5]], "z": [[1, 0], [0.5, 0.5]]}

    def make(ids: Any) -> tuple[ClassProbs, ...]:
        table = torch.tensor([said[item] for item in ids])  # [B, S, K]
        return tuple(ClassProbs(table[:, [n]].half(), exclusive=True) for n in range(2))

    chosen = MutualInformation().select(query({SAMPLES: make}, "xyz", 3))
    expected = {"x": math.log(2), "y": 0.0, "z": h(0.75, 0.25) - math.log(2) / 2}
    assert chosen.ids == ("x", "z", "y")
    assert chosen.scores == pytest.approx(expected, abs=1e-6)


def test_of_several_predictions_of_an_image_the_mean_counts() -> None:
    """On the first of two they contradict each other, on the second they agree."""
    said = torch.tensor([[[[1.0, 0.0], [0.5, 0.5]]], [[[0.0, 1.0], [0.5, 0.5]]]])  # [S, B, A, K]
    opinions = tuple(ClassProbs(each, exclusive=True) for each in said)
    scores = MutualInformation().select(query({SAMPLES: lambda _: opinions}, "x", 1)).scores
    assert scores == pytest.approx({"x": math.log(2) / 2}, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (h(0.4, 0.6) - h(0.8, 0.2) / 2) / 2),
        ({"aggregate": "topk", "k": 1}, h(0.4, 0.6) - h(0.8, 0.2) / 2),
        ({"iou": 0.9}, ((h(0.45, 0.55) - h(0.9, 0.1) / 2) * 2 + h(0.4, 0.6) - h(0.8, 0.2) / 2) / 3),
        ({"min_score": 0.85}, 0.0),
    ],
)
def test_what_options_do(options: dict[str, Any], expected: float) -> None:
    """Two opinions see one object alike, 0.8 of it, and the second sees another."""
    one = ({"x": [[0.9, 0.0]]}, {"x": [NEAR]})
    two = ({"x": [[0.9, 0.0], [0.8, 0.0]]}, {"x": [BOX, AWAY]})
    scores = MutualInformation(**options).select(query({SAMPLES: samples(one, two)}, "x", 1)).scores
    assert scores == pytest.approx({"x": expected}, abs=1e-6)


def test_detections_are_put_together_by_overlap() -> None:
    """The box that two opinions see, 0.8 of it, and one that only the second does."""
    one = ({"x": [[0.6, 0.3, 0.1]]}, {"x": [NEAR]})
    two = ({"x": [[0.7, 0.1, 0.2], [0.1, 0.5, 0.4]]}, {"x": [BOX, AWAY]})
    made = samples(one, two, exclusive=True)("x")
    expected = torch.tensor([
        [[0.6, 0.3, 0.1], [0.7, 0.1, 0.2]],
        [[0.0, 0.0, 1.0], [0.1, 0.5, 0.4]],
    ]).double()  # fmt: skip
    torch.testing.assert_close(objects(made, 0, 0.5, 0.05), expected)
    assert len(objects(made, 0, 0.8, 0.05)) == 2, "0.8 is enough"
    assert len(objects(made, 0, 0.9, 0.05)) == 3, "at 0.9 the first two are no match"
    assert len(objects(made, 0, 0.5, 0.55)) == 1, "0.5 begins no object"
    assert len(objects(made, 0, 0.5, 0.5)) == 1, "nor where it is just the least score"


def test_an_opinion_has_one_detection_of_an_object() -> None:
    twice = ({"x": [[0.9, 0.0], [0.8, 0.0]]}, {"x": [BOX, BOX]})
    once = ({"x": [[0.7, 0.0]]}, {"x": [BOX]})
    found = objects(samples(twice, once)("x"), 0, 0.5, 0.05)
    assert found[:, :, 0].tolist() == [
        [pytest.approx(0.9), pytest.approx(0.7)], [pytest.approx(0.8), 0.0]
    ]  # fmt: skip


def put_together(
    made: tuple[Detections, ...], iou: float, min_score: float
) -> list[list[list[float]]]:
    """The same for the first image, object by object and opinion by opinion."""
    rows = [
        (n, row) for n, each in enumerate(made) for row in range(int(each.valid[0].sum()))
    ]  # fmt: skip
    scores = {(n, row): float(made[n].scores[0, row]) for n, row in rows}
    left, found = set(rows), []
    for first in sorted(rows, key=lambda place: -scores[place]):
        if first not in left or not made[first[0]].scores[0, first[1]] > min_score:
            continue
        said = [[0.0] * (made[0].probs.shape[2] - 1) + [1.0 * made[0].exclusive] for _ in made]
        for n, each in enumerate(made):
            others = [place for place in left if place[0] == n] if n != first[0] else [first]
            overlap = {
                place: float(box_iou(made[first[0]].boxes[0, first[1]][None].double(),
                                     each.boxes[0, place[1]][None].double()))
                for place in others
            }  # fmt: skip
            best = max(sorted(others), key=overlap.__getitem__, default=None)
            if best is not None and (best == first or overlap[best] >= iou):
                said[n] = each.probs[0, best[1]].tolist()
                left.discard(best)
        found.append(said)
    return found


@pytest.mark.parametrize("exclusive", [True, False])
def test_put_together_as_one_by_one(exclusive: bool) -> None:
    rng = torch.Generator().manual_seed(0)
    for counts in ((5, 5, 5), (7, 1, 4, 6), (3, 0), (0, 0), (12, 9, 11, 8, 10)):
        made = []
        for count in counts:
            corner = torch.rand(1, count, 2, generator=rng) * 12
            boxes = torch.cat([corner, corner + 8 + torch.rand(1, count, 2, generator=rng)], dim=2)
            scores = torch.rand(1, count, generator=rng).sort(dim=1, descending=True).values
            probs = torch.rand(1, count, 3, generator=rng).softmax(dim=2)
            valid, labels = torch.ones(1, count, dtype=torch.bool), torch.zeros(1, count).long()
            made.append(Detections(boxes, scores, labels, valid, probs, exclusive))
        found = objects(tuple(made), 0, 0.5, 0.3)
        assert found.tolist() == put_together(tuple(made), 0.5, 0.3)


def test_images_on_which_opinions_disagree_are_first() -> None:
    """x: 0.9 and nothing; y: 0.5 twice, though of the largest entropy; z: nothing."""
    one = ({"x": [[0.9, 0.0]], "y": [[0.5, 0.0]], "z": []}, {"x": [BOX], "y": [BOX], "z": NONE})
    two = ({"x": [], "y": [[0.5, 0.0]], "z": []}, {"x": NONE, "y": [NEAR], "z": NONE})
    asked = query({SAMPLES: samples(one, two)}, "xyz", 1)
    selection = MutualInformation().select(asked)
    assert selection.ids == ("x",)
    expected = h(0.45, 0.55) - h(0.9, 0.1) / 2
    assert selection.scores == pytest.approx({"x": expected, "y": 0.0, "z": 0.0}, abs=1e-6)
    assert MutualInformation(empty=9.0).select(asked).ids == ("z",)


def test_options_out_of_range() -> None:
    with pytest.raises(ConfigError, match="iou: expected"):
        MutualInformation(iou=1.5)
    with pytest.raises(ConfigError, match=r"aggregate: expected one of .*, got 'most'"):
        MutualInformation(aggregate="most")  # type: ignore[arg-type]
