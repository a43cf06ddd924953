"""What every detector shares: what describes an image, how it is measured, and made lean."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from alframe.datasets.base import LabelledSet
from alframe.detectors.evaluation import detection_metrics
from alframe.detectors.folding import for_inference
from alframe.detectors.postprocess import PostProcess, best_pairs, box_features, gathered, strongest
from alframe.detectors.shown_boxes import DetectionsShowing
from alframe.learner import LearnerSetup, Metrics
from alframe.model import Display
from alframe.shaped import Float, Int
from alframe.signals import (
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    EMBEDDING,
    ClassProbs,
    Detections,
    SignalBatch,
)
from alframe.training.batch import Batch


class Detector(nn.Module, ABC):
    """A model of detection with a ``backbone`` (:class:`alframe.model.Model`)."""

    measured: ClassVar[frozenset[str]] = frozenset({DETECTIONS})

    def measure(
        self, test: LabelledSet, stream: Iterable[SignalBatch], setup: LearnerSetup
    ) -> Metrics:
        """VOC AP50 by both rules, per class, and COCO AP unless switched off."""
        return detection_metrics(test, stream, setup)

    @classmethod
    def showing(cls, display: Display) -> DetectionsShowing:
        """Boxes, their classes and scores (:class:`alframe.model.Showable`)."""
        return DetectionsShowing(display)

    def for_inference(self) -> Self:
        """The detector with BatchNorm folded into the convolutions of its backbone."""
        return for_inference(self)


@dataclass(frozen=True)
class KnownBoxes:
    """What is known of A boxes of each image, before any filtering.

    Attributes:
        probs: [B, A, K], see :class:`~alframe.signals.ClassProbs`.
        scores: [B, A, C], by which detections are ranked.
        boxes: [B, A, C, 4], or [B, A, 1, 4] where a box is the same for all classes: x1 y1 x2 y2 in
            pixels of the input.
        per_level: how many of A each level has.
        vectors: [B, A, F], what the class is read from; None: the deepest map under the box.
    """

    probs: "Float[Tensor, 'B A K']"
    scores: "Float[Tensor, 'B A C']"
    boxes: "Float[Tensor, 'B A n 4']"
    per_level: tuple[int, ...]
    vectors: "Float[Tensor, 'B A F'] | None" = None

    def boxes_of(
        self, anchors: "Int[Tensor, 'B N']", labels: "Int[Tensor, 'B N']"
    ) -> "Float[Tensor, 'B N 4']":
        """The boxes of pairs of one of A and a class."""
        alike = self.boxes.shape[2]
        return gathered(self.boxes.flatten(1, 2), anchors * alike + labels % alike)


class BoxDetector(Detector):
    """A detector that knows something of a number of boxes, wherever they come from.

    Attributes:
        exclusive: whether an object has one class, see :class:`~alframe.signals.ClassProbs`.
        least_side: a box with a shorter one is none, in pixels.
        postprocess: how detections are made of predictions.
    """

    provides: ClassVar[frozenset[str]] = frozenset(
        {BOX_FEATURES, CLASS_PROBS, DETECTIONS, EMBEDDING}
    )
    exclusive: bool
    least_side: ClassVar[float] = 0.0
    postprocess: PostProcess

    @abstractmethod
    def predict(self, features: Any) -> KnownBoxes:
        """Everything that is known of the images' boxes.

        Args:
            features: with the backbone's last map as ``deepest``; where there are no vectors of
                boxes, also with the height and width of the padded input as ``frame``.
        """

    @abstractmethod
    def features(self, batch: Batch) -> Any:
        """What is read of images, for :meth:`predict`. Targets are not looked at."""

    def unfiltered(self, batch: Batch) -> "tuple[Float[Tensor, 'B A n 4'], Float[Tensor, 'B A K']]":
        """All boxes in pixels of the input, and their class probabilities."""
        known = self.predict(self.features(batch))
        return known.boxes, known.probs

    def read(self, batch: Batch, features: Any, names: frozenset[str]) -> dict[str, Any]:
        """The named signals of one batch, from its features; computes no more than they need."""
        values: dict[str, Any] = {}
        if EMBEDDING in names:
            values[EMBEDDING] = image_embedding(features.deepest)
        if not names & {BOX_FEATURES, CLASS_PROBS, DETECTIONS}:
            return values
        predictions = self.predict(features)
        if CLASS_PROBS in names:
            values[CLASS_PROBS] = ClassProbs(predictions.probs, self.exclusive)
        if names & {BOX_FEATURES, DETECTIONS}:
            found, behind = self._detect(predictions, batch)
            values[DETECTIONS] = found
            if BOX_FEATURES in names and predictions.vectors is not None:
                values[BOX_FEATURES] = gathered(predictions.vectors, behind)
            elif BOX_FEATURES in names:
                deepest, frame = features.deepest, features.frame
                values[BOX_FEATURES] = box_features(found.boxes, deepest, frame, batch)
        return {name: value for name, value in values.items() if name in names}

    def _detect(self, predictions: KnownBoxes, batch: Batch) -> tuple[Detections, Tensor]:
        options = self.postprocess
        pairs = best_pairs(predictions.scores, predictions.per_level, options)
        return strongest(
            predictions.boxes_of(pairs.anchors, pairs.labels),
            pairs,
            predictions.probs,
            batch,
            exclusive=self.exclusive,
            options=options,
            least_side=self.least_side,
        )


def image_embedding(deepest: "Float[Tensor, 'B D H W']") -> "Float[Tensor, 'B D']":
    """A vector an image: the global average of the backbone's last map."""
    return deepest.float().mean(dim=(2, 3))


def annotations_of(batch: Batch) -> tuple[Tensor, Tensor]:
    """Boxes and labels of a labelled batch.

    Raises:
        ValueError: the batch is unlabelled.
    """
    if batch.boxes is None or batch.labels is None:
        raise ValueError(
            f"a detection loss needs boxes and labels; images {', '.join(batch.ids)} are "
            "unlabelled (an image without objects has zero rows of them, not None)"
        )
    return batch.boxes, batch.labels
