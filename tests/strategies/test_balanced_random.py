from collections import Counter, deque
from dataclasses import replace

import pytest
import torch

from alframe.errors import SelectionError
from alframe.signals import CLASS_PROBS, DETECTIONS, ClassProbs, SignalBatch
from alframe.strategies.balanced_random import (
    BalancedRandom,
    _in_turn,
    showing_classes,
    shown_classes,
)
from alframe.strategy import Selection
from tests.strategies.asking import detections, query

# Class a is on 12 images, class b on 3, nothing on 5.
FOUND = {f"a{n:02d}": [[0.9, 0.0]] for n in range(12)}
FOUND |= {f"b{n}": [[0.1, 0.5]] for n in range(3)}
FOUND |= {f"n{n}": [[0.2, 0.2]] for n in range(5)}


def drawn(budget: int, seed: int = 0) -> Selection:
    return BalancedRandom().select(
        query({DETECTIONS: detections(FOUND)}, list(FOUND), budget, seed=seed)
    )


def kinds(selection: Selection) -> dict[str, int]:
    return dict(Counter(item[0] for item in selection.ids))


def test_every_class_gets_its_share_and_leaves_what_it_cannot_fill() -> None:
    assert kinds(drawn(4)) == {"a": 2, "b": 2}
    assert kinds(drawn(10)) == {"a": 7, "b": 3}
    assert kinds(drawn(17)) == {"a": 12, "b": 3, "n": 2}, "images that show nothing come last"


def test_an_odd_budget_favours_no_class_and_no_image() -> None:
    """400 draws of 3: 1.5 of each class; each b image 200 times, standard deviation 10."""
    counts: Counter[str] = Counter()
    for seed in range(400):
        counts.update(drawn(3, seed).ids)
    of_b = [counts[f"b{n}"] for n in range(3)]
    assert abs(sum(of_b) - 600) < 5 * 10
    assert all(abs(n - 200) < 5 * 10 for n in of_b)


def test_a_class_does_not_lose_its_turn_to_an_image_that_another_has_given() -> None:
    assert list(_in_turn([deque("xy"), deque("xz"), deque()])) == ["x", "z", "y"]


def test_an_image_counts_for_every_class_on_it() -> None:
    both = {"x": [[0.9, 0.0], [0.0, 0.9]], "y": [[0.9, 0.0]], "z": []}
    asked = query({DETECTIONS: detections(both)}, "xyz", 2)
    assert sorted(BalancedRandom().select(asked).ids) == ["x", "y"]


def test_a_class_is_shown_by_a_probability_above_the_score() -> None:
    probs = ClassProbs(torch.tensor([[[0.3, 0.1, 0.4], [0.2, 0.31, 0.4]]]), exclusive=True)
    assert list(shown_classes(SignalBatch(("x",), {CLASS_PROBS: probs}), 0.3, 2)) == [{1}]


def test_an_image_that_is_classified_as_a_whole_has_a_class() -> None:
    values = torch.tensor([[[0.25, 0.2, 0.28, 0.27]], [[0.4, 0.35, 0.2, 0.05]]])
    batch = SignalBatch(("x", "y"), {CLASS_PROBS: ClassProbs(values, exclusive=True)})
    assert list(shown_classes(batch, 0.3, 4)) == [{2}, {0, 1}]
    detector = SignalBatch(("x", "y"), {CLASS_PROBS: ClassProbs(values, exclusive=False)})
    assert list(shown_classes(detector, 0.3, 4)) == [set(), {0, 1}]


def test_classes_are_shown_by_detections_where_there_are_some() -> None:
    assert showing_classes(frozenset({DETECTIONS, CLASS_PROBS})) == DETECTIONS
    assert showing_classes(frozenset({CLASS_PROBS})) == CLASS_PROBS
    assert showing_classes(frozenset()) == DETECTIONS, "which a message then asks for"


def test_probabilities_that_are_not_finite_are_refused() -> None:
    probs = ClassProbs(torch.tensor([[[0.9, torch.nan]]]), exclusive=True)
    with pytest.raises(SelectionError, match="the predictions of x are not finite"):
        list(shown_classes(SignalBatch(("x",), {CLASS_PROBS: probs}), 0.3, 2))


def test_scores_of_padding_are_of_no_meaning() -> None:
    found = detections({"x": [[0.9, 0.0], [0.0, 0.8]], "y": [[0.0, 0.7]]})("xy")
    odd = replace(found, scores=found.scores.masked_fill(~found.valid, torch.nan))
    assert odd.scores.isnan().any()
    batch = SignalBatch(("x", "y"), {DETECTIONS: odd})
    assert list(shown_classes(batch, 0.3, 2)) == [{0, 1}, {1}]
