"""Whether the module knows, of images it has never seen, which ones the detector does badly on."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from alframe.config.resolve import resolve
from alframe.datasets.base import Dataset, ImageSet, LabelledSet
from alframe.learner import FitContext
from alframe.runs.build import build_dataset, build_learner, prepare_images
from alframe.seeds import Seeds
from alframe.signals import PREDICTED_LOSS
from alframe.strategies.ll4al.learner import LL4ALLearner
from alframe.training.data import TrainingStream
from tests.fakes import MemoryCheckpoint, Numbers

LABELLED, HELD_OUT = 200, 600
CHANCE = 1.96 / (HELD_OUT - 1) ** 0.5
"""What a rank correlation by chance stays below in 95 of 100 tries: 0.08."""


def predicted(learner: LL4ALLearner, images: ImageSet) -> list[float]:
    found: dict[str, float] = {}
    for batch in learner.signals(images, frozenset({PREDICTED_LOSS})):
        found |= zip(batch.ids, batch[PREDICTED_LOSS].tolist(), strict=True)
    return [found[i] for i in images.ids]


def true(learner: LL4ALLearner, images: LabelledSet) -> list[float]:
    detector, found = learner.inner(learner.network), {}
    stream = TrainingStream(images, batch_size=20, pad=32, augment=(), seeds=Seeds(0))
    for batch in stream.batches(0, stream.batches_per_pass()):
        with torch.no_grad():
            each = detector.image_losses(batch, detector.features(batch))
        found |= dict(zip(batch.ids, (each["cls"] + each["box"]).tolist(), strict=True))
    return [found[i] for i in images.ids]


def fitted(seed: int) -> tuple[LL4ALLearner, Dataset]:
    config = resolve(
        [
            {
                "learner": "ll4al",
                "model": "retina-tiny",
                "dataset": {"name": "shapes", "pool": LABELLED, "test": HELD_OUT},
                "training": {"iterations": 300},
                "seed": seed,
            }
        ]
    )
    dataset = prepare_images(build_dataset(config), config)
    learner = build_learner(config, dataset.classes)
    assert isinstance(learner, LL4ALLearner)
    context = FitContext(0, Seeds(seed), MemoryCheckpoint(), Numbers(), lambda name, summary: None)
    labelled = LabelledSet(dataset.images, dataset.pool, dataset.targets)
    learner.fit(labelled, ImageSet(dataset.images, ()), context)
    return learner, dataset


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_held_out_images_are_ranked_better_than_by_chance(seed: int) -> None:
    learner, dataset = fitted(seed)
    expected = predicted(learner, ImageSet(dataset.images, dataset.test))
    found = true(learner, LabelledSet(dataset.images, dataset.test, dataset.targets))
    correlation = float(spearmanr(expected, found).statistic)
    one, other = (np.sign(np.subtract.outer(x, x)) for x in (expected, found))
    pairs = float((one == other)[np.triu_indices(HELD_OUT, 1)].mean())
    print(f"Spearman {correlation:.3f}, pairs in the right order {pairs:.3f}")  # noqa: T201
    assert correlation > CHANCE
    assert pairs > 0.52
