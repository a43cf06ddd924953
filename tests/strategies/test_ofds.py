import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from alframe.errors import ConfigError
from alframe.signals import BOX_FEATURES, DETECTIONS
from alframe.strategies import ofds
from alframe.strategies.k_means import k_means
from alframe.strategies.ofds import OFDS, representatives
from tests.strategies.asking import detections, query, rows

A, B, WEAK = [0.9, 0.0], [0.0, 0.8], [0.2, 0.0]


def at(*degrees: float) -> list[list[float]]:
    return [[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees]


def asked(  # type: ignore[no-untyped-def]
    found: dict[str, tuple[list[Any], list[Any]]],
    budget: int,
    labelled: Sequence[str] = (),
    classes: int = 2,
):
    """Of each image the probabilities of its detections, and the directions of their features."""
    features = {item: directions or torch.zeros(0, 2) for item, (_, directions) in found.items()}
    makers = {
        DETECTIONS: detections({i: probs for i, (probs, _) in found.items()}, classes=classes),
        BOX_FEATURES: rows(features),
    }
    return query(makers, sorted(set(found) - set(labelled)), budget, labelled=labelled)


FOUND = {
    "b1": ([B], at(0)),
    "b2": ([B, A], at(10, 90)),
    "b3": ([B], at(20)),
    "a1": ([A], at(0)),
    "a2": ([A], at(5)),
    "a3": ([A], at(10)),
    "weak": ([WEAK], at(45)),
    "none": ([], []),
}


def test_the_rare_class_is_first_and_what_its_image_shows_is_covered() -> None:
    """b has three objects, around that of b2; a has four, of which one lies on b2, far off.

    One cluster of a would hold the object of b2, so there are two, and a2 is the middle of the
    other.
    """
    assert OFDS().select(asked(FOUND, 2)).ids == ("b2", "a2")


def test_labelled_images_cover_what_is_detected_on_them() -> None:
    """b1 is labelled: of two clusters of b that of b3 and b2 is free, or each its own is."""
    chosen = OFDS().select(asked(FOUND, 2, labelled=["b1", "a1", "a2", "a3"])).ids
    assert set(chosen) == {"b2", "b3"}, "a's only free object lies on b2"


def test_objects_on_labelled_images_do_not_make_a_class_frequent() -> None:
    """Three of five objects of a are labelled: two are left of it, and three of b."""
    found = FOUND | {"a4": ([A], at(90))}
    assert OFDS().select(asked(found, 1, labelled=["a1", "a2", "a3"])).ids == ("a4",)


def test_each_class_has_an_even_share_of_what_is_left() -> None:
    """Of 4 the first of three classes has 2, so each of the others 1."""
    found = {
        f"{name}{n}": ([[0.9 * (c == label) for c in range(3)]], at(90 * n))
        for label, name in enumerate("abc")
        for n in range(2)
    }
    chosen = OFDS().select(asked(found, 4, classes=3)).ids
    assert [item[0] for item in chosen] == ["a", "a", "b", "c"]


def test_images_without_objects_come_when_nothing_else_is_left() -> None:
    chosen = OFDS().select(asked(FOUND, 8)).ids
    assert set(chosen[:6]) == {"b1", "b2", "b3", "a1", "a2", "a3"}
    assert set(chosen[6:]) == {"weak", "none"}


def test_nothing_is_detected() -> None:
    assert set(OFDS().select(asked({"x": ([], []), "y": ([], [])}, 1)).ids) < {"x", "y"}


def test_clusters_grow_until_enough_are_free() -> None:
    """Four pairs of points, of which two are covered: the other two pairs are found."""
    points = torch.tensor([[0.0], [0.1], [10.0], [10.1], [20.0], [20.1], [30.0], [30.1]])
    covered = torch.tensor([1, 0, 0, 1, 0, 0, 0, 0], dtype=torch.bool)
    rows_ = representatives(points, covered, 2, np.random.default_rng(0), 50)
    assert len(rows_) == 2
    assert {row // 2 for row in rows_} & {2, 3}
    assert not covered[rows_].any()
    nothing = torch.ones(8, dtype=torch.bool)
    assert representatives(points, nothing, 2, np.random.default_rng(0), 50) == []
    assert representatives(points, ~nothing, 0, np.random.default_rng(0), 50) == []


def test_clusters_grow_by_half_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 20 is covered, so one more is wanted."""
    numbers: list[int] = []

    def counted(features: torch.Tensor, clusters: int, *more: Any) -> torch.Tensor:
        numbers.append(clusters)
        return k_means(features, clusters, *more)

    monkeypatch.setattr(ofds, "k_means", counted)
    line, covered = torch.arange(40.0).unsqueeze(1), torch.arange(40) < 1
    assert len(representatives(line, covered, 20, np.random.default_rng(0), 25)) == 20
    assert numbers == [20, 30]


def test_the_largest_cluster_is_first() -> None:
    """The middle of five, the first of two, the last alone."""
    line = torch.tensor([[99.0], [50.0], [0.0], [1.0], [2.0], [3.0], [4.0], [51.0]])
    free = torch.zeros(8, dtype=torch.bool)
    assert representatives(line, free, 3, np.random.default_rng(0), 25) == [4, 1, 0]


def test_options_out_of_range() -> None:
    with pytest.raises(ConfigError, match="iterations: expected at least 1, got 0"):
        OFDS(iterations=0)


def test_copies_have_one_representative() -> None:
    copies, free = torch.ones(3, 2), torch.zeros(3, dtype=torch.bool)
    assert representatives(copies, free, 3, np.random.default_rng(0), 5) == [0]


def test_classes_share_what_is_left_evenly() -> None:
    """Four images of a and five of b, two of each are taken."""
    features = [[math.cos(n * math.pi / 9), math.sin(n * math.pi / 9)] for n in range(5)]
    shown = {**{f"a{n}": [0.9, 0.0] for n in range(4)}, **{f"b{n}": [0.0, 0.8] for n in range(5)}}
    found = detections({item: [probs] for item, probs in shown.items()})
    given = rows({item: [features[int(item[1])]] for item in shown})
    asked = query({DETECTIONS: found, BOX_FEATURES: given}, sorted(shown), 4)
    assert [item[0] for item in OFDS().select(asked).ids] == ["a", "a", "b", "b"]


def test_what_classes_leave_of_the_budget_is_shared_again() -> None:
    """Both clusters of the first round are nearest to objects of one image."""
    found = {f"none{n}": ([], []) for n in range(20)} | {
        "two": ([A] * 6, at(0, 1, 2, 90, 91, 92)),
        "one": ([A], at(30)),
    }
    assert OFDS().select(asked(found, 2)).ids == ("two", "one")


def test_images_without_objects_are_drawn() -> None:
    found: dict[str, tuple[list[Any], list[Any]]] = {f"none{n}": ([], []) for n in range(10)}
    queries = (replace(asked(found, 1), rng=np.random.default_rng(seed)) for seed in range(10))
    assert len({OFDS().select(query).ids for query in queries}) > 2
