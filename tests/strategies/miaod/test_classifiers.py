"""MI-AOD on a classifier: two heads, by hand."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from alframe.config.sections import DataConfig, EvaluationConfig, TrainingConfig
from alframe.datasets.base import ImageSet, LabelledSet
from alframe.errors import ConfigError
from alframe.learner import FitContext, LearnerSetup
from alframe.seeds import Seeds
from alframe.signals import ANCHOR_WEIGHT, CLASS_PROBS, DISAGREEMENT
from alframe.strategies.miaod.classifiers import ClassifierObjective, TwoHeads
from alframe.strategies.miaod.learner import MIAODLearner
from alframe.strategies.miaod.objectives import Objective
from alframe.strategies.miaod.strategy import MIAOD
from alframe.tasks.classification.figures import figures
from alframe.tasks.classification.resnet_cifar import ResNetCifar
from tests.fakes import MemoryCheckpoint, Numbers
from tests.strategies.asking import query, rows
from tests.tasks.classification.builders import labelled_batch

FIRST = [[2.0, 0.0], [0.0, 1.0]]
SECOND = [[0.0, 0.0], [0.0, -1.0]]
"""Logits of both heads on two images."""


class Fixed(ResNetCifar):
    """Its embedding is what a test says; heads are made to give their logits of it."""

    def features(self, batch: Any) -> Any:
        vectors = torch.eye(2, self.width) * self.one
        return super().features(batch)._replace(embedding=vectors)


def network() -> TwoHeads:
    model = Fixed(2, width=1)
    model.one = nn.Parameter(torch.ones(()))
    heads = TwoHeads(model)
    for head, logits in ((model.head, FIRST), (heads.second, SECOND)):
        head.weight.data.zero_()
        head.bias.data.zero_()
        head.weight.data[:, :2] = torch.tensor(logits).T
    return heads


def probs(logits: list[list[float]]) -> list[list[float]]:
    return torch.tensor(logits).softmax(dim=1).tolist()


BATCH = labelled_batch(labels={"a": 0, "b": 1})
GAPS = [
    [abs(p - q) for p, q in zip(one, other, strict=True)]
    for one, other in zip(probs(FIRST), probs(SECOND), strict=True)
]
"""Of probabilities: both classes of an image have the same, as there are two."""


def test_gaps_by_hand() -> None:
    sure, likely = 1 / (1 + 2.718281828**-2), 1 / (1 + 2.718281828**-1)
    assert GAPS[0] == pytest.approx([sure - 0.5] * 2)
    assert GAPS[1] == pytest.approx([2 * likely - 1] * 2)


def test_labelled_images_in_every_phase() -> None:
    """Half of the sum of both heads' cross-entropies, the mean over images."""
    objective = ClassifierObjective()
    logs = [torch.tensor(logits).log_softmax(dim=1) for logits in (FIRST, SECOND)]
    expected = -sum(log[0, 0] + log[1, 1] for log in logs) / 2 / 2
    for step in (objective.label, objective.maximise_labelled):
        assert list(step(network(), BATCH).terms) == ["cls"]
        assert step(network(), BATCH).terms["cls"].item() == pytest.approx(float(expected))


def test_unlabelled_images_in_min_and_max_phases() -> None:
    objective = ClassifierObjective(discrepancy_weight=0.5)
    mean = (GAPS[0][0] + GAPS[1][0]) / 2
    low, high = objective.minimise(network(), BATCH), objective.maximise(network(), BATCH)
    assert low.terms["discrepancy"].item() == pytest.approx(0.5 * mean)
    assert high.terms["agreement"].item() == pytest.approx(0.5 * (1 - mean))
    assert low.stats["disagreement"].item() == pytest.approx(mean)


