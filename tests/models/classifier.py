"""A classifier of whole images, and a dataset for it: another task through the same core."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alframe.datasets.base import Dataset, LabelledSet, Target
from alframe.learner import CLASS_PROBS, EMBEDDING, ClassProbs, LearnerSetup, Metrics, SignalBatch
from alframe.training.batch import Batch


class Classifier(nn.Module):
    """The mean colour of an image, and a linear layer."""

    task = "classification"
    provides: ClassVar[frozenset[str]] = frozenset({CLASS_PROBS, EMBEDDING})
    measured: ClassVar[frozenset[str]] = frozenset({CLASS_PROBS})

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(3, num_classes)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        if batch.labels is None:
            raise ValueError(f"images {', '.join(batch.ids)} are unlabelled")
        logits = self.head(self.features(batch))
        return {"cls": nn.functional.cross_entropy(logits, batch.labels[:, 0])}

    def features(self, batch: Batch) -> Tensor:
        return batch.images.float().mean(dim=(2, 3)) / 255  # [B, 3, H, W] -> [B, 3]

    def read(self, batch: Batch, features: Any, names: frozenset[str]) -> dict[str, Any]:
        probs = self.head(features).float().softmax(dim=1)[:, None]  # [B, C] -> [B, 1, C]
        values = {EMBEDDING: features, CLASS_PROBS: ClassProbs(probs, exclusive=True)}
        return {name: values[name] for name in names}

    def measure(
        self, test: LabelledSet, stream: Iterable[SignalBatch], setup: LearnerSetup
    ) -> Metrics:
        answers = {i: p.argmax() for b in stream for i, p in zip(b.ids, b[CLASS_PROBS].values[:, 0])}
        right = [int(answers[i]) == test.targets[i].labels[0] for i in test.ids]
        return {"accuracy": float(np.mean(right))}


def colours(pool: int = 40, test: int = 20) -> Dataset:
    """Red and blue images."""
    ids = [f"{n:03d}" for n in range(pool + test)]
    targets = {item: Target.of(None, [n % 2]) for n, item in enumerate(ids)}
    split = tuple(ids[:pool]), tuple(ids[pool:])
    return Dataset("colours", ("red", "blue"), Noise(), targets, *split, task="classification")
