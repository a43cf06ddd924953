from dataclasses import replace

import pytest
import torch

from alframe.errors import ConfigError
from alframe.signals import (
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    EMBEDDING,
    ClassProbs,
    Detections,
    SignalBatch,
)
from alframe.strategies.badge import BADGE, OF_DETECTIONS, OF_IMAGES, projection
from tests.strategies.asking import detections, query, rows

FOUND = {"a": [[0.8, 0.1], [0.3, 0.6]], "b": [], "c": [[0.9, 0.0], [0.04, 0.03]]}
FEATURES = {"a": [[1, 2, 0], [0, 1, 4]], "b": torch.zeros(0, 3), "c": [[5, 0, 0], [9, 9, 9]]}


def batch(exclusive: bool = False) -> SignalBatch:
    makers = {DETECTIONS: detections(FOUND, exclusive=exclusive), BOX_FEATURES: rows(FEATURES)}
    return SignalBatch(("a", "b", "c"), {name: make("abc") for name, make in makers.items()})


def test_gradient_embeddings_by_hand() -> None:
    """a: (-.2, .1) x (1, 2, 0) and (.3, -.4) x (0, 1, 4); c: one, the other scores below 0.05."""
    expected = [
        [-0.1, (-0.4 + 0.3) / 2, 0.6, 0.05, (0.2 - 0.4) / 2, -0.8],
        [0, 0, 0, 0, 0, 0],
        [-0.5, 0, 0, 0, 0, 0],
    ]
    torch.testing.assert_close(BADGE().embed(batch(), seed=0), torch.tensor(expected))
    torch.testing.assert_close(BADGE(min_score=0.9).embed(batch(), seed=0)[2], torch.zeros(6))


def test_the_label_is_a_class_though_background_is_likelier() -> None:
    """(.3, .1, .6) is labelled with the first class: (.3 - 1, .1, .6)."""
    found = detections({"a": [[0.3, 0.1, 0.6]]}, exclusive=True)("a")
    made = SignalBatch(("a",), {DETECTIONS: found, BOX_FEATURES: torch.ones(1, 1, 1)})
    torch.testing.assert_close(BADGE().embed(made, seed=0), torch.tensor([[-0.7, 0.1, 0.6]]))


def test_of_an_image_with_several_predictions_the_mean_error_counts() -> None:
    """(.9 - 1, .1) and (.4, .6 - 1) have the mean (.15, -.15); the feature is (2, 4)."""
    strategy = BADGE()
    strategy.adapt(OF_IMAGES)
    probs = ClassProbs(torch.tensor([[[0.9, 0.1], [0.4, 0.6]]]), exclusive=True)
    made = SignalBatch(("a",), {CLASS_PROBS: probs, EMBEDDING: torch.tensor([[2.0, 4.0]])})
    expected = torch.tensor([[0.3, 0.6, -0.3, -0.6]])
    torch.testing.assert_close(strategy.embed(made, seed=0), expected)


@pytest.mark.parametrize("exclusive", [False, True])
def test_it_is_the_gradient_of_the_loss_at_the_pseudo_label(exclusive: bool) -> None:
    """Against autograd on a linear layer."""
    classes = 3 if exclusive else 2
    weight = torch.randn(classes, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    feature = torch.tensor([0.5, -1.0, 2.0, 0.1])
    logits = weight @ feature
    probs = logits.softmax(0) if exclusive else logits.sigmoid()
    label = int(probs[:2].argmax())
    onehot = torch.nn.functional.one_hot(torch.tensor(label), classes).float()
    if exclusive:
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(label))
    else:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, onehot, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, weight)
    found = detections({"a": [probs.tolist()]}, exclusive=exclusive)("a")
    values = {DETECTIONS: found, BOX_FEATURES: feature.reshape(1, 1, 4)}
    embedded = BADGE(min_score=0.0).embed(SignalBatch(("a",), values), seed=0)
    torch.testing.assert_close(embedded[0], gradient.flatten())


def test_the_longest_gradient_is_first_and_nothing_is_drawn_twice_over_something() -> None:
    makers = {DETECTIONS: detections(FOUND), BOX_FEATURES: rows(FEATURES)}
    for seed in range(5):
        ids = BADGE().select(query(makers, "abc", 3, seed=seed)).ids
        assert ids[0] == "a"
        assert sorted(ids) == ["a", "b", "c"]


def test_wide_features_are_projected_and_distances_kept() -> None:
    points = torch.randn(20, 5000, generator=torch.Generator().manual_seed(0))
    small = points @ projection(5000, 400, seed=1)
    ratio = torch.pdist(small) / torch.pdist(points)
    assert 0.85 < float(ratio.min()) < float(ratio.max()) < 1.15
    assert not projection(3, 2, seed=0).equal(projection(3, 2, seed=1))
    assert BADGE(dimensions=2).embed(batch(), seed=1).shape == (3, 4)
    as_they_are = BADGE(dimensions=None).embed(batch(), seed=1)
    assert as_they_are.shape == (3, 6)
    assert torch.equal(BADGE(dimensions=3).embed(batch(), seed=1), as_they_are)
    with pytest.raises(ConfigError, match="dimensions: expected at least 1, got 0"):
        BADGE(dimensions=0)


def test_every_query_draws_a_projection_of_its_own() -> None:
    class Noted(BADGE):
        def embed(self, batch: SignalBatch, seed: int) -> torch.Tensor:
            drawn.append(seed)
            return super().embed(batch, seed)

    drawn: list[int] = []
    makers = {DETECTIONS: detections(FOUND), BOX_FEATURES: rows(FEATURES)}
    for seed in range(2):
        Noted().select(query(makers, "abc", 1, seed=seed))
    assert len(set(drawn)) == 2


def test_a_score_that_is_not_finite_is_refused() -> None:
    scores = detections(FOUND)("abc")
    scores.scores[2, 0] = torch.nan
    made = {DETECTIONS: scores, BOX_FEATURES: rows(FEATURES)("abc")}
    embedded = BADGE().embed(SignalBatch(("a", "b", "c"), made), seed=0)
    assert embedded.isfinite().all(dim=1).tolist() == [True, True, False]


def test_features_and_probabilities_of_padding_are_of_no_meaning() -> None:
    found, features = detections(FOUND)("abc"), rows(FEATURES)("abc")
    right = embedded(found, features)
    padding = ~found.valid.unsqueeze(-1)
    assert padding.any()
    assert torch.equal(embedded(found, features.masked_fill(padding, torch.nan)), right)
    odd = replace(found, probs=found.probs.masked_fill(padding, torch.nan))
    assert torch.equal(embedded(odd, features), right)
    for label in (-1, 99):
        odd = replace(found, labels=found.labels.masked_fill(~found.valid, label))
        assert torch.equal(embedded(odd, features), right)


def embedded(found: Detections, features: torch.Tensor) -> torch.Tensor:
    made = {DETECTIONS: found, BOX_FEATURES: features}
    return BADGE().embed(SignalBatch(("a", "b", "c"), made), seed=0)


def test_the_boxes_of_a_detector_come_before_its_images() -> None:
    made = BADGE()
    made.adapt(OF_DETECTIONS | OF_IMAGES)
    assert made.requires == OF_DETECTIONS
    made.adapt(frozenset({DETECTIONS, CLASS_PROBS}))
    assert made.requires == OF_DETECTIONS, "without embeddings its images are no better"
