"""Margin and least confidence, against all outcomes written out."""

import itertools
import math

import pytest
import torch

from alframe.signals import DETECTIONS
from alframe.strategies.uncertainty import LeastConfidence, Margin
from tests.strategies.asking import detections, query


def outcomes(p: list[float]) -> list[float]:
    """The probabilities of the 2^K sets of classes, largest first."""
    sets = itertools.product((True, False), repeat=len(p))
    return sorted(
        (math.prod(x if yes else 1 - x for x, yes in zip(p, s, strict=True)) for s in sets),
        reverse=True,
    )


@pytest.mark.parametrize("p", [[0.9], [0.5, 0.5], [0.7, 0.2, 0.6], [0.05, 0.04], [1.0, 0.0, 0.3]])
def test_independent_decisions(p: list[float]) -> None:
    first, second, *_ = outcomes(p)
    one = torch.tensor([[p]])
    assert float(Margin().uncertainty(one, False)) == pytest.approx(1 - (first - second))
    assert float(LeastConfidence().uncertainty(one, False)) == pytest.approx(1 - first)


def test_one_distribution() -> None:
    p = torch.tensor([[[0.5, 0.2, 0.3], [1.0, 0.0, 0.0]]])
    assert Margin().uncertainty(p, True)[0].tolist() == pytest.approx([0.8, 0.0])
    assert LeastConfidence().uncertainty(p, True)[0].tolist() == pytest.approx([0.5, 0.0])


def test_double_precision_tells_apart_what_is_nearly_sure() -> None:
    rest = torch.tensor([1e-9, 2e-9], dtype=torch.float64)
    p = torch.stack([1 - rest, rest], dim=1)[None]
    for strategy, factor in ((Margin(), 2), (LeastConfidence(), 1)):
        found = strategy.uncertainty(p, True)[0].tolist()
        assert found == pytest.approx([factor * 1e-9, factor * 2e-9], rel=1e-6)


def test_images_by_hand() -> None:
    """a: one sure and one unsure detection; b: nothing."""
    found = {"a": [[0.9, 0.0, 0.1], [0.4, 0.3, 0.3]], "b": []}
    asked = query({DETECTIONS: detections(found, exclusive=True)}, "ab", 2)
    mean, most = Margin(empty=0.7).select(asked), Margin(aggregate="max").select(asked)
    assert mean.scores == pytest.approx({"a": (0.2 + 0.9) / 2, "b": 0.7})
    assert mean.ids == ("b", "a")
    assert most.scores == pytest.approx({"a": 0.9, "b": 0.0})
    total = LeastConfidence(aggregate="sum").select(asked)
    assert total.scores == pytest.approx({"a": 0.1 + 0.6, "b": 0.0})
