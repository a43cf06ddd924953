"""What goes wrong in a model of one's own, a class each."""

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from alframe.signals import CLASS_PROBS, EMBEDDING
from alframe.training.batch import Batch
from tests.models.classifier import Classifier


class Logits(Classifier):
    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        values = super().read(batch, features, names)
        probs = values[CLASS_PROBS]
        return values | {CLASS_PROBS: replace(probs, values=probs.values.log())}


class Bare(Classifier):
    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        return {name: self.head(features).softmax(dim=1) for name in names}


class Forgetful(Classifier):
    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        return super().read(batch, features, names - {EMBEDDING})


class Silent(Classifier):
    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> Any:
        super().read(batch, features, names)


class Fixed(Classifier):
    def __init__(self) -> None:
        super().__init__(2)


class Frozen(Classifier):
    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.head.requires_grad_(False)


class Bodiless(Classifier):
    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        del self.head


class Unmeasured(nn.Module):
    task = "classification"
    provides = frozenset({CLASS_PROBS})
    loss, features, read = Classifier.loss, Classifier.features, Classifier.read

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(3, num_classes)


class Measuring(Classifier):
    measured = frozenset[str]()


class Detached(Classifier):
    def loss(self, batch: Batch) -> dict[str, Tensor]:
        return {name: term.detach() for name, term in super().loss(batch).items()}
