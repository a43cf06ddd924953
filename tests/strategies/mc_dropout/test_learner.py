"""Opinions of detectors of every kind, by dropout; and what is consistent, by changing images."""

import pytest
import torch
from torch import nn

from alframe.config.resolve import from_overrides, resolve
from alframe.datasets.base import ImageSet
from alframe.errors import ConfigError
from alframe.runs.build import build_learner, build_strategy, signals
from alframe.signals import AUGMENTED, CLASS_PROBS, DETECTIONS, EMBEDDING, SAMPLES
from alframe.strategies.mc_dropout.learner import DropoutLearner, dropped
from alframe.tasks.classification.figures import figures
from alframe.testing.fitting import LearnerUnderTest, tiny_setup

CLASSIFIER = (
    "strategy=mc-dropout", "dataset=figures", "model=resnet18-cifar", "model.width=2",
    "training.passes=1", "learner.rate=0.5", "learner.samples=3", "device=cpu",
)  # fmt: skip
STOCK = ("model.backbone=tiny", "model.weights=none", "model.frozen_stages=-1")
KINDS = {
    "retina-tiny": ("model.fpn_channels=16", "model.tower_convs=1"),
    "fcos": STOCK,
    "fasterrcnn": STOCK,
}


def test_channels_are_dropped_and_others_scaled_up() -> None:
    maps = [torch.ones(2, 400, 3, 3), torch.ones(2, 8, 1, 1)]
    first, second = dropped(maps, 0.25, 0)
    assert first.unique().tolist() == pytest.approx([0, 4 / 3])
    assert first[0].equal(first[1]), "one opinion drops the same on every image"
    assert (first == first[:, :, :1, :1]).all(), "a channel is dropped as a whole"
    assert 0.15 < float((first == 0).float().mean()) < 0.35
    assert not dropped(maps, 0.25, 1)[0].equal(first)
    assert dropped(maps, 0.25, 0)[1].equal(second)


@pytest.mark.parametrize("model", [pytest.param("retina-tiny"), *(
    pytest.param(name, marks=pytest.mark.slow) for name in KINDS if name != "retina-tiny"
)])  # fmt: skip
def test_opinions_differ_and_detections_are_without_dropout(model: str) -> None:
    setup = tiny_setup(
        f"model={model}", *KINDS[model], "training.passes=1", "model.score_threshold=0.0"
    )
    bench = LearnerUnderTest(lambda s: DropoutLearner(s, rate=0.5, samples=3), setup)
    learner, _ = bench.fit()
    names = frozenset({SAMPLES, AUGMENTED, DETECTIONS})
    for batch in learner.signals(ImageSet(bench.images, bench.dataset.test), names):
        samples = batch[SAMPLES]
        assert len(samples) == 3
        assert len(batch[AUGMENTED]) == 4
        for one in (*samples, *batch[AUGMENTED]):
            assert one.boxes.shape[0] == len(batch.ids)
            assert one.exclusive == batch[DETECTIONS].exclusive
        every = [batch[DETECTIONS], *samples]
        probs = [tuple(f.scores[f.valid].tolist()) for f in every]
        assert len(set(probs)) == 4, "no dropout, and three kinds of it"


@torch.inference_mode()
def test_opinions_of_a_classifier_are_of_its_vector() -> None:
    dataset = figures(pool=6, test=3, classes=2)
    config = resolve([from_overrides(CLASSIFIER)])
    assert config.learner.name == "dropout"
    learner = build_learner(config, dataset.classes)
    assert isinstance(learner, DropoutLearner)
    network = learner._fresh(seed=0)
    learner.load_state_dict(network.state_dict())
    images = ImageSet(dataset.images, dataset.test)
    (batch,) = learner.signals(images, frozenset({SAMPLES, CLASS_PROBS, EMBEDDING}))
    assert len(batch[SAMPLES]) == 3
    for number, opinion in enumerate(batch[SAMPLES]):
        (vector,) = dropped([batch[EMBEDDING]], 0.5, number)
        expected = learner.network.head(vector).softmax(dim=1)  # type: ignore[operator]
        torch.testing.assert_close(opinion.values[:, 0], expected)
    plain = learner.network.head(batch[EMBEDDING]).softmax(dim=1)  # type: ignore[operator]
    torch.testing.assert_close(batch[CLASS_PROBS].values[:, 0], plain)


def test_a_classifier_drops_numbers_of_each_image_while_it_trains() -> None:
    learner = build_learner(resolve([from_overrides(CLASSIFIER)]), ("a", "b"))
    assert isinstance(learner, DropoutLearner)
    head = learner.build().head
    assert isinstance(head, nn.Linear)
    vectors = torch.ones(64, head.in_features)
    nn.init.eye_(head.weight)
    seen = head.train()(vectors)
    assert seen.unique(dim=0).shape[0] > 1, "each image drops numbers of its own"
    assert head.eval()(vectors).unique(dim=0).shape[0] == 1


def test_options_and_what_else_it_streams() -> None:
    config = resolve([{"strategy": "mc-dropout"}])
    assert config.learner.name == "dropout"
    assert {SAMPLES, AUGMENTED} <= signals(config)
    assert build_strategy(config).requires == {SAMPLES}
    plain = resolve([{"strategy": "mc-dropout", "learner": "plain"}])
    with pytest.raises(ConfigError, match=r"requires the signal samples, .*learners that do: drop"):
        build_strategy(plain)
    setup = tiny_setup("model=retina-tiny")
    for rate in (0.0, 1.0):
        with pytest.raises(ConfigError, match=f"rate: expected above 0 and below 1, got {rate}"):
            DropoutLearner(setup, rate=rate)
    with pytest.raises(ConfigError, match="samples: expected at least 2, got 1"):
        DropoutLearner(setup, samples=1)
