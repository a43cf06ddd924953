import math

import pytest
import torch

from alframe.errors import SelectionError
from alframe.signals import BOX_FEATURES, DETECTIONS, SignalBatch
from alframe.strategies.instances import instances
from tests.strategies.asking import detections, rows

FOUND = {"a": [[0.9, 0.1], [0.05, 0.2], [0.1, 0.0]], "b": []}
FEATURES = {"a": [[3.0, 4.0], [0.0, 0.0], [1.0, 1.0]], "b": torch.zeros(0, 2)}


def batch() -> SignalBatch:
    makers = {DETECTIONS: detections(FOUND), BOX_FEATURES: rows(FEATURES)}
    return SignalBatch(("a", "b"), {name: make("ab") for name, make in makers.items()})


def test_detections_above_the_score_by_hand() -> None:
    (first, mine), (second, nothing) = instances(batch(), min_score=0.15)
    assert (first, second, len(mine), len(nothing)) == ("a", "b", 2, 0)
    assert mine.labels.tolist() == [0, 1]
    assert mine.scores.tolist() == pytest.approx([0.9, 0.2])
    torch.testing.assert_close(mine.features, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


def test_an_image_whose_detections_are_not_finite_is_named() -> None:
    for row in (0, 1):
        for name in ("scores", "probs"):
            diverged = batch()
            getattr(diverged[DETECTIONS], name)[0, row] = math.nan
            with pytest.raises(SelectionError, match="the detections of a are not finite"):
                list(instances(diverged, min_score=0.15))
    padding = batch()
    padding[BOX_FEATURES][1] = math.nan
    assert len(list(instances(padding, min_score=0.15))) == 2


def test_features_that_are_not_finite_are_refused() -> None:
    found = detections({"a": [[0.9, 0.1]]})("a")
    made = {DETECTIONS: found, BOX_FEATURES: torch.tensor([[[1.0, math.nan]]])}
    with pytest.raises(SelectionError, match="the detections of a are not finite"):
        list(instances(SignalBatch(("a",), made), min_score=0.15))
