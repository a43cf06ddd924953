import math
from typing import Any

import pytest
import torch

from alframe.datasets.base import Target
from alframe.errors import ConfigError
from alframe.signals import BOX_FEATURES, DETECTIONS
from alframe.strategies.divproto import DivProto, prototypes, unrepeated
from alframe.strategies.instances import Instances
from alframe.strategy import Query
from tests.strategies.asking import detections, query, rows

EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


def h(*p: float) -> float:
    return -sum(x * math.log(x) + (1 - x) * math.log(1 - x) for x in p if 0 < x < 1)


def found(labels: list[int], entropies: list[float], features: Any) -> Instances:
    scores = torch.full((len(labels),), 0.5)
    vectors = torch.nn.functional.normalize(torch.tensor(features))
    return Instances(torch.tensor(labels), scores, torch.tensor(entropies), vectors)


def test_repetitions_within_an_image_by_hand() -> None:
    """Row 1 is kept first; 0 and 4 repeat it; 2 is of another class; 3 points elsewhere."""
    mine = found([0, 0, 1, 0, 0], [0.2, 0.9, 0.1, 0.8, 0.5], [EAST, EAST, EAST, NORTH, [2.0, 0.1]])
    assert unrepeated(mine, 0.5).tolist() == [1, 3, 2]
    assert unrepeated(mine, 1.1).tolist() == [1, 3, 4, 0, 2]
    assert unrepeated(mine.take(torch.tensor([], dtype=torch.long)), 0.5).tolist() == []


def test_a_dropped_detection_drops_no_other() -> None:
    """45 degrees apart each: the second repeats the first, the third the second alone."""
    mine = found([0, 0, 0], [0.9, 0.8, 0.7], [EAST, [1.0, 1.0], NORTH])
    assert unrepeated(mine, 0.5).tolist() == [0, 2]


def test_prototypes_by_hand() -> None:
    mine = found([0, 0, 1], [3.0, 4.0, 0.5], [EAST, NORTH, EAST])
    result = prototypes(mine)
    torch.testing.assert_close(result[0], torch.tensor([0.6, 0.8]))
    torch.testing.assert_close(result[1], torch.tensor(EAST))


# Entropy falls from a to e; a and b look the same, c looks different, e is of class 1.
FOUND = {"a": [[0.5, 0]], "b": [[0.45, 0]], "c": [[0.4, 0]], "d": [], "e": [[0, 0.35]]}
FEATURES = {"a": [EAST], "b": [[1.0, 0.2]], "c": [NORTH], "d": torch.zeros(0, 2), "e": [EAST]}
NO_QUOTA = {"reserved": 0.0}


def asked(budget: int, **more: Any) -> Query:
    makers = {DETECTIONS: detections(FOUND), BOX_FEATURES: rows(FEATURES)}
    return query(makers, "edcba", budget, **more)


def test_repetitions_between_images_are_rejected_and_fill_the_end() -> None:
    selection = DivProto(**NO_QUOTA).select(asked(3))
    assert selection.ids == ("a", "c", "e"), "class 1 of e is new, whatever it looks like"
    assert selection.scores == pytest.approx(
        {"a": h(0.5), "b": h(0.45), "c": h(0.4), "d": 0.0, "e": h(0.35)}
    )
    assert DivProto(**NO_QUOTA).select(asked(5)).ids == ("a", "c", "e", "b", "d")
    assert DivProto(between=1.0, **NO_QUOTA).select(asked(3)).ids == ("a", "b", "c")
    assert DivProto(between=0.0, **NO_QUOTA).select(asked(3)).ids == ("a", "c", "e"), (
        "the cosine of a and c is 0, not above it"
    )


def test_a_share_is_reserved_for_rare_classes() -> None:
    """Of three classes 1 is the rare one, its crowds apart: of 2 images one has to show it."""
    labels, crowd = [0, 0, 1, 2, 2, 1, 1], [0, 0, 0, 0, 0, 1, 1]
    targets = {"l": Target.of([[0, 0, 1, 1]] * 7, labels, crowd=crowd)}
    question = asked(2, labelled=["l"], targets=targets, classes="xyz")
    assert DivProto(reserved=0.5).select(question).ids == ("a", "e")
    assert DivProto(reserved=0.5, rare_score=0.35).select(question).ids == ("a", "c"), (
        "nothing shows class 1 for sure: the next that is no repetition gets its share"
    )


