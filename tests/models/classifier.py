"""A classifier of whole images, and a dataset for it: another task through the same core."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
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
        found = {}
        for batch in stream:  # [B, 1, C] -> [B]
            chosen = batch[CLASS_PROBS].values.argmax(dim=2)[:, 0].tolist()
            found.update(zip(batch.ids, chosen, strict=True))
        return {"accuracy": float(np.mean([found[i] == test.targets[i].labels[0] for i in found]))}


class Coloured:
    """Images of one colour, which follows from the id."""

    def read(self, item: str) -> Any:
        return np.full((16, 16, 3), (200, 40, 40) if int(item) % 2 else (40, 40, 200), np.uint8)

    def size(self, item: str) -> tuple[int, int]:
        return 16, 16

    def stamp(self, item: str) -> str:
        return item


def colours(pool: int = 40, test: int = 20) -> Dataset:
    """Blue images, and red ones."""
    ids = [f"{n:03d}" for n in range(pool + test)]
    targets = {item: Target.of(None, [n % 2]) for n, item in enumerate(ids)}
    split = tuple(ids[:pool]), tuple(ids[pool:])
    return Dataset("colours", ("blue", "red"), Coloured(), targets, *split, task="classification")


colours.task = "classification"  # type: ignore[attr-defined]
