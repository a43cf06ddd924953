"""What every detector shares: what describes an image, how it is measured, and made lean."""

from abc import ABC
from collections.abc import Iterable
from typing import ClassVar, Self

from torch import Tensor, nn

from alframe.datasets.base import LabelledSet
from alframe.detectors.evaluation import measured
from alframe.detectors.folding import for_inference
from alframe.detectors.showing import DetectionsShowing
from alframe.learner import DETECTIONS, LearnerSetup, Metrics, SignalBatch
from alframe.model import Display
from alframe.shaped import Float
from alframe.training.batch import Batch


class Detector(nn.Module, ABC):
    """A model of detection with a ``backbone`` (:class:`alframe.model.Model`)."""

    measured: ClassVar[frozenset[str]] = frozenset({DETECTIONS})

    def measure(
        self, test: LabelledSet, stream: Iterable[SignalBatch], setup: LearnerSetup
    ) -> Metrics:
        """VOC AP50 by both rules, per class, and COCO AP unless switched off."""
        return measured(test, stream, setup)

    @classmethod
    def showing(cls, display: Display) -> DetectionsShowing:
        """Boxes, their classes and scores (:class:`alframe.model.Showable`)."""
        return DetectionsShowing(display)

    def for_inference(self) -> Self:
        """The detector with BatchNorm folded into the convolutions of its backbone."""
        return for_inference(self)


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
