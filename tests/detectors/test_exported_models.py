"""Detectors as graphs, for programs without alframe: equal on batches and images of any size."""

import importlib
import io
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from alframe.config.sections import DataConfig
from alframe.detectors.export_check import Agreement
from alframe.detectors.export_model import _padded
from alframe.detectors.export_network import ExportedDetector, _divisible, portable, traced
from alframe.detectors.export_readme import readme
from alframe.detectors.faster_rcnn import FasterRCNN
from alframe.detectors.fcos import FCOS
from alframe.detectors.nms_op import in_torchvision
from alframe.detectors.pixels import PixelRange, PixelScaling
from alframe.detectors.suppression import suppress
from alframe.errors import RunError
from alframe.training.placement import placed
from tests.detectors.drawing import SMALL, small_retinanet, small_ssd

TRAINED = {**SMALL, "frozen_stages": -1, "norm_eval": False}


def small_fcos():
    torch.manual_seed(0)
    return FCOS(3, **TRAINED, fpn_channels=64, tower_convs=1)


def small_faster_rcnn(heads="light"):
    torch.manual_seed(0)
    model = FasterRCNN(3, **TRAINED, fpn_channels=16, heads=heads)
    head = model.stock.rpn.head
    with torch.no_grad():  # or proposals are so alike that rounding decides on their order
        head.cls_logits.weight.mul_(100)
        head.bbox_pred.weight.mul_(100)
    return model


def candidates(seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (3, 40, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 30, (3, 40, 2))], axis=2)
    scores = np.sort(rng.uniform(0, 1, (3, 40)), axis=1)[:, ::-1].copy()
    labels = rng.integers(0, 3, (3, 40))
    candidate = rng.uniform(size=(3, 40)) < 0.8
    if seed == 0:
        candidate[:] = False
    return map(torch.from_numpy, (boxes.astype(np.float32), scores, labels, candidate))


@pytest.mark.parametrize("seed", range(20))
def test_suppression_in_a_graph_is_that_of_the_model(seed):
    boxes, scores, labels, candidate = candidates(seed)
    expected = suppress(boxes, scores, labels, candidate, 0.4)
    assert torch.equal(in_torchvision(boxes, scores, labels, candidate, 0.4), expected)


def found(boxes, scores, labels):
    return [np.array([boxes], float), np.array([scores], float), np.array([labels])]


BOX, FAR = [0, 0, 10, 10], [0, 0, 10, 10.02]


@pytest.mark.parametrize(
    ("other", "unmatched"),
    [
        (found([BOX, BOX], [0.9, 0.5], [1, 2]), 0),
        (found([[0, 0, 10, 10.009], BOX], [0.90009, 0.5], [1, 2]), 0),
        (found([FAR, BOX], [0.9, 0.5], [1, 2]), 2),
        (found([BOX, BOX], [0.9002, 0.5], [1, 2]), 2),
        (found([BOX, BOX], [0.9, 0.5], [0, 2]), 2),
        (found([BOX, BOX], [0.9, 0], [1, -1]), 1),
    ],
)
def test_the_comparison_of_detections(other, unmatched):
    agreement = Agreement(floor=0.5)
    own = found([BOX, BOX], [0.9, 0.5], [1, 2])
    # one of the least score may have been cut off by rounding, a stronger one not
    agreement.add(own, other)
    agreement.add(found([BOX], [0.1], [1]), found([BOX], [0.1], [1]))
    weakest_left_out = other[2][0, 1] < 0
    assert agreement.unmatched == (0 if weakest_left_out else unmatched)
    if agreement.unmatched:
        with pytest.raises(RunError, match=r"of 3 2 have no counterpart within 0.01 pixels"):
            agreement.settle()
    else:
        assert agreement.settle().startswith("3 compared in 2 images: boxes within ")
    assert max(agreement.boxes, agreement.scores) <= 0.01, "of counterparts alone"


