import torch

from alframe.detectors.dense import Features
from alframe.detectors.postprocess import box_features
from alframe.training.batch import Batch


def test_a_box_over_whole_cells_gets_their_mean() -> None:
    """Two images of 32 x 128 pixels, four times as large originally; a map of 4 x 8 cells."""
    deepest = torch.rand(2, 3, 4, 8, generator=torch.Generator().manual_seed(0))
    features = Features((deepest,), deepest, (32, 128))
    sizes = torch.tensor([[32, 128], [32, 128]])
    batch = Batch(("a", "b"), torch.zeros(2, 3, 32, 128, dtype=torch.uint8), sizes, 4 * sizes)
    cells = torch.tensor([[[1, 0, 3, 2], [0, 0, 8, 4]], [[2, 1, 3, 2], [5, 1, 8, 4]]])
    pixels = cells * torch.tensor([16.0, 8.0, 16.0, 8.0])
    result = box_features(4 * pixels, features.deepest, features.frame, batch)
    assert result.shape == (2, 2, 3)
    # RoIAlign samples the centre of each cell of a box that covers whole cells.
    for image in range(2):
        for row in range(2):
            x1, y1, x2, y2 = cells[image, row].tolist()
            mean = deepest[image, :, y1:y2, x1:x2].mean(dim=(1, 2))
            torch.testing.assert_close(result[image, row], mean)


def test_no_boxes() -> None:
    deepest = torch.rand(2, 3, 4, 4)
    sizes = torch.tensor([[32, 32], [32, 32]])
    batch = Batch(("a", "b"), torch.zeros(2, 3, 32, 32, dtype=torch.uint8), sizes, sizes)
    result = box_features(torch.zeros(2, 0, 4), deepest, (32, 32), batch)
    assert result.shape == (2, 0, 3)
