"""Class probabilities on a grid, all images of a batch at once, against one after the other."""

import pytest
import torch
from torch import Tensor

from alframe.errors import RunError
from alframe.model import Display
from alframe.signals import SignalBatch
from alframe.tasks.segmentation.class_maps import (
    CLASS_MAPS,
    ClassMaps,
    decided_classes,
    on_grid,
    probabilities,
    upsampled,
)
from alframe.tasks.segmentation.shown_masks import MasksShowing, decided_mask


def one_by_one(maps: ClassMaps, stride: int) -> Tensor:
    rows = []
    scale = [have / side for have, side in zip(maps.logits.shape[-2:], maps.frame, strict=True)]
    for logits, (height, width) in zip(maps.logits, maps.sizes.tolist(), strict=True):
        own = max(1, round(height * scale[0])), max(1, round(width * scale[1]))
        shape = (-(-maps.frame[0] // stride), -(-maps.frame[1] // stride))
        rows.append(upsampled(logits[None, :, : own[0], : own[1]], shape))
    return probabilities(torch.cat(rows))


@pytest.mark.parametrize("stride", [4, 8, 16, 20])
@pytest.mark.parametrize("channels", [1, 3])
def test_padding_has_no_part_in_a_grid(stride: int, channels: int) -> None:
    generator = torch.Generator().manual_seed(stride + channels)
    sizes = torch.tensor([[64, 96], [64, 61], [1, 96], [41, 7]])
    logits = torch.randn(4, channels, 16, 12, generator=generator) * 3
    maps = ClassMaps(logits, sizes, sizes, (64, 96), 0.3)
    found = on_grid(maps, stride)
    torch.testing.assert_close(found, one_by_one(maps, stride), rtol=1e-5, atol=1e-5)
    assert found.std() > 0.1


def test_a_threshold_is_for_one_channel() -> None:
    size = torch.tensor([[2, 3]])
    one, three = (
        ClassMaps(torch.zeros(1, channels, 2, 3), size, size, (2, 3), 0.3) for channels in (1, 3)
    )
    for threshold, number in ((None, 1), (0.5, 1), (0.6, 0)):
        decided = decided_mask(one, threshold)
        assert decided.mask.tolist() == [[number] * 3] * 2
        assert decided.entropy.tolist() == [[1] * 3] * 2
    assert decided_mask(three, None).entropy.min() == pytest.approx(1)
    with pytest.raises(RunError, match="leave out --threshold, which is for models of one channel"):
        decided_mask(three, 0.5)


def test_classes_are_listed_by_their_share() -> None:
    size = torch.tensor([[2, 4]])
    logits = torch.zeros(1, 3, 2, 4)
    logits[0, 2, :, :3], logits[0, 0, :, 3] = 9, 9
    shown = MasksShowing(Display(("road", "sky", "car"), frozenset())).show(
        SignalBatch(("x",), {CLASS_MAPS: ClassMaps(logits, size, size, (2, 4), 0.3)})
    )
    assert list(shown.json["classes"].items()) == [("car", 0.75), ("road", 0.25)]
    assert shown.lines == ("car  75.0 %", "road  25.0 %")


def test_a_probability_of_the_threshold_is_foreground() -> None:
    assert decided_classes(torch.zeros(1, 1, 1), 0.5).tolist() == [[1]]
