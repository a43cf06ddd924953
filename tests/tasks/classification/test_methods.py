"""Strategies and Learning Loss on a classifier, against the formulas of their authors."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from alframe.config.resolve import from_overrides, resolve
from alframe.config.sections import DataConfig, EvaluationConfig, TrainingConfig
from alframe.learner import LearnerSetup
from alframe.runs.build import build_strategy
from alframe.signals import (
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    EMBEDDING,
    ClassProbs,
    SignalBatch,
)
from alframe.strategies.badge import BADGE
from alframe.strategies.ll4al.learner import LL4ALLearner
from alframe.strategies.typiclust import TypiClust, mean_distance
from alframe.strategies.uncertainty import Entropy, LeastConfidence, Margin
from alframe.tasks.classification.resnet_cifar import ResNetCifar
from tests.strategies.asking import query, rows
from tests.tasks.classification.builders import labelled_batch

CLASSIFIER = frozenset({CLASS_PROBS, EMBEDDING})
DETECTOR = frozenset({CLASS_PROBS, EMBEDDING, DETECTIONS, BOX_FEATURES})
PROBS = torch.tensor([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05], [0.4, 0.4, 0.2]])
LABELS = {str(n): n % 3 for n in range(6)}


def signals(embedding: Tensor | None = None) -> SignalBatch:
    values = {CLASS_PROBS: ClassProbs(PROBS.unsqueeze(1), exclusive=True), EMBEDDING: embedding}
    return SignalBatch(("a", "b", "c"), values)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Entropy, [-sum(p * torch.tensor(p).log().item() for p in row) for row in PROBS.tolist()]),
        (Margin, [0.8, 0.15, 1.0]),
        (LeastConfidence, [0.5, 0.1, 0.6]),
    ],
)
@pytest.mark.parametrize("aggregate", ["mean", "sum", "max", "topk"])
def test_uncertainty_of_an_image_by_hand(
    strategy: Any, expected: list[float], aggregate: Any
) -> None:
    made = strategy(aggregate=aggregate)
    made.adapt(CLASSIFIER)
    assert made.requires == {CLASS_PROBS}
    assert made.score(signals()).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("unit", "provided", "wanted"),
    [
        (None, DETECTOR, {DETECTIONS}),
        (None, CLASSIFIER, {CLASS_PROBS}),
        (None, frozenset(), {DETECTIONS}),
        ("detections", CLASSIFIER, {DETECTIONS}),
        ("anchors", DETECTOR, {CLASS_PROBS}),
    ],
)
def test_detections_are_preferred_and_a_unit_that_is_set_stays(
    unit: Any, provided: frozenset[str], wanted: set[str]
) -> None:
    made = Entropy(unit=unit)
    made.adapt(provided)
    assert made.requires == wanted


@pytest.mark.parametrize(
    "name", ["random", "entropy", "margin", "least-confidence", "coreset", "badge", "typiclust",
             "power:margin", "dedup:entropy", "dedup:power:least-confidence", "ll4al", "miaod"],
)  # fmt: skip
def test_a_run_of_a_classifier_has_the_signals(name: str) -> None:
    for model in ("resnet18-cifar", "timm"):
        overrides = (f"strategy={name}", f"model={model}", "dataset=figures", "model.weights=none")
        assert build_strategy(resolve([from_overrides(overrides)])).requires <= (
            CLASSIFIER | {"predicted_loss", "disagreement"}
        )


def test_badge_is_the_authors_gradient_embedding() -> None:
    """Theirs: for class c feature x (1 - p_c) if it is the likeliest, else feature x -p_c."""
    embedding = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    made = BADGE()
    made.adapt(CLASSIFIER)
    found = made.embed(signals(embedding), seed=0)
    expected = torch.zeros(3, 3, 5)
    for n in range(3):
        for c in range(3):
            factor = 1 - PROBS[n, c] if c == PROBS[n].argmax() else -PROBS[n, c]
            expected[n, c] = embedding[n] * factor
    torch.testing.assert_close(-found, expected.flatten(1), msg="the sign changes no distance")
    head = torch.nn.Linear(5, 3, bias=False)  # and it is the gradient of the last layer
    loss = torch.nn.functional.cross_entropy(head(embedding[:1]), head(embedding[:1]).argmax(dim=1))
    (gradient,) = torch.autograd.grad(loss, head.weight)
    probs = head(embedding[:1]).softmax(dim=1).detach()
    values = {CLASS_PROBS: ClassProbs(probs[:, None], True), EMBEDDING: embedding[:1]}
    torch.testing.assert_close(made.embed(SignalBatch(("a",), values), 0)[0], gradient.flatten())


def test_badge_begins_with_the_longest_gradient() -> None:
    made = BADGE()
    made.adapt(CLASSIFIER)
    probs = dict(zip("abc", PROBS.tolist(), strict=True))
    vectors = {"a": [1.0, 0], "b": [1.0, 0], "c": [1.0, 0]}
    makers = {
        CLASS_PROBS: lambda ids: ClassProbs(torch.tensor([[probs[i]] for i in ids]), True),
        EMBEDDING: rows(vectors),
    }
    lengths = [(p.square().sum() - 2 * p.max() + 1).item() for p in PROBS]
    assert max(lengths) == lengths[2]
    for seed in range(5):
        assert made.select(query(makers, "abc", 2, seed=seed)).ids[0] == "c"


def test_typicality_is_that_of_the_authors_on_embeddings_of_a_classifier() -> None:
    """Theirs: 1 over the mean distance to the 20 nearest neighbours of unit vectors."""
    torch.manual_seed(0)
    model = ResNetCifar(3, width=4).eval()
    with torch.no_grad():
        batch = labelled_batch(labels={f"{n:02d}": n % 3 for n in range(30)})
        raw = model.features(batch).embedding
    points = torch.nn.functional.normalize(raw)
    distances = torch.cdist(points.double(), points.double())
    nearest = distances.sort(dim=1).values[:, 1:21].mean(dim=1)
    torch.testing.assert_close(mean_distance(points, 20), nearest)
    vectors = {item: raw[n].tolist() for n, item in enumerate(batch.ids)}
    asked = query({EMBEDDING: rows(vectors)}, batch.ids, 1)
    (most_typical,) = TypiClust(max_clusters=1).select(asked).ids
    assert most_typical == batch.ids[int(nearest.argmin())]


def setup(**training: Any) -> LearnerSetup:
    settings = {"batch_size": 6, "passes": 10, "channels_last": False} | training
    return LearnerSetup(
        classes=("a", "b", "c"),
        device=torch.device("cpu"),
        build_model=partial(ResNetCifar, 3, width=4),
        data=DataConfig(resize="none"),
        training=TrainingConfig(**settings),
        evaluation=EvaluationConfig(),
    )


def test_learning_loss_is_the_authors_formula() -> None:
    """Their code on CIFAR-10: a margin loss of the first half of a batch and the second, turned."""
    torch.manual_seed(0)
    learner = LL4ALLearner(setup(), weight=0.7, margin=1.5, hidden=8)
    network, batch = learner.build(), labelled_batch(labels=LABELS)
    losses = learner.loss(network, batch, detached=False).terms
    assert batch.labels is not None
    model = network.of
    features = model.features(batch)
    target = torch.nn.functional.cross_entropy(
        model.head(features.embedding), batch.labels[:, 0], reduction="none"
    )
    parts = []
    for one, branch in zip(features.maps, network.loss_module.branches, strict=True):
        linear: Any = branch[0]  # type: ignore[index]
        pooled = torch.nn.functional.adaptive_avg_pool2d(one, 1).flatten(1)
        parts.append(torch.relu(pooled @ linear.weight.T + linear.bias))
    output = network.loss_module.output
    predicted = (torch.cat(parts, dim=1) @ output.weight.T + output.bias).flatten()
    total = torch.zeros(())
    for i in range(3):
        j = 5 - i
        one_if_larger = 2 * float(target[i] > target[j]) - 1
        total = total + (1.5 - one_if_larger * (predicted[i] - predicted[j])).clamp(min=0)
    torch.testing.assert_close(losses["cls"], target.mean())
    torch.testing.assert_close(losses["ranking"], 0.7 * total / 3)
    assert len(network.loss_module.branches) == 4, "four blocks"


def test_the_classifier_is_left_alone_when_detached() -> None:
    torch.manual_seed(0)
    learner = LL4ALLearner(setup(), hidden=8)
    network, batch = learner.build(), labelled_batch(labels=LABELS)
    for detached in (False, True):
        ranking = learner.loss(network, batch, detached=detached).terms["ranking"]
        body = list(network.of.body.parameters())
        grads = torch.autograd.grad(ranking, body, allow_unused=True)
        assert any(g is not None and g.any() for g in grads) != detached
    phases = LL4ALLearner(setup(passes=200), joint=0.6).phases(None)  # type: ignore[arg-type]
    assert [(p.name, p.length) for p in phases] == [("joint", 120), ("detached", 80)]
