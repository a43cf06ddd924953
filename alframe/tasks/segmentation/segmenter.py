"""What every segmenter shares: loss, signals, measure, and how it is shown."""

from abc import ABC
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn.parameter import Buffer

from alframe.config.checks import Checks
from alframe.datasets.base import LabelledSet
from alframe.detectors.backbones import Backbone
from alframe.detectors.detector import image_embedding
from alframe.detectors.folding import for_inference
from alframe.detectors.losses import at_least_float32
from alframe.learner import LearnerSetup, Metrics
from alframe.model import Display
from alframe.shaped import Float, UInt8
from alframe.signals import CLASS_PROBS, EMBEDDING, ClassProbs, SignalBatch
from alframe.tasks.segmentation import TASK
from alframe.tasks.segmentation.class_maps import CLASS_MAPS, ClassMaps, on_grid, upsampled
from alframe.tasks.segmentation.mask_losses import dice_loss, mask_cross_entropy
from alframe.tasks.segmentation.measures import segmentation_metrics
from alframe.tasks.segmentation.shown_masks import MasksShowing
from alframe.training.batch import Batch

AUX_WEIGHT = 0.4
"""Of the auxiliary head's loss (Zhao et al., CVPR 2017, section 3.3)."""


@dataclass(frozen=True)
class MaskOptions:
    """What a segmenter decides and learns by, the same for all networks.

    Attributes:
        num_classes: K.
        one_channel: the foreground of two classes by a sigmoid, in place of a softmax of both.
        threshold: of one channel: least probability of the foreground.
        dice: weight of the Dice loss beside cross-entropy.
        class_weights: of each class in cross-entropy; None weighs all alike.
        stride: pixels between two points of the signal ``class_probs``.

    Raises:
        ConfigError: an option is out of range, all of those.
    """

    num_classes: int
    one_channel: bool = False
    threshold: float = 0.3
    dice: float = 0.0
    class_weights: Sequence[float] | None = None
    stride: int = 8

    def __post_init__(self) -> None:
        weights = self.class_weights
        with Checks() as check:
            check.at_least("stride", self.stride, 1)
            if self.one_channel and self.num_classes != 2:
                check.problems.append(
                    f"model.one_channel=true tells a foreground from a background, and there are "
                    f"{self.num_classes} classes: leave it out"
                )
            if not 0 < self.threshold < 1:
                check.problems.append(f"threshold: expected between 0 and 1, got {self.threshold}")
            elif self.threshold != MaskOptions.threshold and not self.one_channel:
                check.problems.append(
                    "model.threshold has no effect where model.one_channel is false: leave it "
                    "out, or set model.one_channel=true"
                )
            check.at_least("dice", self.dice, 0)
            if weights is not None and not (
                len(weights) == self.num_classes and min(weights) >= 0 and max(weights) > 0
            ):
                check.problems.append(
                    f"class_weights: expected a number of at least 0 for each of "
                    f"{self.num_classes} classes, not 0 alone, got {list(weights)}"
                )

    @property
    def channels(self) -> int:
        """Of the logits."""
        return 1 if self.one_channel else self.num_classes


class SegmenterFeatures(NamedTuple):
    """What the backbone makes of a batch.

    Attributes:
        maps: [B, F, h, w] of its stages, fine to coarse.
        frame: height and width of the padded images.
    """

    maps: "list[Float[Tensor, 'B F h w']]"
    frame: tuple[int, int]


