"""A learner of predictions that another program has written: it trains nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch

from alframe.datasets.base import ImageSet, LabelledSet
from alframe.errors import Waiting
from alframe.learner import FitContext, InferenceSetup
from alframe.signals import CLASS_PROBS, ClassProbs, SignalBatch


class Predictions:
    """Class probabilities of every image from ``cycle_NN.json``: ``{id: [p, ...]}``.

    Args:
        setup: classes and device.
        root: the folder that another program writes the predictions of each cycle into.
    """

    provides: ClassVar[frozenset[str]] = frozenset({CLASS_PROBS})
    trains = False

    def __init__(self, setup: InferenceSetup, root: str) -> None:
        self._setup, self._root, self._cycle = setup, Path(root), 0

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        self._cycle = context.cycle
        if not self._file().exists():
            raise Waiting(f"cycle {context.cycle} waits for predictions: write {self._file()}")

    def evaluate(self, test: LabelledSet) -> dict[str, float]:
        right = [int(self._probs(i).argmax()) in test.targets[i].labels for i in test.ids]
        return {"accuracy": sum(right) / len(right)}

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        if names - self.provides:
            raise ValueError(f"no such signals: {sorted(names - self.provides)}")
        for item in images.ids:
            probs = self._probs(item).to(self._setup.device).reshape(1, 1, -1)
            yield SignalBatch((item,), {CLASS_PROBS: ClassProbs(probs, exclusive=True)})

    def state_dict(self) -> dict[str, Any]:
        return {"cycle": self._cycle}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._cycle = state["cycle"]

    def _file(self) -> Path:
        return self._root / f"cycle_{self._cycle:02d}.json"

    def _probs(self, item: str) -> torch.Tensor:
        return torch.tensor(json.loads(self._file().read_text(encoding="utf-8"))[item])
