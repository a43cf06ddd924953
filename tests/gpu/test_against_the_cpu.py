"""What a GPU computes is what the CPU computes: losses, suppression, selections."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from alframe.datasets.base import ImageSet
from alframe.detectors.suppression import in_rounds, one_by_one
from alframe.runs.build import build_dataset, build_strategy, prepare_images
from alframe.strategy import Query
from alframe.streams import DeclaredSignals
from alframe.training.device import seeded
from tests.detectors.test_suppression import crowd
from tests.fakes import FakeImages
from tests.gpu.settings import DETECTION, RUNS, built
from tests.training.test_compiled import batch, unlabelled
from tests.training.test_compiled_numbers import computed, sure

TOLERANCE = 1e-4
"""Relative, of losses: float32, added up in another order."""


@pytest.mark.parametrize("name", DETECTION)
def test_losses(name: str, device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every step of the first three phases; drawn with the same weights."""
    monkeypatch.setattr(torch, "randperm", partial(_drawn_on_the_cpu, torch.randperm))
    values: list[list[dict[str, float]]] = []
    for where in ("cpu", device.type):
        learner, _ = built(where, RUNS[name])
        with seeded(0, torch.device("cpu")):
            model = learner.build().train()
            model = sure(model).to(where)
        values.append(list(_losses(learner, model, torch.device(where))))
    for own, expected in zip(*values, strict=True):
        assert own == pytest.approx(expected, rel=TOLERANCE, abs=1e-6)


def _drawn_on_the_cpu(
    randperm: Callable[[int], torch.Tensor], count: int, device: torch.device
) -> torch.Tensor:
    """Of Faster R-CNN's anchors a sample is scored, and every device would draw another one."""
    return randperm(count).to(device)


def _losses(learner: Any, model: Any, where: torch.device) -> Iterator[dict[str, float]]:
    side = getattr(learner.inner(model), "size", 64)  # SSD's images are of one size
    for phase in learner.phases(ImageSet(FakeImages(), ("a",)))[:3]:
        for parameter_name, parameter in model.named_parameters():
            parameter.requires_grad_(phase.trains(parameter_name))
        for step in phase.steps:
            images = batch(height=side, width=side)
            images = images if step.stream == "labelled" else unlabelled(images)
            with seeded(0, where):
                yield computed(step.loss, model, images.to(where))[0]


def test_suppression(device: torch.device) -> None:
    parts = crowd(0, images=8, count=1000, classes=20)
    kept = in_rounds(*(part.to(device) for part in parts), 0.5).cpu()
    assert torch.equal(kept, one_by_one(*parts, 0.5))
    assert torch.equal(kept, one_by_one(*(part.to(device) for part in parts), 0.5).cpu())


@pytest.mark.parametrize("strategy", ["entropy", "margin", "coreset", "badge", "cdal", "ppal"])
def test_selections_of_a_model(strategy: str, device: torch.device) -> None:
    assert _chosen(strategy, "cpu") == _chosen(strategy, device.type)


@pytest.mark.parametrize("learner", ["miaod", "ll4al"])
def test_selections_of_a_learner(learner: str, device: torch.device) -> None:
    assert _chosen(learner, "cpu") == _chosen(learner, device.type)


def _chosen(strategy: str, where: str) -> tuple[str, ...]:
    """What a strategy selects with a drawn detector, the same on every device."""
    settings = RUNS.get(f"{strategy}-retina", ("model=retina-tiny", f"strategy={strategy}"))
    learner, config = built(where, settings)
    dataset = prepare_images(build_dataset(config), config)
    with seeded(0, torch.device("cpu")):
        learner.load_state_dict(sure(learner.build()).state_dict())
    chooser = build_strategy(config)
    query = Query(
        learner=DeclaredSignals(learner, dataset.images, chooser.requires),
        unlabelled=dataset.pool[8:],
        labelled=dataset.pool[:8],
        targets={item: dataset.targets[item] for item in dataset.pool[:8]},
        classes=dataset.classes,
        budget=5,
        rng=np.random.default_rng(0),
        cycle=0,
    )
    return tuple(chooser.select(query).ids)
