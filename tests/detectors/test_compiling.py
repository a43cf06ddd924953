"""What a compiled graph makes anew is what is otherwise remembered."""

import pytest
import torch

from alframe.detectors.box_ops import decode, encode
from alframe.detectors.dense import DenseDetector, Features
from alframe.detectors.retinanet import RetinaNet
from alframe.detectors.ssd import SSD

TINY = {"backbone": "tiny", "weights": "none", "frozen_stages": -1, "norm_eval": False}
DETECTORS = {
    "retinanet": lambda: RetinaNet(2, strides=(16, 32, 64), fpn_channels=16, **TINY),
    "ssd": lambda: SSD(2, size=64, strides=(16, 32, 64), anchor_ratios=[[2, 3], [2], [2]], **TINY),
}


@pytest.mark.parametrize("kind", DETECTORS)
def test_anchors(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    detector: DenseDetector = DETECTORS[kind]()
    levels = tuple(torch.zeros(1, 16, side, side + 1) for side in (4, 2, 1))
    features = Features(levels, levels[-1], (64, 80))
    remembered = detector.anchors(features)
    assert detector.anchors(features) is remembered
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    laid = detector.anchors(features)
    assert laid is not remembered
    assert torch.equal(laid.boxes, remembered.boxes)
    assert laid.per_level == remembered.per_level
    assert not any("cell" in name for name in detector.state_dict())


def test_codes_of_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    anchors = torch.tensor([[0.0, 0.0, 10.0, 20.0]])
    boxes = torch.tensor([[1.0, 3.0, 13.0, 19.0]])
    stds = (0.1, 0.1, 0.2, 0.3)
    expected = encode(boxes, anchors, stds)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert torch.equal(encode(boxes, anchors, stds), expected)
    torch.testing.assert_close(decode(expected, anchors, stds), boxes)
