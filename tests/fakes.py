"""A dataset in memory and a learner without a network, for tests of everything around them."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from alframe.datasets.base import Dataset, ImageSet, LabelledSet, Target
from alframe.learner import FitContext, Metrics
from alframe.signals import SignalBatch


class FakeImages:
    """Images whose pixels follow from their id."""

    def __init__(self, height: int = 8, width: int = 8) -> None:
        self._shape = (height, width)

    def read(self, item: str) -> NDArray[np.uint8]:
        value = hashlib.sha256(item.encode()).digest()[0]
        return np.full((*self._shape, 3), value, np.uint8)

    def size(self, item: str) -> tuple[int, int]:
        return self._shape

    def stamp(self, item: str) -> str:
        return item


def fake_dataset(pool: int = 12, test: int = 4, classes: tuple[str, ...] = ("a", "b")) -> Dataset:
    """A pool of images with one object each."""
    pool_ids = tuple(f"p{i:03d}" for i in range(pool))
    test_ids = tuple(f"t{i:03d}" for i in range(test))
    targets = {
        item: Target.of([[1, 1, 6, 7]], [i % len(classes)])
        for i, item in enumerate((*pool_ids, *test_ids))
    }
    return Dataset("fake", classes, FakeImages(), targets, pool_ids, test_ids)


class FakeLearner:
    """Its "weights" are a running hash of what it was trained on; every epoch is saved.

    Args:
        epochs: of one fit.
        touch: called at every point where a process may die.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"number"})

    def __init__(self, epochs: int = 3, touch: Callable[[str], None] = lambda _: None) -> None:
        self.epochs, self._touch = epochs, touch
        self.weights = torch.zeros(1, dtype=torch.float64)
        self.fits = 0

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        saved = context.checkpoint.load()
        epoch, weights = (saved["epoch"], saved["weights"]) if saved else (0, torch.zeros(1))
        self.fits += 1
        for done in range(epoch, self.epochs):
            self._touch("epoch")
            noise = context.seeds.rng("epoch", done).random()
            weights = weights.double() * 0.5 + len(labelled) + labelled.objects() + noise
            context.recorder.scalar("loss", float(weights), done)
            context.checkpoint.save({"epoch": done + 1, "weights": weights})
        context.phase_finished("label", {"index": 0})
        self.weights = weights

    def evaluate(self, test: LabelledSet) -> Metrics:
        self._touch("evaluate")
        return {"mAP50": float(self.weights) / 1000, "AP50": {"a": 0.5, "b": None}}

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        assert names <= self.provides
        for item in images.ids:
            self._touch("signals")
            mixed = hashlib.sha256(f"{item}{float(self.weights)}".encode()).digest()
            yield SignalBatch((item,), {"number": [mixed[0]]})

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weights = state["weights"]


class Numbers:
    """Records nothing."""

    def scalar(self, name: str, value: float, step: int) -> None:
        pass


class MemoryCheckpoint:
    """A checkpoint that lives as long as the test; deep copies, as a file would."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []

    def load(self) -> dict[str, Any] | None:
        return self.states[-1] if self.states else None

    def save(self, state: dict[str, Any]) -> None:
        import copy

        self.states.append(copy.deepcopy(state))
