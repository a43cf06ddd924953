"""CUDA's own word on where the host waits; tests/training/test_waiting.py counts on any device."""

import warnings
from collections.abc import Iterator

import pytest
import torch

from alframe.detectors import suppression
from alframe.signals import CLASS_PROBS, DETECTIONS, EMBEDDING
from tests.training.test_waiting import DENSE, ENOUGH, SUPPRESSION, images_of, prepared, steps


@pytest.fixture
def refusing(gpu: torch.device) -> Iterator[torch.device]:
    """A GPU of which waiting is an error, until the test ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # once a process: that it does not yet detect everything
        torch.cuda.set_sync_debug_mode("warn")
    torch.cuda.set_sync_debug_mode("default")
    yield gpu
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("name", DENSE)
def test_a_step_waits_for_nothing(name: str, refusing: torch.device) -> None:
    learner, model, optimizer = prepared(name, refusing.type)
    torch.cuda.set_sync_debug_mode("error")
    steps(learner, model, optimizer, refusing.type)


@pytest.mark.parametrize("name", DENSE)
def test_signals_wait_for_the_suppression_alone(
    name: str, refusing: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppression, "ROUNDS", ENOUGH)
    learner, model, _ = prepared(name, refusing.type)
    learner._network = model.eval()
    images = images_of(learner, model).to(refusing)
    names = frozenset({CLASS_PROBS, DETECTIONS, EMBEDDING})
    with torch.inference_mode(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lean = learner.for_inference()
        learner.read(images, lean.features(images), names)
        caught.clear()
        torch.cuda.set_sync_debug_mode("warn")
        learner.read(images, lean.features(images), names)
    waits = [str(each.message) for each in caught if "synchroniz" in str(each.message)]
    assert len(waits) == SUPPRESSION, waits
