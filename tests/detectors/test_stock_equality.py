"""With their weights, ours on torchvision's parts do what torchvision's whole models do."""

from dataclasses import replace

import pytest
import torch
from torchvision.models import detection
from torchvision.models.detection.image_list import ImageList

from alframe.detectors.faster_rcnn import FasterRCNN
from alframe.detectors.fcos import FCOS
from alframe.signals import BOX_FEATURES, CLASS_PROBS, DETECTIONS
from alframe.training.batch import Batch

CLASSES = 3
SIDES = (64, 96)
FREE = {"weights": "none", "frozen_stages": -1, "norm_eval": False}
SIGNALS = frozenset({BOX_FEATURES, CLASS_PROBS, DETECTIONS})
SMALL = {"min_size": SIDES[0], "max_size": SIDES[1], "weights": None, "weights_backbone": None}


def spread(layer, factor):
    """Predictions far enough from each other to be ranked."""
    with torch.no_grad():
        layer.weight.mul_(factor)


def settle(stock):
    """Give BatchNorm the statistics of a batch: random layers let maps vanish or explode."""
    norms = [m for m in stock.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        stock.train()([x / 255 for x in batch().images], targets(batch(), 1, torch.float32))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def resnet():
    stock = detection.fasterrcnn_resnet50_fpn_v2(num_classes=CLASSES + 1, **SMALL)
    return stock, FasterRCNN(CLASSES, **FREE)


def mobilenet():
    stock = detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        num_classes=CLASSES + 1, **SMALL, rpn_score_thresh=0.0
    )
    return stock, FasterRCNN(CLASSES, backbone="mobilenet_v3_large", **FREE)


def fcos():
    stock = detection.fcos_resnet50_fpn(num_classes=CLASSES, **SMALL)
    return stock, FCOS(CLASSES, **FREE)


