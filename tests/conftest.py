"""Fixtures that every test may use."""

import os
from pathlib import Path

# Before torch is imported, and inherited by the processes that tests start: threads that wait
# for each other on a busy machine make small tensors slower, not faster.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _folder(path: Path) -> Path:
    if not path.is_dir():
        pytest.skip(f"{path.name}/ is not beside this checkout")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real photographs with annotations in VOC layout."""
    return _folder(SHARED / "data")


@pytest.fixture(scope="session")
def shared_golden() -> Path:
    """Numbers that the reference implementation of MI-AOD produced."""
    return _folder(SHARED / "golden")


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """ImageNet weights."""
    return _folder(SHARED / "weights")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without a GPU its tests are skipped, but for those of ``tests/gpu`` that are rehearsed."""
    if item.get_closest_marker("gpu") and item.path.parent.name != "gpu":
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device")
