from alframe.learner import DETECTIONS, SignalBatch
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
