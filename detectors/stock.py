"""What detectors made of torchvision's parts share: images, pyramid, targets, signals."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from alframe.detectors.backbones import Backbone
from alframe.detectors.detector import Detector, annotations_of, image_embedding
from alframe.detectors.losses import at_least_float32
from alframe.detectors.postprocess import (
    PostProcess,
    best_pairs,
    box_features,
    gathered,
    strongest,
)
from alframe.errors import ConfigError
from alframe.learner import (
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    EMBEDDING,
    ClassProbs,
    Detections,
)
from alframe.shaped import Float, Int
from alframe.training.batch import Batch


class StockFeatures(NamedTuple):
    """What the trunk makes of a batch.

    Attributes:
        batch: the images.
        levels: maps of the pyramid [B, F, H, W] by name, fine to coarse.
        deepest: the backbone's last map [B, F, H, W].
    """

    batch: Batch
    levels: dict[str, Tensor]
    deepest: "Float[Tensor, 'B F H W']"

    @property
    def images(self) -> ImageList:
        """As torchvision's losses take them; the host waits for the sizes."""
        sizes = [(height, width) for height, width in self.batch.sizes.tolist()]
        return ImageList(self.batch.images, sizes)

    @property
    def frame(self) -> tuple[int, int]:
        """Height and width of the padded input, in pixels."""
        height, width = self.batch.images.shape[-2:]
        return height, width

    def anchors(self, generator: AnchorGenerator) -> "Float[Tensor, 'A 4']":
        """The anchors of all levels, which are the same for each image."""
        one = ImageList(self.batch.images, [self.frame])
        anchors: Tensor = generator(one, list(self.levels.values()))[0]
        return anchors


@dataclass(frozen=True)
class StockPredictions:
    """What is known of A boxes of each image, before any filtering.

    Attributes:
        probs: [B, A, K], see :class:`~alframe.learner.ClassProbs`.
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


class StockDetector(Detector):
    """A detector of torchvision on a backbone of ours.

    Its images are resized by the data section and scaled by the backbone: torchvision's own
    transform has no part in it. ``stock`` is torchvision's model, whose backbone is the pyramid.

    Args:
        backbone: gives maps from bytes.
        finest: least stride of the maps that the pyramid reads, in pixels.
        postprocess: how detections are made of predictions.

    Raises:
        ConfigError: the backbone has no such map.
    """

    provides: ClassVar[frozenset[str]] = frozenset(
        {BOX_FEATURES, CLASS_PROBS, DETECTIONS, EMBEDDING}
    )
    exclusive: ClassVar[bool]
    least_side: ClassVar[float] = 0.0

    stock: Any

    def __init__(self, backbone: Backbone, finest: int, postprocess: PostProcess) -> None:
        super().__init__()
        self.backbone = backbone
        self.postprocess = postprocess
        self.read_maps = [i for i, s in enumerate(backbone.strides) if s >= finest]
        if not self.read_maps:
            raise ConfigError(
                f"backbone: expected maps of stride {finest} or more, got {backbone.strides}"
            )

    @property
    def strides(self) -> list[int]:
        """Of the maps that the pyramid reads."""
        return [self.backbone.strides[i] for i in self.read_maps]

    @property
    def channels(self) -> list[int]:
        """Of the maps that the pyramid reads."""
        return [self.backbone.channels[i] for i in self.read_maps]

    @abstractmethod
    def loss(self, batch: Batch) -> "dict[str, Float[Tensor, '']]":
        """Torchvision's terms, in training mode.

        Raises:
            ValueError: the batch is unlabelled.
        """

    @abstractmethod
    def predict(self, features: StockFeatures) -> StockPredictions:
        """Everything that is known of the images' boxes."""

    def unfiltered(self, batch: Batch) -> "tuple[Float[Tensor, 'B A n 4'], Float[Tensor, 'B A K']]":
        """All boxes in pixels of the input, and their class probabilities."""
        known = self.predict(self.features(batch))
        return known.boxes, known.probs

    def features(self, batch: Batch) -> StockFeatures:
        """Scale the pixels, run backbone and pyramid. Targets are not looked at."""
        maps = self.backbone(batch.images, batch.sizes)
        read = {str(place): maps[i] for place, i in enumerate(self.read_maps)}
        levels = {name: at_least_float32(x) for name, x in self.stock.backbone(read).items()}
        return StockFeatures(batch, levels, maps[-1])

    def read(self, batch: Batch, features: StockFeatures, names: frozenset[str]) -> dict[str, Any]:
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

    def _detect(self, predictions: StockPredictions, batch: Batch) -> tuple[Detections, Tensor]:
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


def stock_targets(batch: Batch, first: int = 0) -> list[dict[str, Tensor]]:
    """The annotations as torchvision takes them, without boxes that have no area.

    Args:
        batch: labelled images.
        first: number of the first class; 1 where the background is 0.

    Raises:
        ValueError: the batch is unlabelled.
    """
    boxes, labels = annotations_of(batch)
    real = (labels >= 0) & (boxes[..., 2:] > boxes[..., :2]).all(dim=2)
    rows = zip(boxes, labels, real, strict=True)
    return [{"boxes": b[kept], "labels": y[kept] + first} for b, y, kept in rows]


def in_single_precision(*outputs: nn.Module) -> None:
    """Let layers give at least float32 in mixed precision, for coordinates are made of that."""
    for layer in outputs:
        layer.register_forward_hook(_single)


def _single(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    del layer, inputs
    return at_least_float32(output)
