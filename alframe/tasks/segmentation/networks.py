"""torchvision's segmenters: FCN, DeepLabV3 and LR-ASPP, their heads on a backbone of ours."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torchvision.models.segmentation.deeplabv3 import DeepLabHead
from torchvision.models.segmentation.fcn import FCNHead
from torchvision.models.segmentation.lraspp import LRASPPHead

from alframe.config.checks import Checks
from alframe.detectors.mobilenet import MOBILENET
from alframe.errors import ConfigError
from alframe.tasks.segmentation.segmenter import AUX_WEIGHT, MaskOptions, Segmenter
from alframe.tasks.segmentation.trunks import RESNET, segmentation_backbone

INNER = 128
"""Channels within the head of LR-ASPP."""


class MapHead(nn.Module):
    """A head that reads one map of the backbone."""

    def __init__(self, stock: nn.Module, position: int) -> None:
        super().__init__()
        self.stock, self.position = stock, position

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits [B, C, h, w]."""
        logits: Tensor = self.stock(maps[self.position])
        return logits


class TwoMapHead(nn.Module):
    """LR-ASPP's head: it reads the last map, and a finer one for the borders."""

    def __init__(self, stock: nn.Module, low: int) -> None:
        super().__init__()
        self.stock, self.low = stock, low

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits [B, C, h, w] in the size of the finer map."""
        logits: Tensor = self.stock({"low": maps[self.low], "high": maps[-1]})
        return logits


class FCN(Segmenter):
    """FCN (Long et al., CVPR 2015) as torchvision has it: two convolutions on the last map.

    Args:
        num_classes: K.
        backbone: ``resnet50`` or ``mobilenet_v3_large`` (torchvision's, dilated), or a name of
            timm, whose maps are coarser.
        weights: of the backbone: ``"pretrained"``, ``"none"`` or the path of a state dict.
        aux: whether there is an auxiliary head, an FCN's on the map before; it is only trained.
        aux_weight: of its loss.
        one_channel: the foreground of two classes by a sigmoid, in place of a softmax of both.
        threshold: of one channel: least probability of the foreground.
        dice: weight of the Dice loss beside cross-entropy.
        class_weights: of each class in cross-entropy; None weighs all alike.
        stride: pixels between two points of the signal ``class_probs``.

    Raises:
        ConfigError: an option is out of range, or weights are unusable.
    """

    stock: ClassVar[type[nn.Module]] = FCNHead

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = RESNET,
        weights: str = "pretrained",
        aux: bool = True,
        aux_weight: float = AUX_WEIGHT,
        one_channel: bool = False,
        threshold: float = 0.3,
        dice: float = 0.0,
        class_weights: list[float] | None = None,
        stride: int = 8,
    ) -> None:
        with Checks() as check:
            check.at_least("aux_weight", aux_weight, 0)
            options = MaskOptions(num_classes, one_channel, threshold, dice, class_weights, stride)
        body = segmentation_backbone(backbone, weights)
        head = MapHead(self.stock(body.channels[-1], options.channels), -1)
        auxiliary = MapHead(FCNHead(body.channels[-2], options.channels), -2) if aux else None
        super().__init__(body, head, options, auxiliary, aux_weight)


class DeepLabV3(FCN):
    """DeepLabV3 (Chen et al., 2017) as torchvision has it: dilated convolutions on the last map.

    All but the head is as in :class:`FCN`, also the options.
    """

    stock = DeepLabHead


class LRASPP(Segmenter):
    """LR-ASPP (Howard et al., ICCV 2019) as torchvision has it; it has no auxiliary head.

    Args:
        num_classes: K.
        backbone: ``mobilenet_v3_large`` or ``resnet50`` (torchvision's, dilated), or a name of
            timm, whose maps are coarser.
        weights: of the backbone: ``"pretrained"``, ``"none"`` or the path of a state dict.
        low_stride: of the map that gives the borders, in pixels; the first that is as coarse.
        one_channel: the foreground of two classes by a sigmoid, in place of a softmax of both.
        threshold: of one channel: least probability of the foreground.
        dice: weight of the Dice loss beside cross-entropy.
        class_weights: of each class in cross-entropy; None weighs all alike.
        stride: pixels between two points of the signal ``class_probs``.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = MOBILENET,
        weights: str = "pretrained",
        low_stride: int = 8,
        one_channel: bool = False,
        threshold: float = 0.3,
        dice: float = 0.0,
        class_weights: list[float] | None = None,
        stride: int = 8,
    ) -> None:
        with Checks() as check:
            check.at_least("low_stride", low_stride, 1)
            options = MaskOptions(num_classes, one_channel, threshold, dice, class_weights, stride)
        body = segmentation_backbone(backbone, weights)
        fine = [n for n, each in enumerate(body.strides[:-1]) if each >= low_stride]
        if not fine:
            raise ConfigError(
                f"model.low_stride={low_stride}: expected a map as coarse before the last one; "
                f"backbone {backbone} has strides {list(body.strides)}"
            )
        channels = body.channels[fine[0]], body.channels[-1]
        head = LRASPPHead(*channels, options.channels, INNER)
        super().__init__(body, TwoMapHead(head, fine[0]), options)
