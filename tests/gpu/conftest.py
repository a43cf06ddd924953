"""A GPU, and what a rehearsal of its tests without one needs: ALFRAME_REHEARSE=1 pytest -m gpu."""

import os
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
COMPILED = "test_losses_and_gradients_are_those_of_the_plain_functions"
LONG = (
    f"{COMPILED}[miaod-cuda-True]",
    f"{COMPILED}[plain-cuda-False]",
    f"{COMPILED}[miaod-cuda-False]",
    f"{COMPILED}[plain-cuda-True]",
    "test_a_compiled_run[miaod-retina-graphs]",
    "test_one_process_of_torchrun",
    "test_a_compiled_run[plain-retina-true]",
    "test_killed_in_training_it_goes_on",
)
"""They begin first: with several processes the whole takes as long as what ends last.

pytest-xdist gives each process two tests that follow each other, at the least: of the longest, each
stands before a shorter one.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.name, len(LONG)))


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The GPU; the CPU in a rehearsal, which shows that the tests themselves are right."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if os.environ.get("ALFRAME_REHEARSE"):
        return torch.device("cpu")
    pytest.skip("there is no CUDA device")


@pytest.fixture
def gpu(device: torch.device) -> torch.device:
    """A GPU that nothing stands in for."""
    if device.type != "cuda":
        pytest.skip("cannot be rehearsed: about the device itself")
    return device


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions in float32, not in TF32, torch's default: the CPU's are compared with them."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
