"""FCOS (Tian et al., 2019), torchvision's: every cell is in an object, or not; no anchor shapes."""

from torch import Tensor
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from alframe.config.checks import Checks
from alframe.detectors.backbones import build_backbone
from alframe.detectors.detector import KnownBoxes
from alframe.detectors.postprocess import PostProcess
from alframe.detectors.stock import StockDetector, StockFeatures, in_single_precision, stock_targets
from alframe.detectors.timm_body import Style
from alframe.shaped import Float
from alframe.training.batch import Batch

LEAST_WIDTH = 64
"""The towers have GroupNorm of 32 groups; of one channel nothing is left on a level of one cell."""
CANDIDATES = 1000
"""Of each level, which are suppressed."""


class FCOS(StockDetector):
    """Towers of classes, distances to the four sides and centerness on a feature pyramid.

    The defaults are torchvision's ResNet-50 FPN. The probability of a class is its sigmoid times
    the centerness; detections are scored, as in torchvision and FCOS's revised paper (2020), by the
    square root of it.

    Args:
        num_classes: number of classes, without background.
        backbone: ``"tiny"`` or a timm model.
        weights: of the backbone: ``"pretrained"``, ``"none"`` or the path of a state dict.
        style: ``"caffe"`` for ResNet weights that came from Caffe.
        frozen_stages: freeze the backbone up to this map; -1 freezes nothing.
        norm_eval: keep the statistics of the backbone's BatchNorm.
        fpn_channels: width of the pyramid and of the towers, a multiple of 64.
        tower_convs: hidden convolutions of each tower.
        score_threshold: detections have a score above it.
        nms_iou: detections of a class that overlap more exclude each other.
        max_detections: most detections of an image.

    Raises:
        ConfigError: a setting is not among its choices, or does not fit the backbone.
    """

    exclusive = False

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "resnet50.tv_in1k",
        weights: str = "pretrained",
        style: Style = "pytorch",
        frozen_stages: int = 1,
        norm_eval: bool = True,
        fpn_channels: int = 256,
        tower_convs: int = 4,
        score_threshold: float = 0.2,
        nms_iou: float = 0.6,
        max_detections: int = 100,
    ) -> None:
        with Checks() as check:
            if fpn_channels < 1 or fpn_channels % LEAST_WIDTH:
                check.problems.append(
                    f"fpn_channels: expected a multiple of {LEAST_WIDTH}, got {fpn_channels}"
                )
            check.at_least("tower_convs", tower_convs, 0)
            options = PostProcess(
                score_threshold, nms_iou, max_detections, "pairs", CANDIDATES, per_image=None
            )
        body = build_backbone(
            backbone, weights=weights, style=style, frozen_stages=frozen_stages, norm_eval=norm_eval
        )
        super().__init__(body, 8, options)
        self.stock = _stock(num_classes, self.channels, self.strides, fpn_channels, tower_convs)
        classes, boxes = self.stock.head.classification_head, self.stock.head.regression_head
        in_single_precision(classes.cls_logits, boxes.bbox_reg, boxes.bbox_ctrness)

    def loss(self, batch: Batch) -> "dict[str, Float[Tensor, '']]":
        """``cls``, ``box`` and ``centerness``."""
        targets = stock_targets(batch)
        features = self.features(batch)
        levels = list(features.levels.values())
        anchors = self.stock.anchor_generator(features.images, levels)
        losses = self.stock.compute_loss(targets, self.stock.head(levels), anchors, _cells(levels))
        return {
            "cls": losses["classification"],
            "box": losses["bbox_regression"],
            "centerness": losses["bbox_ctrness"],
        }

    def predict(self, features: StockFeatures) -> KnownBoxes:
        """Classes and boxes of every cell."""
        levels = list(features.levels.values())
        anchors = features.anchors(self.stock.anchor_generator)
        found = self.stock.head(levels)
        probs = found["cls_logits"].sigmoid() * found["bbox_ctrness"].sigmoid()  # [B, A, C]
        boxes = self.stock.box_coder.decode(found["bbox_regression"], anchors)  # [B, A, 4]
        return KnownBoxes(probs, probs.sqrt(), boxes.unsqueeze(2), tuple(_cells(levels)))


def _stock(
    num_classes: int, channels: list[int], strides: list[int], width: int, convs: int
) -> detection.FCOS:
    """Torchvision's model on maps of these channels and strides."""
    pyramid = FeaturePyramidNetwork(channels, width, LastLevelP6P7(width, width))
    pyramid.out_channels = width  # pyright: ignore[reportArgumentType]
    sides = tuple((side,) for side in (*strides, 2 * strides[-1], 4 * strides[-1]))
    anchors = AnchorGenerator(sides, ((1.0,),) * len(sides))
    head = FCOSHead(width, 1, num_classes, convs)
    return detection.FCOS(pyramid, num_classes, anchor_generator=anchors, head=head)


def _cells(levels: list[Tensor]) -> list[int]:
    return [level.shape[2] * level.shape[3] for level in levels]
