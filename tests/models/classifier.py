"""A classifier of whole images, and a dataset for it: another task through the same core."""

from typing import Any

import numpy as np
from torch import Tensor, nn

from alframe.datasets.base import Dataset, Target
from alframe.signals import CLASS_PROBS, EMBEDDING, ClassProbs
from alframe.training.batch import Batch


class Classifier(nn.Module):
    """The mean colour of an image, and a linear layer."""

    task = "classification"
    provides = frozenset({CLASS_PROBS, EMBEDDING})
    measured = frozenset({CLASS_PROBS})

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(3, num_classes)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        if batch.labels is None:
            raise ValueError(f"images {', '.join(batch.ids)} are unlabelled")
        logits = self.head(self.features(batch))
        return {"cls": nn.functional.cross_entropy(logits, batch.labels[:, 0], ignore_index=-1)}

    def features(self, batch: Batch) -> Tensor:
        return batch.images.float().mean(dim=(2, 3)) / 255  # [B, 3, H, W] -> [B, 3]

    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        probs = self.head(features).float().softmax(dim=1)[:, None]  # [B, C] -> [B, 1, C]
        values = {EMBEDDING: features, CLASS_PROBS: ClassProbs(probs, exclusive=True)}
        return {name: values[name] for name in names}

    def measure(self, test: Any, stream: Any, setup: Any) -> dict[str, float]:
        found: dict[str, int] = {}
        for batch in stream:  # [B, 1, C] -> [B]
            chosen = batch[CLASS_PROBS].values.argmax(dim=2)[:, 0].tolist()
            found.update(zip(batch.ids, chosen, strict=True))
        return {"accuracy": float(np.mean([found[i] == test.targets[i].labels[0] for i in found]))}


class Coloured:
    def read(self, item: str) -> Any:
        return np.full((16, 16, 3), (200, 40, 40) if int(item) % 2 else (40, 40, 200), np.uint8)

    size, stamp = staticmethod(lambda item: (16, 16)), staticmethod(lambda item: item)


def colours(pool: int = 40, test: int = 20) -> Dataset:
    ids = [f"{n:03d}" for n in range(pool + test)]
    targets = {item: Target.of(None, [n % 2]) for n, item in enumerate(ids)}
    parts = tuple(ids[:pool]), tuple(ids[pool:])
    return Dataset("colours", ("blue", "red"), Coloured(), targets, *parts, task=Classifier.task)


def untold() -> Dataset:
    """Nothing says of which task it is before it is made."""
    return colours()


colours.task = Classifier.task  # type: ignore[attr-defined]