def test_the_largest_differences_of_counterparts_are_told():
    agreement = Agreement()
    for far, score in ((10.004, 0.90005), (10.002, 0.90002)):
        agreement.add(found([BOX], [0.9], [1]), found([[0, 0, 10, far]], [score], [1]))
    assert (agreement.boxes, agreement.scores) == pytest.approx((0.004, 0.00005))
    boxes, probabilities = np.zeros((1, 2, 1, 4)), np.zeros((1, 2, 3))
    raw = Agreement()
    raw.add([boxes, probabilities], [boxes + 0.004, probabilities + 0.00005])
    assert (raw.boxes, raw.scores) == pytest.approx((0.004, 0.00005))


def test_one_box_of_an_image_may_be_cut_off_and_not_the_one_above_it():
    agreement = Agreement(floor=0.5)
    own = found([BOX, BOX, BOX], [0.9, 0.7, 0.5], [1, 2, 3])
    agreement.add(own, found([BOX, BOX, BOX], [0.9, 0, 0], [1, -1, -1]))
    assert agreement.unmatched == 1


@pytest.mark.parametrize(("other", "label"), [([50.0, 50, 90, 90], 1), (BOX, 3)])
def test_the_only_box_of_an_image_is_compared_where_none_is_cut_off(other, label):
    agreement = Agreement()
    for _ in range(5):
        agreement.add(
            found([BOX, BOX], [0.9, 0], [1, -1]), found([other, BOX], [0.9, 0], [label, -1])
        )
    with pytest.raises(RunError, match="of 5 10 have no counterpart"):
        agreement.settle()


@pytest.mark.parametrize("there", [0, 1])
def test_the_only_box_of_an_image_that_one_of_them_does_not_find(there):
    agreement, sides = Agreement(floor=0.5), [found([BOX], [0], [-1]), found([BOX], [0.9], [1])]
    for _ in range(5):
        agreement.add(sides[1 - there], sides[there])
    with pytest.raises(RunError, match="5 have no counterpart"):
        agreement.settle()


@pytest.mark.parametrize("score", [0.9, np.nan])
def test_the_only_box_that_there_can_be_is_compared(score):
    agreement = Agreement()
    agreement.add(found([BOX], [0.9], [1]), found([[50, 50, 90, 90]], [score], [1]))
    assert agreement.unmatched == 2


def test_the_last_of_as_many_as_there_may_be_may_be_another():
    agreement = Agreement()
    agreement.add(found([BOX, BOX], [0.9, 0.5], [1, 2]), found([BOX, BOX], [0.9, 0.5], [1, 3]))
    assert agreement.unmatched == 0


def test_what_is_no_number_agrees_with_nothing():
    agreement, nan = Agreement(), np.full((2, 3, 1, 4), np.nan)
    agreement.add([np.zeros((2, 3, 1, 4)), np.zeros((2, 3, 2))], [nan, np.zeros((2, 3, 2))])
    with pytest.raises(RunError, match="of 6 6 have no counterpart"):
        agreement.settle()


def test_the_comparison_of_raw_numbers():
    boxes, probabilities = np.zeros((2, 3, 1, 4)), np.zeros((2, 3, 2))
    others = boxes.copy(), probabilities.copy()
    others[0][0, 0, 0, 3], others[1][1, 2, 1] = 0.02, 0.001
    agreement = Agreement()
    agreement.add([boxes, probabilities], [*others])
    assert (agreement.images, agreement.compared, agreement.unmatched) == (2, 6, 2)
    assert (agreement.boxes, agreement.scores) == (0, 0)


def test_one_in_a_hundred_may_have_no_counterpart():
    assert Agreement(0, 1, 100, 1).settle().endswith(", 1 without a counterpart")
    said = "100 compared in 3 images: boxes within 1.2e-03 pixels, scores within 5.0e-05"
    assert Agreement(0, 3, 100, 0, boxes=0.0012, scores=0.00005).settle() == said
    empty = Agreement()
    empty.add(found([BOX], [0.1], [-1]), found([BOX], [0.1], [-1]))
    assert empty.settle() == "nothing compared in 1 images: neither finds anything there"
    for agreement in (Agreement(0, 1, 100, 2), Agreement()):
        with pytest.raises(RunError, match="does not find what the model finds"):
            agreement.settle()


