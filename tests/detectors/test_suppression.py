"""Both ways of suppression against one call of torchvision's for each class of each image."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import nms

from alframe.detectors import suppression
from alframe.detectors.suppression import in_rounds, one_by_one, suppress

WAYS = [in_rounds, one_by_one]
SAME = [[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 10.0]]


def crowd(seed, images=3, count=300, classes=4, across=200.0):
    """Many boxes that overlap, one of eight no candidate."""
    generator = torch.Generator().manual_seed(seed)
    corner = across * torch.rand(images, count, 2, generator=generator)
    side = 20 + 60 * torch.rand(images, count, 2, generator=generator)
    scores = torch.rand(images, count, generator=generator).sort(dim=1, descending=True).values
    labels = torch.randint(0, classes, (images, count), generator=generator)
    candidate = torch.rand(images, count, generator=generator) > 1 / 8
    return torch.cat([corner, corner + side], dim=2), scores, labels, candidate


def by_group(boxes, scores, labels, candidate, iou):
    remains = torch.zeros_like(candidate)
    for image in range(len(boxes)):
        for label in labels[image].unique():
            rows = (candidate[image] & (labels[image] == label)).nonzero()[:, 0]
            remains[image, rows[nms(boxes[image, rows], scores[image, rows], iou)]] = True
    return remains


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("iou", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_that_of_each_group(seed, iou, way):
    parts = crowd(seed)
    expected = by_group(*parts, iou)
    assert 0 < expected.sum() < parts[-1].sum()
    assert torch.equal(way(*parts, iou), expected)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 40), st.integers(0, 3), st.floats(0, 0.99))
def test_both_ways_agree(seed, count, images, iou):
    parts = crowd(seed, images, count, classes=2, across=60.0)
    assert torch.equal(in_rounds(*parts, iou), one_by_one(*parts, iou))


def chain(length):
    """Boxes in a row, each of which overlaps its neighbours by a third: every other one remains."""
    left = 10.0 * torch.arange(length)
    boxes = torch.stack([left, torch.zeros(length), left + 20, torch.full((length,), 10.0)], dim=1)
    scores = torch.linspace(1, 0.5, length)
    return boxes[None], scores[None], torch.zeros(1, length).long(), torch.ones(1, length).bool()


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17, 64])
def test_a_chain_takes_as_many_rounds_as_it_is_long(length):
    kept = in_rounds(*chain(length), 0.3)
    assert kept[0].tolist() == [place % 2 == 0 for place in range(length)]


@pytest.mark.parametrize("way", WAYS)
def test_padding_neither_remains_nor_suppresses(way):
    parts = torch.tensor([SAME]), torch.tensor([[0.9, 0.8]]), torch.zeros(1, 2).long()
    assert way(*parts, torch.tensor([[True, True]]), 0.5).tolist() == [[True, False]]
    assert way(*parts, torch.tensor([[False, True]]), 0.5).tolist() == [[False, True]]
    assert way(*parts, torch.tensor([[False, False]]), 0.5).tolist() == [[False, False]]


@pytest.mark.parametrize("way", WAYS)
def test_boxes_without_area_and_those_that_are_no_numbers_suppress_nothing(way):
    boxes = torch.tensor([[[5.0, 5.0, 5.0, 5.0]] * 2 + [[float("nan")] * 4] * 2])
    parts = boxes, torch.full((1, 4), 0.9), torch.zeros(1, 4).long(), torch.ones(1, 4).bool()
    assert way(*parts, 0.5).all()


@pytest.mark.parametrize(
    ("name", "pairs"),
    [("COMPARED", 1), *((n, m * 300**2) for n in ("AT_ONCE", "COMPARED") for m in (1, 2))],
)
def test_images_may_be_compared_a_few_at_a_time(name, pairs, monkeypatch):
    parts = crowd(0)
    whole = in_rounds(*parts, 0.5)
    monkeypatch.setattr(suppression, name, pairs)
    assert torch.equal(in_rounds(*parts, 0.5), whole)


def test_an_image_of_too_many_candidates_is_gone_through_one_by_one(monkeypatch):
    """Of candidates: padding behind them counts for nothing."""
    parts, asked = crowd(0), []

    def noted(*arguments):
        asked.append(arguments)
        return one_by_one(*arguments)

    whole = in_rounds(*parts, 0.5)
    monkeypatch.setattr(suppression, "one_by_one", noted)
    monkeypatch.setattr(suppression, "AT_ONCE", 200**2)
    assert torch.equal(in_rounds(*parts, 0.5), whole)
    assert len(asked) == 1
    parts[-1][:, 200:] = False
    in_rounds(*parts, 0.5)
    assert len(asked) == 1


def test_where_nothing_overlaps_more_all_remain():
    parts = crowd(0)
    assert torch.equal(suppress(*parts, 1.0), parts[-1])
    copies = torch.tensor([SAME]), torch.tensor([[0.9, 0.8]]), torch.zeros(1, 2).long()
    assert suppress(*copies, torch.tensor([[True, True]]), 0.99).tolist() == [[True, False]]
