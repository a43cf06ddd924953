"""What every detector promises that knows boxes: parts of torchvision, DETRs of transformers."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from alframe.detectors.faster_rcnn import FasterRCNN
from alframe.detectors.fcos import FCOS
from alframe.detectors.hf import HFDetector
from alframe.signals import BOX_FEATURES, CLASS_PROBS, DETECTIONS, EMBEDDING
from alframe.testing import check_model
from tests.detectors.drawing import drawing

FREE = {"weights": "none", "frozen_stages": -1, "norm_eval": False}
SMALL = {"backbone": "tiny", "fpn_channels": 64, **FREE}
FAMILIES = ("rtdetr-v2", "dfine", "rf-detr", "detr")


def light(classes=3, **options):
    return FasterRCNN(classes, **(SMALL | {"heads": "light"} | options))


def fcos(classes=3, **options):
    return FCOS(classes, tower_convs=1, **(SMALL | options))


def seeded(make, *classes, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*classes, **options)


def read(model, batch, *names):
    with torch.no_grad():
        return model.eval().read(batch, model.features(batch), frozenset(names))


@pytest.fixture(scope="module", params=[light, fcos, *FAMILIES])
def unseeded(request, tmp_path_factory):
    if callable(request.param):
        return request.param
    pytest.importorskip("transformers")
    from tests.detectors.hf_tiny import folder

    place = folder(tmp_path_factory.mktemp("hf") / request.param, request.param)
    return lambda n=3, **options: HFDetector(n, architecture=str(place), weights="none", **options)


@pytest.fixture(scope="module")
def make(unseeded):
    return partial(seeded, unseeded)


@pytest.mark.filterwarnings("ignore:the model finds nothing")  # before it is trained
def test_the_contract_of_a_model(unseeded):
    check_model(unseeded)


@pytest.mark.parametrize("rows", [0, 2])
def test_images_without_objects_train(make, rows):
    model = make()
    batch = replace(drawing(), boxes=torch.zeros(2, rows, 4), labels=torch.full((2, rows), -1))
    losses = model.loss(batch)
    of_boxes = losses.keys() & {"box", "bbox", "giou"}
    assert of_boxes
    assert all(losses[name].item() == 0 for name in of_boxes)
    sum(losses.values()).backward()
    gradients = [p.grad for p in model.parameters()]
    known = [each for each in gradients if each is not None]
    assert isinstance(model, HFDetector) or len(known) == len(gradients)
    assert all(each.isfinite().all() for each in known)


@pytest.mark.parametrize("box", [[10, 10, 10, 30], [0, 0, 0, 0], [40, 20, 30, 50]])
def test_boxes_without_area_are_left_out(make, box):
    batch, bare = drawing(), drawing()
    batch.boxes[0, 1], batch.labels[0, 1] = torch.tensor(box), 2
    model, losses = make(), []
    for given in (batch, bare):
        torch.manual_seed(0)  # which proposals count, denoising queries and dropout are drawn
        losses.append(model.loss(given))
    assert all(value.isfinite() for value in losses[0].values())
    assert losses[0] == losses[1]


def test_what_lies_in_the_padding_does_not_matter(make):
    model = make()
    batch = replace(drawing(), sizes=torch.tensor([[48, 32], [64, 64]]))
    noisy = replace(batch, images=batch.images.clone())
    noisy.images[0, :, 48:] = 200
    noisy.images[0, :, :, 32:] = 90
    one, two = (read(model, b, *model.provides) for b in (batch, noisy))
    assert torch.equal(one[CLASS_PROBS].values, two[CLASS_PROBS].values)
    assert torch.equal(one[EMBEDDING], two[EMBEDDING])
    found = read(model, replace(noisy, originals=noisy.sizes), DETECTIONS)[DETECTIONS]
    assert (found.boxes[0] <= torch.tensor([32, 48, 32, 48])).all()


def test_limits(make):
    few = make(score_threshold=0.0, max_detections=3)
    assert read(few, drawing(), DETECTIONS)[DETECTIONS].boxes.shape == (2, 3, 4)
    none = read(make(score_threshold=0.999), drawing(), DETECTIONS, BOX_FEATURES)
    assert not none[DETECTIONS].valid.any()
    assert none[BOX_FEATURES].shape[:2] == none[DETECTIONS].scores.shape


def test_mixed_precision_gives_coordinates_in_single(make):
    model = make(score_threshold=0.0)
    with torch.autocast("cpu", torch.bfloat16):
        found = read(model, drawing(), DETECTIONS, BOX_FEATURES, CLASS_PROBS)
        losses = model.train().loss(drawing())
    assert found[DETECTIONS].boxes.dtype == found[CLASS_PROBS].values.dtype == torch.float32
    assert (found[DETECTIONS].boxes != found[DETECTIONS].boxes.bfloat16().float()).any()
    assert all(value.isfinite() for value in losses.values())
