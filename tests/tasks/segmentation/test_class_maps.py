"""Class probabilities on a grid, all images of a batch at once, against one after the other."""

import pytest
import torch
from torch import Tensor

from alframe.tasks.segmentation.class_maps import (
    ClassMaps,
    decided_classes,
    on_grid,
    probabilities,
    upsampled,
)


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
    sizes = torch.tensor([[64, 96], [64, 50], [1, 96], [41, 7]])
    logits = torch.randn(4, channels, 16, 12, generator=generator) * 3
    maps = ClassMaps(logits, sizes, sizes, (64, 96), 0.3)
    found = on_grid(maps, stride)
    torch.testing.assert_close(found, one_by_one(maps, stride), rtol=1e-5, atol=1e-5)
    assert found.std() > 0.1


def test_a_probability_of_the_threshold_is_foreground() -> None:
    assert decided_classes(torch.zeros(1, 1, 1), 0.5).tolist() == [[1]]