def test_no_class_gets_more_than_its_part() -> None:
    """Of 4, one is for class 2 and one for class 3; f shows class 2 as well, but too late."""
    found = {"a": [0, 0, 0.5, 0], "b": [0.49, 0, 0, 0], "c": [0.48, 0, 0, 0],
             "f": [0, 0, 0.47, 0], "g": [0, 0, 0, 0.46]}  # fmt: skip
    makers = {
        DETECTIONS: detections({i: [p] for i, p in found.items()}, classes=4),
        BOX_FEATURES: rows({"a": [EAST], "b": [EAST], "c": [NORTH], "f": [NORTH], "g": [EAST]}),
    }
    targets = {"l": Target.of([[0, 0, 1, 1]] * 2, [0, 1])}
    question = query(makers, "abcfg", 4, labelled=["l"], targets=targets, classes="wxyz")
    assert DivProto(reserved=0.5).select(question).ids == ("a", "b", "c", "g")


def test_an_image_with_one_new_class_is_no_repetition() -> None:
    """Class 0 of b looks as on a, class 1 does not."""
    found = {"a": [[0.5, 0], [0, 0.2]], "b": [[0.5, 0], [0, 0.1]], "c": [[0.2, 0]]}
    features = {"a": [EAST, NORTH], "b": [EAST, EAST], "c": [NORTH]}
    makers = {DETECTIONS: detections(found), BOX_FEATURES: rows(features)}
    assert DivProto(**NO_QUOTA).select(query(makers, "abc", 2)).ids == ("a", "b")


def test_every_image_that_is_taken_is_remembered() -> None:
    """c repeats a, not b, which was taken after it."""
    found = {"a": [[0.5, 0]], "b": [[0.4, 0]], "c": [[0.3, 0]], "d": [[0.2, 0]]}
    features = {"a": [EAST], "b": [NORTH], "c": [EAST], "d": [[-1.0, 0.0]]}
    makers = {DETECTIONS: detections(found), BOX_FEATURES: rows(features)}
    assert DivProto(**NO_QUOTA).select(query(makers, "abcd", 3)).ids == ("a", "b", "d")


def test_what_is_dropped_within_an_image_counts_for_nothing() -> None:
    """a has the entropy and the prototype of its first detection, so b is no repetition."""
    found = {"a": [[0.5, 0], [0.2, 0]], "b": [[0.5, 0]], "c": [[0.1, 0]]}
    features = {"a": [EAST, [1.0, 1.0]], "b": [[1.0, 1.2]], "c": [NORTH]}
    makers = {DETECTIONS: detections(found), BOX_FEATURES: rows(features)}
    selection = DivProto(**NO_QUOTA).select(query(makers, "abc", 2))
    assert selection.ids == ("a", "b")
    assert selection.scores == pytest.approx({"a": h(0.5), "b": h(0.5), "c": h(0.1)})


@pytest.mark.parametrize(
    ("option", "least"), [("rare", 0), ("rare_score", 0), ("within", -1), ("between", -1)]
)
def test_options_out_of_range(option: str, least: int) -> None:
    with pytest.raises(ConfigError, match=f"{option}: expected {least} to 1, got 2"):
        DivProto(**{option: 2})  # type: ignore[arg-type]


def test_objects_of_an_image_repeat_each_other_within_its_own_similarity() -> None:
    """Two objects at a cosine of 0.8: one of them counts where 0.1 is enough, both below 0.9."""
    found = detections({"a": [[0.5, 0.0], [0.45, 0.0]]})
    given = {DETECTIONS: found, BOX_FEATURES: rows({"a": [[1.0, 0.0], [0.8, 0.6]]})}

    def score(within: float, between: float) -> float:
        made = DivProto(within=within, between=between, reserved=0.0)
        scores = made.select(query(given, "a", 1)).scores
        assert scores is not None
        return scores["a"]

    assert score(0.9, 0.1) > score(0.1, 0.9)
