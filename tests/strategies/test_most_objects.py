import math

import pytest
import torch

from alframe.errors import SelectionError
from alframe.signals import CLASS_PROBS, DETECTIONS, ClassProbs, Detections, SignalBatch
from alframe.strategies.balanced_random import shown_classes
from alframe.strategies.baselines import MostObjects
from tests.strategies.asking import detections, query


def test_detections_above_the_score_are_counted() -> None:
    found = {"a": [[0.9, 0.0], [0.3, 0.1]], "b": [], "c": [[0.4, 0.0], [0.0, 0.5]], "d": [[0.2, 0]]}
    asked = query({DETECTIONS: detections(found)}, "abcd", 3)
    selection = MostObjects().select(asked)
    assert selection.scores == {"a": 1, "b": 0, "c": 2, "d": 0}
    assert selection.ids == ("c", "a", "b")
    assert MostObjects(min_score=0.1).select(asked).ids == ("a", "c", "d")


def test_padding_is_not_counted() -> None:
    padded = detections({"a": [[0.9, 0.0]], "b": []})("ab")
    padded.scores.fill_(0.9)
    scores = MostObjects().score(SignalBatch(("a", "b"), {DETECTIONS: padded}))
    assert scores.tolist() == [1, 0]


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_predictions_that_are_not_finite_are_refused(odd: float) -> None:
    found = detections({"a": [[0.9, 0.0]], "b": [[0.8, 0.1]]})
    probs = ClassProbs(torch.tensor([[[0.9, 0.0]], [[odd, 0.1]]]), exclusive=False)

    def made(ids: str) -> Detections:
        own = found(ids)
        own.scores[list(ids).index("b")] = odd
        return own

    with pytest.raises(SelectionError, match=r"not finite|nan"):
        MostObjects().select(query({DETECTIONS: made}, "ab", 1))
    for batch in (
        SignalBatch(("a", "b"), {DETECTIONS: made("ab")}),
        SignalBatch(("a", "b"), {CLASS_PROBS: probs}),
    ):
        with pytest.raises(SelectionError, match="the predictions of b are not finite: the model"):
            list(shown_classes(batch, 0.3, 2))
