"""SSD: anchors, levels, VGG-16 and its weights, the reference's losses, the paper's settings."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from alframe.config.resolve import from_overrides, resolve
from alframe.config.sections import BudgetConfig
from alframe.detectors.anchors import ssd_cell, ssd_sides
from alframe.detectors.box_ops import encode
from alframe.detectors.losses import box_loss, mined_cross_entropy, normalise
from alframe.detectors.matching import Matching, match
from alframe.detectors.ssd import SSD
from alframe.detectors.ssd_levels import ChannelNorm, ExtraLevels, LevelTower
from alframe.detectors.ssd_vgg import VGGBody, load_vgg, vgg_backbone
from alframe.errors import ConfigError
from tests.detectors.drawing import drawing, small_ssd

CPU = torch.device("cpu")
MAPS = (38, 19, 10, 5, 3, 1)


@pytest.fixture(scope="module")
def vgg():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SSD(20, weights="none")


def test_sides_of_the_published_models():
    assert ssd_sides(300, 0.1, (0.2, 0.9), 6) == (30, 60, 111, 162, 213, 264, 315)  # VOC
    assert ssd_sides(300, 0.07, (0.15, 0.9), 6) == (21, 45, 99, 153, 207, 261, 315)  # COCO


def test_a_cell_worked_by_hand():
    assert ssd_cell(8, 32, ratios=(4,)) == (
        (-4, -4, 4, 4),
        (-8, -8, 8, 8),
        (-8, -2, 8, 2),
        (-2, -8, 2, 8),
    )
    assert ssd_cell(8, 32, ratios=(4,), longest=10)[1:3] == ((-5, -5, 5, 5), (-5, -2, 5, 2))


def test_anchors_of_the_reference(vgg, shared_golden):
    golden = np.load(shared_golden / "dev_ssd.npz")
    anchors = vgg.grid.at([(side, side) for side in MAPS], CPU)
    assert len(anchors.boxes) == 8732
    for i, level in enumerate(anchors.boxes.split(anchors.per_level)):
        assert np.allclose(level.numpy(), golden[f"anchors/{i}"], rtol=0, atol=1e-4)


def test_losses_and_gradients_of_the_reference(vgg, shared_golden):
    golden = np.load(shared_golden / "dev_ssd.npz")
    levels = [torch.from_numpy(golden[f"feat/{i}"]).requires_grad_(True) for i in range(6)]

    def read(name, channels):
        tower = LevelTower([level.shape[1] for level in levels], (4, 6, 6, 6, 4, 4), channels)
        for i, output in enumerate(tower.outputs):
            for kind, parameter in output.named_parameters():
                parameter.data = torch.from_numpy(golden[f"param/f_{name}_convs.{i}.{kind}"])
        return tower(levels)

    boxes, labels = torch.zeros(2, 3, 4), torch.full((2, 3), -1)
    for b in range(2):
        rows = len(golden[f"gt_boxes/{b}"])
        boxes[b, :rows] = torch.from_numpy(golden[f"gt_boxes/{b}"])
        labels[b, :rows] = torch.from_numpy(golden[f"gt_labels/{b}"])
    anchors = vgg.grid.at([(side, side) for side in MAPS], CPU).boxes
    assigned = match(anchors, boxes, labels, vgg.matching)
    assert vgg.matching == Matching(0.5, 0.5, "one")
    targets = encode(assigned.boxes, anchors, vgg.regression.stds)
    sums = [mined_cross_entropy(read(k, 6), assigned.labels) for k in ("1", "2")]
    sums.append(box_loss(read("r", 4), targets, assigned.positive, vgg.regression.beta))
    first, second, location = (normalise(each, assigned.positives) for each in sums)
    found = {"l_det_cls": (first + second) / 2, "l_det_loc": location}
    for name, value in found.items():
        expected = float(golden[f"loss/label/labelled/{name}"])
        assert value.item() == pytest.approx(expected, rel=1e-5)
    sum(found.values()).backward()
    for i, level in enumerate(levels):  # in the max phase nothing else reaches the features
        expected = torch.from_numpy(golden[f"grad/max/labelled/feat/{i}"])
        atol = 1e-4 * expected.abs().max().item()
        torch.testing.assert_close(level.grad, expected, rtol=1e-4, atol=atol)


def test_shapes_of_every_part(vgg):
    batch = drawing(1, side=300)
    with torch.no_grad():
        features = vgg.eval().features(batch)
        logits, deltas = vgg.class_tower(features.levels), vgg.box_tower(features.levels)
    assert [level.shape[1:] for level in features.levels] == [
        (channels, side, side)
        for channels, side in zip((512, 1024, 512, 256, 256, 256), MAPS, strict=True)
    ]
    assert features.deepest is features.levels[1]  # fc7
    anchors = vgg.anchors(features)
    assert anchors.per_level == (5776, 2166, 600, 150, 36, 4)
    assert logits.shape == (1, 8732, 21)
    assert deltas.shape == (1, 8732, 4)
    assert vgg.class_loss(logits, vgg.assign(anchors, batch)).shape == (1,)
    unit = features.levels[0] / vgg.norms[0].scale[:, None, None]
    lengths = unit.square().sum(dim=1).sqrt()
    torch.testing.assert_close(lengths, torch.ones_like(lengths))


def test_initialisation(vgg):
    parts = (vgg.extras, vgg.class_tower, vgg.box_tower)
    convs = [m for part in parts for m in part.modules() if isinstance(m, nn.Conv2d)]
    for conv in (*convs, vgg.backbone.body.fc6, vgg.backbone.body.fc7):
        fan = conv.weight[0].numel() + conv.weight[:, 0].numel()
        assert conv.weight.abs().max().item() == pytest.approx(math.sqrt(6 / fan), rel=1e-2)
        assert (conv.bias == 0).all()
    assert all(parameter.requires_grad for parameter in vgg.parameters()), "nothing is frozen"


def test_size(vgg):
    assert sum(p.numel() for p in vgg.parameters()) == 26_285_486  # torchvision's, 21 classes


def test_towers_flatten_as_anchors_are_laid_out():
    tower = LevelTower((7, 9), (2, 3), channels=5)
    levels = [torch.randn(2, 7, 3, 4), torch.randn(2, 9, 1, 2)]
    found = tower(levels)
    assert found.shape == (2, 3 * 4 * 2 + 2 * 3, 5)
    raw = tower.outputs[0](levels[0])
    for row, column, anchor in [(0, 0, 1), (1, 2, 0), (2, 3, 1)]:
        place = (row * 4 + column) * 2 + anchor
        torch.testing.assert_close(
            found[:, place], raw[:, 5 * anchor : 5 * anchor + 5, row, column]
        )


def test_extra_levels_halve_or_lose_their_border():
    extras = ExtraLevels(16, cells=(19, 10, 5, 3, 1))
    assert extras.widths == (512, 256, 256, 256)
    strides = [block[2].stride[0] for block in extras.blocks]
    assert strides == [2, 2, 1, 1]
    assert [level.shape[-1] for level in extras(torch.zeros(1, 16, 19, 19))] == [10, 5, 3, 1]
    assert not list(ExtraLevels(16, cells=(19,)).parameters())


def test_a_cell_of_zeros_has_a_finite_gradient():
    norm, x = ChannelNorm(2), torch.zeros(1, 2, 1, 2)
    assert norm.scale.tolist() == [20 / 16] * 2
    x[0, :, 0, 0] = torch.tensor([3.0, 4.0])
    x.requires_grad_(True)
    found = norm(x)
    torch.testing.assert_close(found[0, :, 0], torch.tensor([[0.75, 0.0], [1.0, 0.0]]))
    found.sum().backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(norm.scale.grad).all()


def test_weights_from_a_file(shared_weights):
    path = shared_weights / "vgg16_features_fp16.pth"
    backbone = vgg_backbone(str(path), "pytorch")
    own = backbone.body.state_dict()
    state = torch.load(path, weights_only=True)
    assert len(state) == 26
    assert all(torch.equal(own[key], value.float()) for key, value in state.items())
    assert backbone.scaling.std.flatten().tolist() == pytest.approx([58.395, 57.12, 57.375])
    original = vgg_backbone("none", "caffe").scaling
    assert original.mean.flatten().tolist() == pytest.approx([123, 117, 104], abs=1e-2)
    assert original.std.flatten().tolist() == [1, 1, 1]
    assert not original.bgr


def classifier(rows, columns):
    """torchvision's linear layers with these values, spread without memory."""
    return {
        "classifier.0.weight": rows[:, None].expand(4096, 25088),
        "classifier.0.bias": rows,
        "classifier.3.weight": columns[None].expand(4096, 4096),
        "classifier.3.bias": columns,
        "classifier.6.weight": torch.zeros(1000, 1),
    }


