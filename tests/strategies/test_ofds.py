import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from alframe.errors import ConfigError
from alframe.learner import BOX_FEATURES, DETECTIONS
from alframe.strategies.ofds import OFDS, representatives
from tests.strategies.asking import detections, query, rows

A, B, WEAK = [0.9, 0.0], [0.0, 0.8], [0.2, 0.0]


def at(*degrees: float) -> list[list[float]]:
    return [[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees]


def asked(found: dict[str, tuple[list[Any], list[Any]]], budget: int, labelled: Sequence[str] = ()):  # type: ignore[no-untyped-def]
    """Of each image the probabilities of its detections, and the directions of their features."""
    features = {item: directions or torch.zeros(0, 2) for item, (_, directions) in found.items()}
    makers = {
        DETECTIONS: detections({item: probs for item, (probs, _) in found.items()}),
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


def test_options_out_of_range() -> None:
    with pytest.raises(ConfigError, match="iterations: expected at least 1, got 0"):
        OFDS(iterations=0)
