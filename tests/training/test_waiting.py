"""The host does not wait for the device within a step, but where it is listed here.

Counted on the CPU, where every operation passes by as on a GPU; tests/gpu asks the GPU itself.
"""

from typing import Any

import pytest
import torch

from alframe.benchmarks.speed.launches import Counter
from alframe.datasets.base import ImageSet
from alframe.detectors import suppression
from alframe.detectors.suppression import WAYS
from alframe.signals import CLASS_PROBS, DETECTIONS, DISAGREEMENT, EMBEDDING
from alframe.training.optimizer import build_optimizer
from tests.fakes import FakeImages
from tests.gpu.settings import DETECTION, built
from tests.training.test_compiled import batch, unlabelled

SUPPRESSION = 2
"""How many candidates there are, and whether what remains still changes: of a whole batch."""
ENOUGH = 16
"""Rounds of suppression after which it is done and asks once; some of these networks need nine."""
DENSE = [name for name in DETECTION if name.endswith(("retina", "ssd"))]


def images_of(learner: Any, model: Any) -> Any:
    side = getattr(learner.inner(model), "size", 64)  # SSD's images are of one size
    return batch(height=side, width=side)


def steps(learner: Any, model: Any, optimizer: torch.optim.Optimizer, device: str) -> None:
    """Loss, backward pass and optimiser step of all that a learner does, as the fit does them."""
    for phase in learner.phases(ImageSet(FakeImages(), ("a",)))[:3]:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(phase.trains(name))
        for step in phase.steps:
            images = images_of(learner, model)
            images = images if step.stream == "labelled" else unlabelled(images)
            optimizer.zero_grad()
            step.loss(model, images.to(torch.device(device))).total().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()


def prepared(name: str, device: str) -> tuple[Any, Any, torch.optim.Optimizer]:
    """A learner, its network and an optimiser; what is computed once has been."""
    learner, config = built(device, DETECTION[name])
    model = learner._fresh(0).train()
    optimizer = build_optimizer(model, list(model.parameters()), config.training)
    steps(learner, model, optimizer, device)
    return learner, model, optimizer


@pytest.fixture(scope="module", params=DENSE)
def trained(request: pytest.FixtureRequest) -> tuple[Any, Any, torch.optim.Optimizer]:
    return prepared(request.param, "cpu")


def test_a_step_waits_for_nothing(trained: tuple[Any, Any, torch.optim.Optimizer]) -> None:
    learner, model, optimizer = trained
    with Counter() as counter:
        steps(learner, model, optimizer, "cpu")
    assert counter.operations > 300
    assert counter.waits == 0


def test_signals_wait_for_the_suppression_alone(
    trained: tuple[Any, Any, torch.optim.Optimizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WAYS, "cpu", WAYS["cuda"])
    monkeypatch.setattr(suppression, "ROUNDS", ENOUGH)
    learner, model, _ = trained
    learner._network = model.eval()
    images = images_of(learner, model)
    names = {CLASS_PROBS, DETECTIONS, EMBEDDING} | ({DISAGREEMENT} & learner.provides)
    with torch.inference_mode():
        lean = learner.for_inference()
        learner.read(images, lean.features(images), frozenset(names))
        with Counter() as counter:
            learner.read(images, lean.features(images), frozenset(names))
    assert counter.waits == SUPPRESSION