def test_what_lies_beside_a_model_says_what_it_takes():
    data = DataConfig(resize="stretch", long=96, short=64, pad=16)
    network, classes = ExportedDetector(small_retinanet()), ["Tür", "Dach"]
    network.model.postprocess = replace(network.model.postprocess, max_detections=7)
    network.model.pixels = PixelScaling(PixelRange((1, 2, 3), (4, 5, 6)))
    text = readme("the model of x", "onnx", network, classes, data, (64, 96), "all of it")
    assert "The model of x, in single precision.\nCompared with PyTorch: all of it." in text
    assert "uint8 [batch, 3, 64, 96]" in text
    assert "made 96 pixels wide and 64 high" in text
    assert "to a multiple of 16 pixels" in text
    assert "(It subtracts 1, 2, 3 and divides by 4, 5, 6, in the order red, green, blue.)" in text
    assert "the same for all images of a batch, at most 7." in text
    assert "boxes, scores, labels = session.run(None" in text
    assert 'Classes: ["Tür", "Dach"]' in text


def test_what_lies_beside_raw_numbers_of_images_of_any_size():
    network = ExportedDetector(small_retinanet(), raw=True)
    network.model.pixels = PixelScaling(PixelRange((103.53, 116.28, 123.675), (1, 2, 3), bgr=True))
    data = DataConfig(long=1000, short=600)
    text = readme("the model", "torch-export", network, ["a"], data, None, "all of it")
    assert "uint8 [batch, 3, height, width]" in text
    assert "as large as fits 1000 pixels of the longer and 600 of the shorter side" in text
    assert (
        "(It subtracts 103.53, 116.28, 123.675 and divides by 1, 2, 3, in the order blue, green, "
        "red.)"
    ) in text
    assert "probabilities  float32 [batch, anchors, K]" in text
    assert "boxes, probabilities = model(torch.from_numpy(images), torch.from_numpy" in text
    del network.model.postprocess
    network.raw = False
    text = readme("the model", "onnx", network, ["a"], DataConfig(resize="none"), None, "all of it")
    assert "Images keep their size, and are padded with 0" in text
    assert '"detections" is the same for all images of a batch, always as many.' in text


