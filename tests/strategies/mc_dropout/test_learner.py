"""Opinions of detectors of every kind, by dropout; and what is consistent, by changing images."""

import pytest
import torch

from alframe.config.resolve import resolve
from alframe.datasets.base import ImageSet
from alframe.errors import ConfigError
from alframe.runs.build import build_strategy, signals
from alframe.signals import AUGMENTED, DETECTIONS, SAMPLES
from alframe.strategies.mc_dropout.learner import DropoutLearner, dropped
from alframe.testing.fitting import LearnerUnderTest, tiny_setup

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


def test_options_and_what_else_it_streams() -> None:
    config = resolve([{"strategy": "mc-dropout"}])
    assert config.learner.name == "dropout"
    assert {SAMPLES, AUGMENTED} <= signals(config)
    assert build_strategy(config).requires == {SAMPLES}
    plain = resolve([{"strategy": "mc-dropout", "learner": "plain"}])
    with pytest.raises(ConfigError, match=r"requires the signal samples, .*learners that do: drop"):
        build_strategy(plain)
    setup = tiny_setup("model=retina-tiny")
    with pytest.raises(ConfigError, match="rate: expected above 0 and below 1, got 1"):
        DropoutLearner(setup, rate=1.0)
    with pytest.raises(ConfigError, match="samples: expected at least 2, got 1"):
        DropoutLearner(setup, samples=1)
