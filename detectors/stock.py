"""What detectors made of torchvision's parts share: images, pyramid, targets, signals."""

from abc import abstractmethod
from typing import Any, NamedTuple

from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from alframe.detectors.backbones import Backbone
from alframe.detectors.detector import BoxDetector, annotations_of
from alframe.detectors.losses import at_least_float32
from alframe.detectors.postprocess import PostProcess
from alframe.errors import ConfigError
from alframe.shaped import Float
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


class StockDetector(BoxDetector):
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
        """Torchvision's terms, in training mode."""

    def features(self, batch: Batch) -> StockFeatures:
        """Scale the pixels, run backbone and pyramid. Targets are not looked at."""
        maps = self.backbone(batch.images, batch.sizes)
        read = {str(place): maps[i] for place, i in enumerate(self.read_maps)}
        levels = {name: at_least_float32(x) for name, x in self.stock.backbone(read).items()}
        return StockFeatures(batch, levels, maps[-1])


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