@pytest.mark.parametrize("make", [small_retinanet, small_ssd])
def test_detections_are_of_the_raw_boxes(make):
    detector = make().eval()
    detector.postprocess = replace(detector.postprocess, score_threshold=0.0)
    images = torch.randint(256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        boxes, _, labels = ExportedDetector(detector)(images, torch.tensor([[64, 64]]))
        raw, _ = ExportedDetector(detector, raw=True)(images, torch.tensor([[64, 64]]))
    found, every = boxes[labels >= 0], raw[0, :, 0].clamp(0, 64)
    assert len(found) > 10
    assert (found[:, None] - every).abs().amax(2).amin(1).max() < 1e-3


def test_where_there_is_no_detection_the_score_is_0_and_the_label_none():
    detector = small_retinanet().eval()
    detector.postprocess = replace(detector.postprocess, score_threshold=0.999)
    images = torch.randint(256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        _, scores, labels = ExportedDetector(detector)(images, torch.tensor([[64, 64]]))
    assert scores.numel() > 0
    assert (scores == 0).all()
    assert (labels == -1).all()


def test_outputs_of_other_shapes_are_refused():
    own = found([BOX, BOX], [0.9, 0.5], [1, 2])
    with pytest.raises(RunError, match="other shapes than the model"):
        Agreement().add(own, found([BOX], [0.9], [1]))


@pytest.mark.slow
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    "make",
    [small_retinanet, small_ssd, small_fcos, small_faster_rcnn, lambda: small_faster_rcnn("v2")],
)
def test_both_formats_find_what_the_model_finds(make, raw):
    from alframe.detectors.export_onnx import runner, to_onnx

    detector = placed(make().eval(), torch.device("cpu"))
    detector.postprocess = replace(detector.postprocess, score_threshold=0.0)
    network = ExportedDetector(detector, raw=raw).eval()
    fixed = make is small_ssd
    program = traced(network, (64, 64) if fixed else None)
    made = to_onnx(program, network.outputs, {"classes": ["a", "b", "c"]})
    assert fixed or ("anchors" if raw else "detections").encode() in made
    onnx = runner(made)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(portable(program), file)
    file.seek(0)
    module = torch.export.load(file).module(check_guards=False)
    rng = np.random.default_rng(0)
    for count, height, width in [(1, 64, 64), (3, 64, 64), (2, 160, 224), (1, 320, 96)]:
        if fixed and (height, width) != (64, 64):
            continue
        images = rng.integers(0, 256, (count, 3, height, width), dtype=np.uint8)
        sizes = np.array([[height, width - 7 * (not fixed)]] * count)
        given = torch.from_numpy(images), torch.from_numpy(sizes)
        with torch.no_grad():
            expected = [each.numpy() for each in network(*given)]
            others = onnx(images, sizes), [each.numpy() for each in module(*given)]
        for other in others:
            agreement = Agreement()
            agreement.add(expected, other)
            assert agreement.settle()
            assert agreement.compared > 50


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frame", "shapes"), [(None, [(1, 64, 96), (2, 160, 32)]), ((75, 50), [(2, 75, 50)])]
)
def test_a_backbone_that_pads_as_tensorflow_does(frame, shapes):
    """Its padding follows from the sides: of free ones, which strides divide, and of fixed ones."""
    torch.manual_seed(0)
    body = {"backbone": "tf_mobilenetv3_small_minimal_100", "weights": "none", "frozen_stages": -1}
    model = FCOS(3, **body, norm_eval=False, fpn_channels=64, tower_convs=0)
    network = ExportedDetector(model, raw=True).eval()
    module = traced(network, frame).module(check_guards=False)
    if frame is None:
        with pytest.raises(RunError, match=r"data\.pad=16: .* a run with data\.pad=32, or one"):
            traced(network, frame, pad=16)
    padding = sys.modules["timm.layers.padding"].get_same_padding
    assert padding(33, 3, 2, 1) == 2, "of odd sides again"
    for count, height, width in shapes:
        images = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)
        sizes = torch.tensor([[height, width]] * count)
        with torch.no_grad():
            for ours, theirs in zip(network(images, sizes), module(images, sizes), strict=True):
                torch.testing.assert_close(theirs, ours)


def test_padding_is_that_of_sides_which_strides_divide():
    timm_padding = importlib.import_module("timm.layers.padding")
    kinds = [(1, 1, 1), (1, 2, 1), (3, 1, 1), (3, 2, 1), (3, 2, 2), (5, 2, 1), (5, 1, 2)]
    expected = [timm_padding.get_same_padding(64, *kind) for kind in kinds]
    with _divisible(32):
        assert [timm_padding.get_same_padding(None, *kind) for kind in kinds] == expected
    with pytest.raises(RunError, match=r"data\.pad=48: "), _divisible(48):
        timm_padding.get_same_padding(None, 3, 2, 1)
    assert timm_padding.get_same_padding(33, 3, 2, 1) == 2, "of odd sides again"


def test_a_model_that_decides_by_values():
    class Deciding(torch.nn.Module):
        def features(self, batch):
            return batch.images if batch.images.sum() > 7 else None

        def read(self, batch, features, wanted):
            raise AssertionError

    what = r"Deciding cannot be exported: .* trace\. Caused by: "
    with pytest.raises(RunError, match=what):
        traced(ExportedDetector(Deciding()), (64, 64))


def test_the_frame_of_images_that_are_stretched():
    assert _padded(DataConfig(resize="stretch", long=100, short=50, pad=32)) == (64, 128)
