"""What every classifier shares: a body, a linear head, and what is told of an image."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from alframe.datasets.base import LabelledSet
from alframe.detectors.losses import at_least_float32
from alframe.detectors.pixels import PixelRange, PixelScaling
from alframe.learner import LearnerSetup, Metrics
from alframe.model import Display
from alframe.shaped import Float, Int
from alframe.signals import CLASS_PROBS, EMBEDDING, ClassProbs, SignalBatch
from alframe.tasks.classification import TASK
from alframe.tasks.classification.metrics import classification_metrics
from alframe.tasks.classification.shown_classes import ClassesShowing
from alframe.training.batch import Batch

UNKNOWN = -1
"""The class of an image that shows none."""


class ClassifierFeatures(NamedTuple):
    """What the body makes of a batch.

    Attributes:
        maps: [B, F, H, W] of its last blocks, fine to coarse; at most four.
        embedding: [B, D], what the class is read from.
    """

    maps: "tuple[Float[Tensor, 'B F H W'], ...]"
    embedding: "Float[Tensor, 'B D']"


class Classifier(nn.Module, ABC):
    """A model of classification: a body, and a linear head that reads the class from its vector.

    A sub-class implements :meth:`embed`.

    Args:
        num_classes: C.
        width: D, numbers of the vector that the class is read from.
        pixels: the scale of the images.

    Attributes:
        head: embedding [B, D] -> class logits [B, C].
    """

    task: ClassVar[str] = TASK
    provides: ClassVar[frozenset[str]] = frozenset({CLASS_PROBS, EMBEDDING})
    measured: ClassVar[frozenset[str]] = frozenset({CLASS_PROBS})

    def __init__(self, num_classes: int, width: int, pixels: PixelRange) -> None:
        super().__init__()
        self.num_classes, self.width = num_classes, width
        self.scaling = PixelScaling(pixels)
        self.head = self.new_head()

    @abstractmethod
    def embed(self, images: "Float[Tensor, 'B 3 H W']") -> ClassifierFeatures:
        """Run the body on scaled images."""

    def new_head(self) -> nn.Linear:
        """Another head, freshly initialised."""
        return nn.Linear(self.width, self.num_classes)

    def features(self, batch: Batch) -> ClassifierFeatures:
        """Scale the pixels and run the body. Targets are not looked at."""
        return self.embed(self.scaling(batch.images, batch.sizes))

    def loss(self, batch: Batch) -> "dict[str, Float[Tensor, '']]":
        """Cross-entropy, the mean over the images that have a class."""
        labels = classes_of(batch)
        each = cross_entropy(self.head(self.features(batch).embedding), labels)
        return {"cls": mean_where_known(each, labels)}

    def maps(self, features: ClassifierFeatures) -> "tuple[Float[Tensor, 'B F H W'], ...]":
        """The maps that tell how well an image is understood."""
        return features.maps

    def image_losses(
        self, batch: Batch, features: ClassifierFeatures
    ) -> "dict[str, Float[Tensor, ' B']]":
        """Cross-entropy of each image; 0 where it has no class."""
        return {"cls": cross_entropy(self.head(features.embedding), classes_of(batch))}

    def read(
        self, batch: Batch, features: ClassifierFeatures, names: frozenset[str]
    ) -> dict[str, Any]:
        """The named signals of one batch, from its features; computes no more than they need."""
        del batch
        values: dict[str, Any] = {}
        if EMBEDDING in names:
            values[EMBEDDING] = features.embedding.float()
        if CLASS_PROBS in names:
            probs = at_least_float32(self.head(features.embedding)).softmax(dim=1)
            values[CLASS_PROBS] = ClassProbs(probs.unsqueeze(1), exclusive=True)  # [B, 1, C]
        return values

    def measure(
        self, test: LabelledSet, stream: Iterable[SignalBatch], setup: LearnerSetup
    ) -> Metrics:
        """Accuracy, macro F1, accuracy of each class, calibration error, likelihood."""
        return classification_metrics(test, stream, setup.classes)

    @classmethod
    def showing(cls, display: Display) -> ClassesShowing:
        """What shows the likeliest classes."""
        return ClassesShowing(display)


def classes_of(batch: Batch) -> "Int[Tensor, ' B']":
    """The class of each image of a labelled batch: its label, -1 where it has none.

    Raises:
        ValueError: the batch is unlabelled.
    """
    if batch.labels is None:
        raise ValueError(f"a loss needs labels; images {', '.join(batch.ids)} are unlabelled")
    return batch.labels[:, 0]  # [B, M] -> [B]


def cross_entropy(
    logits: "Float[Tensor, 'B C']", labels: "Int[Tensor, ' B']"
) -> "Float[Tensor, ' B']":
    """Of each image; 0 where it has no class."""
    each: Tensor = nn.functional.cross_entropy(
        at_least_float32(logits), labels, ignore_index=UNKNOWN, reduction="none"
    )
    return each


def mean_where_known(
    each: "Float[Tensor, ' B']", labels: "Int[Tensor, ' B']"
) -> "Float[Tensor, '']":
    """The mean over images that have a class; 0 where none has."""
    return each.sum() / torch.count_nonzero(labels != UNKNOWN).clamp(min=1)
