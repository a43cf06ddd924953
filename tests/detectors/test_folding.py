"""Folded detectors compute what they did before, and leave the model alone."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alframe.detectors.backbones import Backbone
from alframe.detectors.dense import DenseDetector
from alframe.detectors.folding import for_inference
from alframe.detectors.pixels import PixelRange
from alframe.training.placement import placed
from tests.detectors.drawing import drawing, small_retinanet, small_ssd


def used(detector: DenseDetector) -> DenseDetector:
    """With statistics and scales that matter, and activations that stay in range."""
    generator = torch.Generator().manual_seed(0)
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in ((module.running_mean, -0.5), (module.running_var, 0.5)):
                assert tensor is not None
                tensor.copy_(low + torch.rand(tensor.shape, generator=generator))
            nn.init.uniform_(module.weight, 0.5, 1.0, generator=generator)
            nn.init.uniform_(module.bias, -0.5, 0.5, generator=generator)
    return placed(detector, torch.device("cpu")).eval()


def norms(detector: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in detector.modules())


@torch.no_grad()
@pytest.mark.parametrize("name", ["resnet10t", "tf_efficientnet_lite0", "mobilenetv3_small_050"])
def test_without_norms_it_computes_the_same(name: str) -> None:
    detector = used(small_retinanet(2, backbone=name, fpn_channels=16))
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    lean = for_inference(detector)
    assert norms(detector) > norms(lean) == 0
    assert type(lean) is type(detector)
    for found, expected in zip(lean(drawing()), detector(drawing()), strict=True):
        for a, b in zip(_tensors(found), _tensors(expected), strict=True):
            assert float((a - b).abs().max()) <= 1e-5 * float(b.abs().max())
    after = detector.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_what_has_no_such_norm_is_shared() -> None:
    detector = small_ssd()
    assert for_inference(detector).backbone is detector.backbone


class Crossed(nn.Module):
    """Registered in another order than it computes in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1)
        self.late = nn.BatchNorm2d(8)
        nn.init.constant_(self.late.bias, 3.0)
        self.other = nn.Conv2d(8, 8, 3, 1, 1)

    def forward(self, image: Tensor) -> list[Tensor]:
        return [self.late(self.other(self.conv(image)).sigmoid())]


class Deep(nn.Module):
    """Of which nothing is left of a small image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 65), nn.BatchNorm2d(8)

    def forward(self, image: Tensor) -> list[Tensor]:
        return [self.norm(self.conv(image))]


@pytest.mark.parametrize("body", [Crossed(), Deep()])
def test_a_backbone_of_which_folding_is_not_known_to_change_nothing_is_left_as_it_is(
    body: nn.Module,
) -> None:
    detector = small_retinanet()
    pixels = PixelRange(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    detector.backbone = Backbone(body, (8,), (2,), pixels)
    assert for_inference(detector).backbone is detector.backbone


def _tensors(found: Any) -> list[Tensor]:
    """What a detector predicts, and lays anchors on."""
    if isinstance(found, Tensor):
        return [found.float()]
    values = found.values() if isinstance(found, dict) else vars(found).values()
    return [tensor for value in values if isinstance(value, Tensor) for tensor in _tensors(value)]
