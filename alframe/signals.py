"""Signals: what a strategy may ask for by name, and what each of them is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from alframe.datasets.base import ImageSet
from alframe.errors import PluginError
from alframe.shaped import Bool, Float, Int, Tensor

LARGEST_FEATURE = 1e15
"""Numbers of ``embedding`` and ``box_features`` are smaller: their squares are added in float32."""

# A plugin may add names of its own; strategy and learner only have to agree on what is behind them.
DETECTIONS = "detections"
"""A :class:`Detections`."""
CLASS_PROBS = "class_probs"
"""A :class:`ClassProbs`."""
EMBEDDING = "embedding"
"""float Tensor [B, D]: one vector an image, a global average over the backbone's last level."""
BOX_FEATURES = "box_features"
"""float Tensor [B, N, F]: a vector for each of ``detections``, in their order, the backbone's last
level averaged over the box, or what a second stage reads the class from; of no meaning where they
are padding."""
DISAGREEMENT = "disagreement"
"""float Tensor [B, A]: squared disagreement of two classifiers, one number an anchor."""
ANCHORS = "anchors"
"""float Tensor [B, A, 4]: the boxes that signals of A numbers are about, x1 y1 x2 y2 in pixels of
the original image."""
ANCHOR_WEIGHT = "anchor_weight"
"""float Tensor [B, A]: how much each anchor counts in training; sums to the number of levels."""
PREDICTED_LOSS = "predicted_loss"
"""float Tensor [B]: the loss that a learner expects on the image."""
AUGMENTED = "augmented"
"""A tuple of :class:`Detections`, one for each way of changing the image a little, on the changed
images and mapped back: boxes in pixels of the image as it is."""
SAMPLES = "samples"
"""A tuple of :class:`Detections`, one for each of several opinions on the image: the members of an
ensemble, or passes with dropout; ``probs`` end with background where they are ``exclusive``. Of
models that classify whole images, :class:`ClassProbs` in their place."""
OF_IMAGES = frozenset({CLASS_PROBS, EMBEDDING})
"""Signals that are a row for each image, where a model classifies whole images."""


@dataclass(frozen=True)
class ClassProbs:
    """Class probabilities of every prediction before any filtering.

    Attributes:
        values: [B, A, K]; A predictions an image (1 for a classifier of whole images).
        exclusive: True where the K probabilities are of one softmax and sum to 1 (K includes
            background, last, where the model has it); False where each class is a binary
            decision of its own (sigmoid).
    """

    values: "Float[Tensor, 'B A K']"
    exclusive: bool

    def of_whole_images(self, classes: int) -> bool:
        """Whether there is one prediction an image, of one of ``classes`` and no background."""
        return self.exclusive and self.values.shape[1:] == (1, classes)


@dataclass(frozen=True)
class Detections:
    """What remains after thresholding and non-maximum suppression, padded to one length.

    Attributes:
        boxes: [B, N, 4], x1 y1 x2 y2 in pixels of the original image.
        scores: [B, N], descending.
        labels: [B, N], indices into the dataset's classes.
        valid: [B, N]; False marks padding.
        probs: [B, N, K], the class probabilities of the prediction behind each box; see
            :class:`ClassProbs` for K and ``exclusive``.
        exclusive: see :class:`ClassProbs`.
    """

    boxes: "Float[Tensor, 'B N 4']"
    scores: "Float[Tensor, 'B N']"
    labels: "Int[Tensor, 'B N']"
    valid: "Bool[Tensor, 'B N']"
    probs: "Float[Tensor, 'B N K']"
    exclusive: bool

    @property
    def decisions(self) -> "Float[Tensor, 'B N M']":
        """The ``probs`` of which not all are known to be 0."""
        return self.probs


def above(found: Detections, score: float) -> "Bool[Tensor, 'B N']":
    """Which detections are no padding and have a larger score; NaN stays, to be refused."""
    return found.valid & ~(found.scores <= score)


def ones_above(found: Detections, score: float) -> "Float[Tensor, 'B N']":
    """1 for each detection that is :func:`above`, 0 for others; NaN where a score is not finite."""
    return (found.scores.float() * 0 + 1).masked_fill(~above(found, score), 0)


@dataclass(frozen=True)
class SignalBatch:
    """Signals of a few images: ``values[name]`` has one entry an id, in the order of ``ids``."""

    ids: tuple[str, ...]
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """The values of a signal.

        Raises:
            PluginError: it was not asked for.
        """
        if name not in self.values:
            raise PluginError(
                f"the signal {name} is read and was not asked for: name it in requires (of a "
                "strategy) or in measured (of a model)"
            )
        return self.values[name]


class SignalSource(Protocol):
    """What streams signals of images: a learner, or files of somebody's own model."""

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        """As :meth:`alframe.learner.Learner.signals`."""
        ...