def test_linear_layers_become_smaller_convolutions():
    body, index = VGGBody(), torch.arange(4096.0)
    features = {f"features.{k}": v for k, v in body.features.state_dict().items()}
    load_vgg(body, features | classifier(index, index), "here")
    assert torch.equal(body.fc6.weight[:, 9, 1, 2], index[::4])
    assert torch.equal(body.fc6.bias, index[::4])
    assert torch.equal(body.fc7.weight[3, :, 0, 0], index[::4])
    assert torch.equal(body.fc7.bias, index[::4])
    places = torch.arange(25088.0).expand(4096, -1)
    load_vgg(body, features | classifier(index, index) | {"classifier.0.weight": places}, "here")
    corners = [c * 49 + y * 7 + x for c, y, x in [(0, 0, 0), (2, 3, 6), (511, 6, 3)]]
    found = [body.fc6.weight[5, c, y, x].item() for c, y, x in [(0, 0, 0), (2, 1, 2), (511, 2, 1)]]
    assert found == corners


def test_a_classifier_of_nan_is_none(caplog):
    caplog.set_level("INFO")
    body, nothing = VGGBody(), torch.full((4096,), torch.nan)
    before = body.fc6.weight.clone()
    features = {f"features.{k}": v for k, v in body.features.state_dict().items()}
    load_vgg(body, features | classifier(nothing, nothing), "FEATURES")
    assert torch.equal(body.fc6.weight, before)
    assert "FEATURES has no fc6 and fc7" in caplog.text


