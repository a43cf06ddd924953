"""What is compared does the same work: its results agree."""

import numpy as np
import pytest
import torch

from alframe.benchmarks.speed import growth
from alframe.benchmarks.speed.cases import Setting
from alframe.benchmarks.speed.centres import features, one_product_each
from alframe.benchmarks.speed.clock import wall
from alframe.benchmarks.speed.evaluation_cases import CLASSES, _made_up
from alframe.benchmarks.speed.growth import _beyond_first, exponent
from alframe.benchmarks.speed.pairs import retinanets, ssds
from alframe.benchmarks.speed.peers import coco_by_records, k_center_by_products, voc_by_loop
from alframe.benchmarks.speed.row import MEMORY, SECONDS
from alframe.benchmarks.speed.steps import made_up
from alframe.detectors.evaluation_coco import coco_ap
from alframe.detectors.evaluation_voc import voc_ap
from alframe.strategies.k_center import k_center
from alframe.strategies.points import VectorTable

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def found():
    return _made_up(60)


def test_average_precision_by_the_loop(found):
    expected = voc_ap(*found, CLASSES).area
    np.testing.assert_allclose(voc_by_loop(*found, CLASSES), expected, rtol=1e-12)
    assert 0.02 < expected.mean() < 0.9


def test_average_precision_by_records(found):
    expected = coco_ap(*found, CLASSES)["AP"]
    assert coco_by_records(*found, CLASSES) == pytest.approx(expected, rel=1e-9)


def test_picks():
    vectors = features(400, 16)
    expected = k_center(VectorTable(torch.from_numpy(vectors)), 20, 30)
    assert k_center_by_products(vectors, 20, 30, block=64) == expected
    assert one_product_each(torch.from_numpy(vectors), 20, 30).tolist() == expected


def test_made_up_batches_are_like_those_of_the_loader():
    batch = made_up(3, 40, 70, pad=32, classes=4)
    assert batch.images.shape == (3, 3, 64, 96)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.images[:, :, 40:].sum() == batch.images[:, :, :, 70:].sum() == 0
    assert batch.sizes.tolist() == [[40, 70]] * 3
    sides = batch.boxes[..., 2:] - batch.boxes[..., :2]
    assert (sides > 3).all()
    assert (batch.boxes >= 0).all()
    assert (batch.boxes[..., 0::2] <= 70).all()
    assert (batch.boxes[..., 1::2] <= 40).all()
    assert (batch.labels >= 0).sum(dim=1).tolist() == [1, 2, 3]
    assert batch.labels.max() < 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["retinanet", "ssd"])
def test_a_pair_has_the_same_losses_and_detections(kind):
    """At 128 pixels, where torchvision spaces anchors by the strides, as we do."""
    pair = retinanets(128, 128, CPU) if kind == "retinanet" else ssds(CPU)
    batch = made_up(2, 128, 128) if kind == "retinanet" else made_up(2, 300, 300, pad=1)
    images, targets = pair.stock_inputs(batch)
    with torch.no_grad():
        theirs = pair.stock.eval()(images)
        found = pair.ours.eval().detect(*pair.ours(batch), batch)
        pair.stock.train()
        expected = torch.stack(list(pair.stock(images, targets).values())).sum()
        ours = torch.stack(list(pair.ours.train().loss(batch).values())).sum()
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=0)
    assert found.valid.sum(dim=1).tolist() == [len(each["boxes"]) for each in theirs]
    assert found.valid.any(dim=1).all()


def test_growth_by_hand():
    """Ten times the images in a hundred times the time: quadratic."""
    assert exponent((10, 100, 1000), (7, 1, 100)) == pytest.approx(2)
    sizes, costs = _beyond_first((10, 20, 40), (5.0, 6.0, 8.0))
    assert (sizes, costs) == ([10, 30], [1, 3])
    assert exponent(sizes, costs) == pytest.approx(1)
    assert _beyond_first((10, 20, 40), (5.0, 5.0, 4.9))[1] == [2**-10] * 2


def test_what_is_said_of_growth(monkeypatch):
    """1 GiB, and 9 and 99 thousand images more that take 2 KiB each; time grows tenfold."""
    costs = {n: {SECONDS: n / 1000, MEMORY: 1 + (n - 1000) / 2**19} for n in growth.SIZES}
    monkeypatch.setattr(growth, "_measured", lambda strategy, size, setting: costs[size])
    rows = growth._grow("entropy", "growth/entropy", Setting(CPU, wall))
    assert [row.side for row in rows[:3]] == ["1,000 images", "10,000 images", "100,000 images"]
    said = {name: spread.median for name, spread in rows[3].measures.items()}
    assert said == pytest.approx({"time exponent": 1, "memory exponent": 1, "KiB an image": 2})