def test_gradients_go_where_the_phase_trains() -> None:
    objective, heads = ClassifierObjective(), network()
    parts = [*heads.classifier.head.parameters(), *heads.second.parameters()]
    body: Any = heads.classifier.one
    low = objective.minimise(heads, BATCH).terms["discrepancy"]
    assert torch.autograd.grad(low, [body, *parts])[0]
    high = objective.maximise(heads, BATCH).terms["agreement"]
    grads = torch.autograd.grad(high, [body, *parts], allow_unused=True)
    assert grads[0] is None, "the body rests in max phases"
    assert all(g is not None and g.any() for g in grads[1:])
    low = objective.minimise(heads, BATCH).terms["discrepancy"]
    again = torch.autograd.grad(low, parts)
    for up, down in zip(grads[1:], again, strict=True):
        torch.testing.assert_close(up, -down, msg="max raises what min lowers")


def test_who_is_trained_in_which_phase() -> None:
    names = [name for name, _ in TwoHeads(ResNetCifar(2, width=1)).named_parameters()]
    objective = ClassifierObjective()
    heads = {n for n in names if n.startswith(("classifier.head.", "second."))}
    assert len(heads) == 4
    trained = {p: {n for n in names if objective.trains(p, n)} for p in ("label", "min", "max")}
    assert trained == {"label": {*names}, "min": {*names} - heads, "max": heads}


def test_the_score_of_an_image_is_its_squared_disagreement() -> None:
    heads = network()
    features = heads.classifier.features(BATCH)
    found = ClassifierObjective().disagreement(heads, features, BATCH)
    assert found.shape == (2, 1)
    assert found[:, 0].tolist() == pytest.approx([GAPS[0][0] ** 2, GAPS[1][0] ** 2])
    values = {"a": found[0].tolist(), "b": found[1].tolist(), "c": [0.9]}
    assert MIAOD().select(query({DISAGREEMENT: rows(values)}, "abc", 2)).ids == ("c", "b")


def setup(**training: Any) -> LearnerSetup:
    settings = {"batch_size": 4, "passes": 13, "lr": 0.01, "channels_last": False} | training
    return LearnerSetup(
        classes=("circle", "square", "nothing"),
        device=torch.device("cpu"),
        build_model=partial(ResNetCifar, 3, width=2),
        data=DataConfig(resize="none"),
        training=TrainingConfig(**settings),
        evaluation=EvaluationConfig(batch_size=4),
    )


def test_a_fit_has_the_phases_and_the_signals() -> None:
    data = figures(pool=8, test=2, classes=2)
    labelled = LabelledSet(data.images, data.pool[:4], data.targets)
    unlabelled = ImageSet(data.images, data.pool[4:])
    learner, names, means = MIAODLearner(setup()), [], []

    def finished(name: str, summary: Any) -> None:
        names.append(name)
        means.append(set(summary["means"]))

    context = FitContext(0, Seeds(0), MemoryCheckpoint(), Numbers(), finished)
    learner.fit(labelled, unlabelled, context)
    assert names == ["label", "min", "max", "label", "min", "max", "label"]
    assert means[1] == {"cls", "discrepancy", "disagreement", "total"}
    assert means[2] == {"cls", "agreement", "disagreement", "total"}
    asked = frozenset({DISAGREEMENT, ANCHOR_WEIGHT, CLASS_PROBS})
    (batch,) = learner.signals(unlabelled, asked)
    assert batch[DISAGREEMENT].shape == (4, 1)
    assert batch[ANCHOR_WEIGHT].tolist() == [[1.0]] * 4
    model: Any = learner.inner(learner.network)
    assert isinstance(model, ResNetCifar), "f1 makes the predictions"


def test_options_about_instances_are_refused() -> None:
    for options in ({"skip": "image"}, {"mask_padding": True}, {"mode": "paper"}):
        (name,) = options
        with pytest.raises(ConfigError, match=rf"one instance: leave out .*learner\.{name}"):
            MIAODLearner(setup(), **options)  # type: ignore[arg-type]
    objective = ClassifierObjective.like(Objective(7, 0.25))
    assert objective == ClassifierObjective(discrepancy_weight=0.25)
