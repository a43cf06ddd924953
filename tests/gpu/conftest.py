"""A GPU, and what a rehearsal of its tests without one needs: ALFRAME_REHEARSE=1 pytest -m gpu."""

import os
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)


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
