"""Anchors: worked by hand, against the reference's, and against torchvision's generator."""

import numpy as np
import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from alframe.detectors.anchors import AnchorGrid, octave_scales, retina_cell

STRIDES = (8, 16, 32, 64, 128)
RATIOS = (0.5, 1.0, 2.0)
CPU = torch.device("cpu")


def retina_grid(*, rounded=False):
    cells = (retina_cell(4 * s, octave_scales(3), RATIOS, rounded=rounded) for s in STRIDES)
    return AnchorGrid(tuple(cells), STRIDES)


def test_a_cell_worked_by_hand():
    cell = retina_cell(8, scales=(1, 2), ratios=(0.25, 1.0))
    # ratio 1/4: width 8 * 2, height 8 / 2; the scale runs fastest
    assert cell == ((-8, -2, 8, 2), (-16, -4, 16, 4), (-4, -4, 4, 4), (-8, -8, 8, 8))


def test_area_does_not_depend_on_the_ratio():
    x1, y1, x2, y2 = torch.tensor(retina_cell(30, (1.0,), (0.3, 1.0, 3.0))).unbind(1)
    torch.testing.assert_close((x2 - x1) * (y2 - y1), torch.full((3,), 900.0))
    torch.testing.assert_close((y2 - y1) / (x2 - x1), torch.tensor([0.3, 1.0, 3.0]))


def test_order_is_level_row_column_anchor():
    grid = AnchorGrid((((-1, -1, 1, 1), (-2, -2, 2, 2)), ((-4, -4, 4, 4),)), strides=(8, 16))
    anchors = grid.at([(2, 3), (1, 1)], CPU)
    assert anchors.per_level == (12, 1)
    assert anchors.boxes[:3].tolist() == [[-1, -1, 1, 1], [-2, -2, 2, 2], [7, -1, 9, 1]]
    assert anchors.boxes[6].tolist() == [-1, 7, 1, 9]  # first of the second row
    assert anchors.boxes[12].tolist() == [-4, -4, 4, 4]


def test_offset_is_in_strides():
    grid = AnchorGrid((((-1, -1, 1, 1),),), strides=(100,), offset=0.5)
    assert grid.at([(1, 2)], CPU).boxes.tolist() == [[49, 49, 51, 51], [149, 49, 151, 51]]


def test_a_larger_padding_only_adds_anchors():
    grid = AnchorGrid((retina_cell(32, (1.0,), RATIOS),), strides=(8,))
    small, large = grid.at([(4, 5)], CPU).boxes, grid.at([(6, 7)], CPU).boxes
    assert torch.equal(large.view(6, 7, 3, 4)[:4, :5].reshape(-1, 4), small)


def test_counts_of_the_specification():
    shapes = [(-(-608 // s), -(-800 // s)) for s in STRIDES]  # a 500 x 375 photograph
    assert len(retina_grid().at(shapes, CPU).boxes) == 91_260


def test_remembered_and_usable_for_training_after_inference():
    grid = AnchorGrid((retina_cell(31, (1.0,), RATIOS),), strides=(8,))
    with torch.inference_mode():
        first = grid.at([(4, 5)], CPU)
    assert grid.at([(4, 5)], CPU) is first
    assert not first.boxes.is_inference()


def test_wrong_number_of_levels():
    with pytest.raises(ValueError, match="anchors for 5 levels, got 1 feature maps"):
        retina_grid().at([(2, 2)], CPU)


@pytest.mark.parametrize("name", ["dev_retina", "dev_retina_confident"])
def test_reference_of_miaod(shared_golden, name):
    golden = np.load(shared_golden / f"{name}.npz")
    shapes = [golden[f"feat/{i}"].shape[2:] for i in range(5)]
    anchors = retina_grid().at(shapes, CPU)
    for i, level in enumerate(anchors.boxes.split(anchors.per_level)):
        assert np.array_equal(level.numpy(), golden[f"anchors/{i}"])


def test_torchvision_with_rounding():
    sizes = tuple(tuple(int(4 * s * scale) for scale in octave_scales(3)) for s in STRIDES)
    stock = AnchorGenerator(sizes, (RATIOS,) * 5)
    maps = [torch.zeros(1, 1, 256 // s, 384 // s) for s in STRIDES]
    expected = stock(ImageList(torch.zeros(1, 3, 256, 384), [(256, 384)]), maps)[0]
    found = retina_grid(rounded=True).at([each.shape[2:] for each in maps], CPU)
    assert torch.equal(found.boxes, expected)