def test_a_file_that_does_not_fit(tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "vgg.pth")
    with pytest.raises(ConfigError, match=r"vgg\.pth does not fit the backbone, missing: "):
        SSD(3, weights=str(tmp_path / "vgg.pth"))


@pytest.mark.parametrize(("style", "file"), [(None, "features-amdegroot"), ("pytorch", "397923af")])
def test_no_network(monkeypatch, tmp_path, style, file):
    asked = []

    def download(url, *_, **__):
        asked.append(url)
        raise OSError("no route to host\nlong story")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", download)
    with pytest.raises(
        ConfigError, match=r"'vgg16' could not be loaded \(no route.*give model.weights=PATH"
    ):
        SSD(3, style=style)
    assert file in asked[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"claim": "all"}, "claim: expected one of"),
        ({"normalizer": "mean"}, "normalizer: expected one of"),
        ({"style": "keras", "backbone": "vgg16"}, "style: expected one of .*got 'keras'"),
        ({"frozen_stages": 1, "backbone": "vgg16"}, "frozen_stages: 'vgg16' is trained as a whole"),
        ({"strides": ()}, r"strides: expected some between 1 and size=64, got \[\]"),
        ({"strides": (8, 16, 32, 128)}, "strides: expected some between 1 and size=64"),
        ({"strides": (8, 16, 32)}, "a list for each of the 3 levels, got 4"),
        ({"strides": (10, 16, 32, 64)}, r"begin with some of .*\[4, 8, 16, 32\].*got \[10, 16"),
        ({"strides": (8, 16, 50, 32)}, "strides: expected to begin with some of"),
        ({"strides": (8, 16, 32, 31)}, "followed by one of 1 or 0, not of 3"),
        ({"anchor_ratios": ((2,), (2, 0), (2,), (2,))}, "anchor_ratios: expected above 0, got 0"),
        ({"first_anchor": 0.0}, "first_anchor: expected above 0, got 0"),
        ({"first_anchor": 0.01}, r"first_anchor, .*a pixel or more, .* got sides of \[0, "),
        ({"anchor_range": (0.9, 0.45)}, r"anchor_range: expected .*, got \[0.9, 0.45\]"),
        ({"anchor_range": (0.0, 0.9)}, "anchor_range: expected two shares above 0"),
        ({"box_stds": (0.1, 0.1, 0.0, 0.2)}, "box_stds: expected above 0, got 0"),
        ({"negatives": -1.0}, "negatives: expected at least 0, got -1"),
        ({"beta": -1.0}, "beta: expected at least 0, got -1"),
        ({"nms_iou": 1.5}, "nms_iou: expected 0 to 1, got 1.5"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        small_ssd(**settings)


def test_settings_that_cannot_work_are_told_at_once():
    with pytest.raises(ConfigError) as raised:
        small_ssd(beta=-1, strides=(), first_anchor=0.0, claim="all", nms_iou=2)
    told = ["beta", "strides", "anchor_ratios", "first_anchor", "claim", "nms_iou"]
    assert [text.partition(":")[0] for text in raised.value.problems] == told


def test_small_images_are_refused_with_the_remedy():
    with pytest.raises(
        ConfigError, match=r"expected images of 64 x 64 pixels, got 32 x 32.*stretch"
    ):
        small_ssd()(drawing(side=32))


def test_large_images_are_refused_where_anchors_would_miss_their_cells():
    """The last level has two cells fewer than the one before: 3 - 2, but 6 - 2 in 192 pixels."""
    model = small_ssd(size=96, strides=(8, 16, 32, 96))
    assert model(drawing(side=96)).anchors.per_level[-1] == 4
    with pytest.raises(ConfigError, match="expected images of 96 x 96 pixels, got 192 x 192"):
        model(drawing(side=192))


@pytest.mark.parametrize("name", ["resnet10t", "tf_efficientnet_lite0"])
def test_any_backbone_of_timm(name):
    strides, ratios = (16, 32, 64, 128), [[2.0]] * 4
    model = SSD(3, backbone=name, weights="none", size=128, strides=strides, anchor_ratios=ratios)
    features = model.eval().features(drawing(1, side=128))
    assert [level.shape[-1] for level in features.levels] == [8, 4, 2, 1]


def test_fresh_loss_is_that_of_equal_chances():
    """With towers of zeros a positive and its three negatives cost log(C + 1) each."""
    model = small_ssd(5)
    for output in model.class_tower.outputs:
        nn.init.zeros_(output.weight)
    losses = model.loss(drawing(classes=5))
    assert losses["cls"].item() == pytest.approx(4 * math.log(6), rel=1e-5)


def test_an_image_without_positives_costs_no_classification():
    model, batch = small_ssd(), drawing()
    batch.labels[1] = -1
    logits, _, anchors = model(batch)
    sums = model.class_loss(logits, model.assign(anchors, replace(batch, boxes=batch.boxes)))
    assert sums[0] > 0
    assert sums[1] == 0


def test_the_command_is_the_papers_configuration():
    """specs/miaod.md 1.2, 1.3, 2.1, 2.3, 3.1, 3.2, 4.3 and 5."""
    pairs = ("strategy=entropy", "model=ssd", "dataset=voc", "dataset.root=VOCdevkit")
    config = resolve([from_overrides(pairs)])
    data, training, detector = config.data, config.training, config.model.options
    assert (data.resize, data.long, data.short, data.pad) == ("stretch", 300, 300, 1)
    assert config.budget == BudgetConfig(initial=1000, per_cycle=1000, cycles=10)
    assert (training.passes, training.milestones, training.gamma) == (304, (240,), 0.1)
    assert (training.optimizer, training.lr, training.momentum) == ("sgd", 1e-3, 0.9)
    assert (training.batch_size, training.weight_decay) == (8, 5e-4)
    assert (training.warmup, training.warmup_start, training.clip_norm) == (500, 1e-3, None)
    assert training.augment == ("photometric", "zoom_out_crop", "hflip")
    model = SSD(20, **(detector | {"weights": "none"}))
    assert model.regression.stds == (0.1, 0.1, 0.2, 0.2)
    assert model.regression.beta == 1
    assert model.negatives == 3
    options = model.postprocess
    assert (options.score_threshold, options.nms_iou) == (0.02, 0.45)
    assert (options.max_detections, options.per_level) == (200, None)


def test_coco_has_smaller_anchors():
    config = resolve([from_overrides(("model=ssd", "dataset=coco", "dataset.root=coco"))])
    model = SSD(80, **(config.model.options | {"weights": "none"}))
    sides = [2 * cell[0][2] for cell in model.grid.cells]
    assert sides == [21, 45, 99, 153, 207, 261]
