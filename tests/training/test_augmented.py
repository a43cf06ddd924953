"""Images changed a little, by hand, and what is found on them brought back."""

from dataclasses import replace

import pytest
import torch

from alframe.signals import Detections
from alframe.training import augmented as changes
from alframe.training.augmented import augmented, flipped, shrunk, with_holes
from alframe.training.batch import Batch


def batch() -> Batch:
    """Columns of 1, 2, 3 ...: an image of 4 x 6 in a padding of 8 x 8, and one of 8 x 8."""
    columns = torch.arange(1, 9, dtype=torch.uint8).expand(2, 3, 8, 8).clone()
    columns[0, :, 4:], columns[0, :, :, 6:] = 0, 0
    sizes = torch.tensor([[4, 6], [8, 8]])
    return Batch(("a", "b"), columns, sizes, sizes * 2)


def boxes(*rows: list[float]) -> Detections:
    found = torch.tensor(rows).unsqueeze(1)  # one on each image
    one = torch.ones(len(rows), 1)
    return Detections(found, one, one.long(), one.bool(), one.unsqueeze(2), exclusive=False)


def test_an_image_is_flipped_where_it_lies() -> None:
    turned = flipped(batch())
    assert turned.images[0, 0, 0].tolist() == [6, 5, 4, 3, 2, 1, 0, 0]
    assert turned.images[1, 2, 7].tolist() == [8, 7, 6, 5, 4, 3, 2, 1]
    assert turned.images[0, 0, 4:].sum() == 0
    assert flipped(turned).images.equal(batch().images)


def test_boxes_on_a_flipped_image_come_back() -> None:
    """In pixels of the original images, which are 12 and 16 wide."""
    (_, back), *others = augmented(batch())
    found = boxes([0, 1, 4, 2], [10, 1, 16, 5])
    assert back(found).boxes.tolist() == [[[8, 1, 12, 2]], [[0, 1, 6, 5]]]
    assert all(same(found) is found for _, same in others)


def test_a_smaller_image_in_the_same_padding() -> None:
    small = shrunk(batch())
    assert small.sizes.tolist() == [[3, 5], [6, 6]]
    assert small.originals.equal(batch().originals)
    assert small.images.shape == batch().images.shape
    assert small.images[0, 0, :, 5:].sum() == small.images[0, 0, 3:].sum() == 0
    row = small.images[1, 0, 0, :6].tolist()
    assert row == sorted(row)
    assert row[0] in (1, 2)
    assert row[-1] in (7, 8)
    alone = replace(batch(), sizes=torch.tensor([[1, 1], [1, 1]]))
    assert shrunk(alone).sizes.tolist() == [[1, 1], [1, 1]]


def test_holes_follow_from_the_id() -> None:
    whole = torch.full((2, 3, 100, 100), 9, dtype=torch.uint8)
    sizes = torch.tensor([[100, 100], [100, 100]])
    one = with_holes(Batch(("a", "b"), whole, sizes, sizes)).images
    other = with_holes(Batch(("b", "a"), whole, sizes, sizes)).images
    assert one.flip(0).equal(other)
    assert not one[0].equal(one[1])
    black = (one == 0).float().mean(dim=(1, 2, 3))
    assert ((black >= 0.0025) & (black <= 0.08)).all()
    assert whole.min() == 9, "the batch itself is left alone"


def test_holes_lie_within_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "CUTS", 1)
    monkeypatch.setattr(changes, "CUT", (0.5, 0.5))
    whole, sizes = torch.full((8, 3, 20, 20), 9, dtype=torch.uint8), torch.tensor([[20, 20]] * 8)
    found = with_holes(Batch(tuple("abcdefgh"), whole, sizes, sizes)).images
    assert (found == 0).sum(dim=(1, 2, 3)).tolist() == [300] * 8


def test_darker() -> None:
    *_, (dim, _) = augmented(batch())
    assert dim.images[1, 0, 0].tolist() == [int(0.6 * n + 1e-6) for n in range(1, 9)]
    assert len(list(augmented(batch()))) == 4


@pytest.mark.parametrize("side", [1, 2, 3])
def test_the_smallest_images(side: int) -> None:
    sizes = torch.tensor([[side, side]])
    tiny = Batch(("a",), torch.ones(1, 3, 32, 32, dtype=torch.uint8), sizes, sizes)
    assert all(other.images.shape == tiny.images.shape for other, _ in augmented(tiny))