def pair(make):
    """Torchvision's model and ours, with the same weights.

    In double precision: proposals are ranked, and rounding would exchange neighbours.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stock, ours = make()
        if make is fcos:
            spread(stock.head.classification_head.cls_logits, 60)
            torch.nn.init.constant_(stock.head.classification_head.cls_logits.bias, -2.0)
        else:
            settle(stock)
            spread(stock.rpn.head.cls_logits, 30)
            spread(stock.roi_heads.box_predictor.cls_score, 4)
            for model in (stock, ours.stock):  # fewer proposals, for speed
                model.rpn._post_nms_top_n = {"training": 60, "testing": 60}
                model.roi_heads.fg_bg_sampler.batch_size_per_image = 40
        names = {"backbone.fpn.": "stock.backbone.", "backbone.body.": "backbone.body."}
        if make is mobilenet:
            names["backbone.body."] += "features."
        ours.load_state_dict({renamed(k, names): v for k, v in stock.state_dict().items()})
    stock, ours = stock.double(), ours.double()
    mean, std = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) * 255
                 for v in (stock.transform.image_mean, stock.transform.image_std))  # fmt: skip
    torch.testing.assert_close(ours.backbone.scaling.mean, mean, rtol=1e-6, atol=0)
    ours.backbone.scaling.mean, ours.backbone.scaling.std = mean, std  # float32 was rounded
    return stock, ours


def renamed(key, names):
    for prefix, own in names.items():
        if key.startswith(prefix):
            return own + key.removeprefix(prefix)
    return f"stock.{key}"


@pytest.fixture(
    scope="module", params=[pytest.param(resnet, marks=pytest.mark.slow), mobilenet, fcos]
)
def both(request):
    return pair(request.param)


def batch(sizes=(SIDES, SIDES), seed=1):
    generator = torch.Generator().manual_seed(seed)
    boxes = torch.zeros(2, 3, 4, dtype=torch.float64)
    boxes[0] = torch.tensor([[5, 10, 45, 60], [50, 15, 90, 60], [20, 30, 37, 45]])
    boxes[1, 0] = torch.tensor([30, 20, 60, 40])
    shape = torch.tensor(sizes)
    images = torch.randint(0, 256, (2, 3, *SIDES), generator=generator, dtype=torch.uint8)
    labels = torch.tensor([[0, 2, 1], [1, -1, -1]])
    return Batch(("a", "b"), images, shape, shape, boxes, labels)


def targets(batch, first, dtype=torch.float64):
    rows = zip(batch.boxes.to(dtype), batch.labels, strict=True)
    return [{"boxes": b[y >= 0], "labels": y[y >= 0] + first} for b, y in rows]


def test_losses_are_equal(both):
    stock, ours = both
    given, first = batch(), 0 if isinstance(ours, FCOS) else 1
    states = [{k: v.clone() for k, v in model.state_dict().items()} for model in both]
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)  # proposals are drawn
        expected = stock.train()([x.double() / 255 for x in given.images], targets(given, first))
        torch.manual_seed(0)
        torch.rand(len(given))  # torchvision draws the size of each image
        found = ours.train().loss(given)
    for model, state in zip(both, states, strict=True):
        model.load_state_dict(state)
    theirs = {
        "cls": ("loss_classifier", "classification"),
        "box": ("loss_box_reg", "bbox_regression"),
        "objectness": ("loss_objectness",),
        "proposal": ("loss_rpn_box_reg",),
        "centerness": ("bbox_ctrness",),
    }
    assert len(found) == len(expected)
    for name, value in found.items():
        known = next(expected[n] for n in theirs[name] if n in expected)
        torch.testing.assert_close(value, known, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("sizes", [(SIDES, SIDES), ((50, 96), (64, 70))])
def test_detections_are_equal(both, sizes):
    """Of images with padding, too: torchvision is then given the padded ones, and their sizes."""
    stock, ours = (model.eval() for model in both)
    given = batch(sizes)
    with torch.no_grad():
        expected = stock_detections(stock, given)
        found = ours.read(given, ours.features(given), SIGNALS)
    ours_found, features = found[DETECTIONS], found[BOX_FEATURES]
    assert ours_found.exclusive == (not isinstance(ours, FCOS))
    for i, image in enumerate(expected):
        valid = ours_found.valid[i]
        assert valid.sum() == len(image["boxes"]) > 10
        labels = image["labels"] - int(ours_found.exclusive)
        torch.testing.assert_close(ours_found.boxes[i][valid], image["boxes"], rtol=1e-5, atol=1e-3)
        torch.testing.assert_close(ours_found.scores[i][valid], image["scores"], rtol=0, atol=1e-5)
        assert torch.equal(ours_found.labels[i][valid], labels)
        own = ours_found.probs[i].gather(1, ours_found.labels[i][:, None])[:, 0][valid]
        scores = ours_found.scores[i][valid]
        torch.testing.assert_close(own, scores if ours_found.exclusive else scores**2)
        assert features.shape[:2] == ours_found.scores.shape


def stock_detections(stock, given):
    """What torchvision finds in images that are padded already."""
    images, _ = stock.transform([x.double() / 255 for x in given.images])
    for tensor, (height, width) in zip(images.tensors, given.sizes, strict=True):
        tensor[:, height:] = 0
        tensor[:, :, width:] = 0
    images = ImageList(images.tensors, [tuple(size) for size in given.sizes.tolist()])
    maps = stock.backbone(images.tensors)
    if isinstance(stock, detection.FasterRCNN):
        proposals, _ = stock.rpn(images, maps)
        return stock.roi_heads(maps, proposals, images.image_sizes)[0]
    levels = list(maps.values())
    cells = [level.shape[2] * level.shape[3] for level in levels]
    outputs = {k: list(v.split(cells, 1)) for k, v in stock.head(levels).items()}
    anchors = [list(a.split(cells)) for a in stock.anchor_generator(images, levels)]
    return stock.postprocess_detections(outputs, anchors, images.image_sizes)


def test_the_whole_model_of_torchvision_finds_the_same(both):
    """Its own transform, asked to leave the size as it is, changes nothing that ours does not."""
    stock, ours = (model.eval() for model in both)
    given = batch()
    with torch.no_grad():
        expected = stock([x.double() / 255 for x in given.images])
        found = ours.read(given, ours.features(given), frozenset({DETECTIONS}))[DETECTIONS]
    for i, image in enumerate(expected):
        torch.testing.assert_close(
            found.scores[i][found.valid[i]], image["scores"], rtol=0, atol=1e-5
        )
        torch.testing.assert_close(
            found.boxes[i][found.valid[i]], image["boxes"], rtol=0, atol=1e-3
        )


def test_boxes_come_back_in_pixels_of_the_original(both):
    _, ours = both
    ours.eval()
    given = batch()
    large = replace(given, originals=2 * given.sizes)
    with torch.no_grad():
        one, two = (
            ours.read(b, ours.features(b), frozenset({DETECTIONS}))[DETECTIONS]
            for b in (given, large)
        )
    torch.testing.assert_close(2 * one.boxes, two.boxes)