class Segmenter(nn.Module, ABC):
    """A model of segmentation (:class:`alframe.model.Model`): a backbone and a head.

    Args:
        backbone: gives maps from bytes.
        head: the maps that it reads, by position, and what makes logits [B, C, h, w] of them.
        aux: likewise an auxiliary head: it is trained with the rest and never asked.
        options: how it decides and learns.
    """

    task: ClassVar[str] = TASK
    provides: ClassVar[frozenset[str]] = frozenset({CLASS_MAPS, CLASS_PROBS, EMBEDDING})
    measured: ClassVar[frozenset[str]] = frozenset({CLASS_MAPS})

    class_weights: Tensor | None

    def __init__(
        self,
        backbone: Backbone,
        head: nn.Module,
        options: MaskOptions,
        aux: nn.Module | None = None,
        aux_weight: float = AUX_WEIGHT,
    ) -> None:
        super().__init__()
        self.backbone, self.head, self.aux = backbone, head, aux
        self.options, self.aux_weight = options, aux_weight
        weights = options.class_weights
        self.class_weights = None if weights is None else _buffer(weights)

    def features(self, batch: Batch) -> SegmenterFeatures:
        """Scale the pixels and run the backbone. Targets are not looked at."""
        height, width = batch.images.shape[-2:]
        return SegmenterFeatures(self.backbone(batch.images, batch.sizes), (height, width))

    def loss(self, batch: Batch) -> "dict[str, Float[Tensor, '']]":
        """Cross-entropy (``ce``), ``dice`` where it counts, and those of the auxiliary head."""
        masks = masks_of(batch)
        features = self.features(batch)
        terms = self._terms(self.head(features.maps), masks, features.frame)
        if self.aux is not None:
            aux = self._terms(self.aux(features.maps), masks, features.frame)
            terms["aux"] = self.aux_weight * sum(aux.values(), start=masks.new_zeros(()))
        return terms

    def _terms(
        self, logits: Tensor, masks: "UInt8[Tensor, 'B H W']", frame: tuple[int, int]
    ) -> dict[str, Tensor]:
        full = upsampled(at_least_float32(logits), frame)
        terms = {"ce": mask_cross_entropy(full, masks, self.class_weights)}
        if self.options.dice:
            terms["dice"] = self.options.dice * dice_loss(full, masks)
        return terms

    def read(
        self, batch: Batch, features: SegmenterFeatures, names: frozenset[str]
    ) -> dict[str, Any]:
        """The named signals of one batch, from its features; computes no more than they need."""
        values: dict[str, Any] = {}
        if EMBEDDING in names:
            values[EMBEDDING] = image_embedding(features.maps[-1])
        if names & {CLASS_MAPS, CLASS_PROBS}:
            logits = at_least_float32(self.head(features.maps))
            threshold = self.options.threshold
            maps = ClassMaps(logits, batch.sizes, batch.originals, features.frame, threshold)
            values[CLASS_MAPS] = maps
            if CLASS_PROBS in names:  # [B, K, h, w] -> [B, A, K]
                probs = on_grid(maps, self.options.stride).flatten(2).transpose(1, 2)
                values[CLASS_PROBS] = ClassProbs(probs, exclusive=True)
        return {name: value for name, value in values.items() if name in names}

    def measure(
        self, test: LabelledSet, stream: Iterable[SignalBatch], setup: LearnerSetup
    ) -> Metrics:
        """Mean IoU, accuracy of pixels and of classes, IoU of each class."""
        return segmentation_metrics(test, stream, setup.classes)

    @classmethod
    def showing(cls, display: Display) -> MasksShowing:
        """Masks painted over the image, and where they are uncertain."""
        return MasksShowing(display)

    def for_inference(self) -> Self:
        """The segmenter with BatchNorm folded into the convolutions of its backbone."""
        return for_inference(self)


def masks_of(batch: Batch) -> "UInt8[Tensor, 'B H W']":
    """The masks of a labelled batch.

    Raises:
        ValueError: the batch is unlabelled.
    """
    if batch.masks is None:
        raise ValueError(
            f"a segmentation loss needs masks; images {', '.join(batch.ids)} are unlabelled"
        )
    return batch.masks


def _buffer(weights: Sequence[float]) -> Tensor:
    """Weights that move with the model and are no part of its state: the configuration has them."""
    return Buffer(torch.tensor(weights, dtype=torch.float32), persistent=False)
