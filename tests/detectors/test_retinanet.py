"""RetinaNet as a whole: the contract of DenseDetector, initialisation, sizes, learning."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from alframe.detectors.dense import DenseDetector, Features
from alframe.detectors.retinanet import RetinaNet
from alframe.errors import ConfigError
from alframe.signals import ANCHORS, BOX_FEATURES
from tests.detectors.drawing import drawing, padded
from tests.detectors.drawing import small_retinanet as tiny


@pytest.fixture(scope="module")
def resnet():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RetinaNet(20, weights="none")


def test_shapes_of_every_part():
    model, batch = tiny(), drawing()
    features = model.features(batch)
    assert [tuple(level.shape[1:]) for level in features.levels] == [
        (64, 8, 8),
        (64, 4, 4),
        (64, 2, 2),
    ]
    assert features.deepest.shape == (2, 160, 2, 2)
    assert features.frame == (64, 64)
    anchors = model.anchors(features)
    assert anchors.per_level == (128, 32, 8)
    assert not model.exclusive


def test_towers_flatten_as_anchors_are_laid_out():
    model = tiny()
    levels = [torch.randn(2, 64, 3, 4), torch.randn(2, 64, 2, 2)]
    found = model.box_tower(levels)
    raw = model.box_tower.output(model.box_tower.convs(levels[0]))
    for row, column, anchor in [(0, 0, 1), (1, 2, 0), (2, 3, 1)]:
        place = (row * 4 + column) * 2 + anchor
        expected = raw[:, 4 * anchor : 4 * anchor + 4, row, column]
        torch.testing.assert_close(found[:, place], expected)


def test_initialisation_of_the_paper(resnet):
    for tower, bias in ((resnet.class_tower, -math.log(99)), (resnet.box_tower, 0.0)):
        assert len(tower.convs) == 4
        for conv in (m for m in tower.modules() if isinstance(m, nn.Conv2d)):
            assert conv.weight.std().item() == pytest.approx(0.01, rel=0.05)
            expected = bias if conv is tower.output else 0.0
            torch.testing.assert_close(conv.bias, torch.full_like(conv.bias, expected))
    assert resnet.class_tower.output.out_channels == 9 * 20
    for conv in (m for m in resnet.fpn.modules() if isinstance(m, nn.Conv2d)):
        fan = conv.weight[0].numel() + conv.weight[:, 0].numel()
        assert conv.weight.abs().max().item() == pytest.approx(math.sqrt(6 / fan), rel=1e-3)
        assert (conv.bias == 0).all()
    assert [conv.in_channels for conv in resnet.fpn.extras] == [2048, 256]


def test_frozen_and_trained_parts_of_the_default(resnet):
    fixed = {k.split(".")[2] for k, p in resnet.named_parameters() if not p.requires_grad}
    assert fixed == {"conv1", "bn1", "layer1"}
    norms = [m for m in resnet.train().modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)


def test_sizes(resnet):
    count = sum(p.numel() for p in tiny(5).parameters())
    assert count == pytest.approx(1.0e6, rel=0.02)
    # torchvision's own has 34,014,999 for 91 classes; P6 from C5 instead of P5 has more inputs
    from_c5 = 9 * 256 * (2048 - 256)
    fewer_classes = 9 * 71 * (256 * 9 + 1)
    norms = 53_120  # torchvision counts those of its frozen BatchNorm as buffers
    expected = 34_014_999 + from_c5 - fewer_classes + norms
    assert sum(p.numel() for p in resnet.parameters()) == expected


def test_fresh_loss_is_that_of_the_prior(resnet):
    """Sum over A anchors and C classes of 0.75 * 0.01^2 * -log 0.99, but for the positives."""
    batch = replace(drawing(), boxes=torch.zeros(2, 0, 4), labels=torch.zeros(2, 0).long())
    with torch.no_grad():
        losses = resnet.loss(batch)
    anchors = 9 * (64 + 16 + 4 + 1 + 1)
    each = 0.75 * 0.01**2 * -math.log(0.99)
    assert losses["cls"].item() == pytest.approx(anchors * 20 * each, rel=0.05)
    assert losses["box"].item() == 0


def test_losses_are_the_normalised_sums():
    model, batch = tiny(), drawing()
    logits, deltas, anchors = model(batch)
    assignment = model.assign(anchors, batch)
    positives = assignment.positives.clamp(min=1)
    for normalizer in ("batch", "image"):
        model.normalizer = normalizer
        losses = model.loss(batch)
        for name, sums in (
            ("cls", model.class_loss(logits, assignment)),
            ("box", model.box_loss(deltas, anchors, assignment)),
        ):
            mean = (
                sums.sum() / positives.sum() if normalizer == "batch" else (sums / positives).mean()
            )
            torch.testing.assert_close(losses[name], mean)


def test_backbones_whose_maps_are_not_where_the_anchors_are():
    """Inception's first convolutions do not pad: 13 cells of stride 8 where the image has 16."""
    model = RetinaNet(3, backbone="inception_v3", weights="none", frozen_stages=-1, fpn_channels=8)
    what = "of images of 128 x 128 pixels its map at stride 8 has 13 x 13 cells; choose a backbone"
    with pytest.raises(ConfigError, match=what), torch.no_grad():
        model.eval()(drawing(side=128))


@pytest.mark.parametrize(
    ("cells", "fits"),
    [((8, 16), True), ((7, 16), False), ((9, 16), False), ((8, 15), False), ((8, 17), False)],
)
def test_a_map_has_as_many_cells_as_the_image_has_strides(cells, fits):
    levels = [torch.zeros(1, 64, 8 >> n, 16 >> n) for n in range(3)]
    levels[0] = torch.zeros(1, 64, *cells)
    said = tiny().misfit(Features(tuple(levels), levels[-1], (64, 128)))
    where = "of images of 128 x 64 pixels its map at stride 8 has"
    assert said == ("" if fits else f"{where} {cells[1]} x {cells[0]} cells")


def test_padding_does_not_change_what_is_decoded():
    """The same logits in a larger frame: same boxes; what lies in the padding is clipped."""
    model, batch = tiny().eval(), drawing()
    larger = padded(batch, 96, 128)
    small, large = model.anchors(model.features(batch)), model.anchors(model.features(larger))
    for i, (level, wide) in enumerate(
        zip(small.boxes.split(small.per_level), large.boxes.split(large.per_level), strict=True)
    ):
        h, w = 8 >> i, 8 >> i
        grid = wide.view(12 >> i, 16 >> i, 2, 4)[:h, :w]
        assert torch.equal(grid.reshape(-1, 4), level)
    found = model.detect(*model(larger), larger)
    assert (found.boxes[found.valid] <= 64).all()


def test_padding_holds_what_uint8_zero_would_not():
    model, batch = tiny(), drawing()
    noisy = padded(batch, 96, 96)
    noisy.images[:, :, 64:] = 200
    clean = padded(batch, 96, 96)
    for one, other in zip(model.features(noisy).levels, model.features(clean).levels, strict=True):
        assert torch.equal(one, other)


def test_detections_are_in_pixels_of_the_original():
    model, batch = tiny().eval(), drawing()
    model.postprocess = replace(model.postprocess, score_threshold=0.0)
    predictions = model(batch)
    found = model.detect(*predictions, batch)
    doubled = replace(batch, originals=batch.originals * torch.tensor([2, 3]))
    scaled = model.detect(*predictions, doubled)
    torch.testing.assert_close(scaled.boxes, found.boxes * torch.tensor([3.0, 2, 3, 2]))


def test_anchors_are_in_pixels_of_the_original():
    model, batch = tiny(), drawing()
    doubled = replace(batch, originals=batch.originals * torch.tensor([2, 3]))
    found = model.read(doubled, model.features(batch), frozenset({ANCHORS}))
    expected = model.anchors(model.features(batch)).boxes * torch.tensor([3.0, 2, 3, 2])
    torch.testing.assert_close(found[ANCHORS], expected.expand(2, -1, -1))


def test_boxes_have_features_of_the_deepest_map():
    model, batch = tiny().eval(), drawing()
    found = model.read(batch, model.features(batch), frozenset({BOX_FEATURES}))
    assert found.keys() == {BOX_FEATURES}
    assert found[BOX_FEATURES].shape[2] == 160


def test_boxes_are_decoded_in_single_precision():
    model, batch = tiny().eval(), drawing()
    model.postprocess = replace(model.postprocess, score_threshold=0.0)
    logits, deltas, anchors = model(batch)
    half, single = (model.detect(logits, each, anchors, batch).boxes
                    for each in (deltas.bfloat16(), deltas.bfloat16().float()))  # fmt: skip
    assert torch.equal(half, single)


def test_a_copy_is_independent():
    model = tiny(frozen_stages=1)
    twin = copy.deepcopy(model)
    assert {id(m) for m in twin.backbone._frozen} <= {id(m) for m in twin.modules()}
    twin.class_tower.output.bias.data.fill_(0)
    assert model.class_tower.output.bias[0].item() == pytest.approx(-math.log(99))


class Softmax(DenseDetector):
    """The least that a detector with exclusive classes has to write."""

    def __init__(self, like):
        super().__init__(
            like.num_classes,
            exclusive=True,
            grid=like.grid,
            matching=like.matching,
            regression=like.regression,
            normalizer="batch",
            postprocess=like.postprocess,
        )
        self.trunk = like
        self.class_tower, self.box_tower = self.new_class_tower(), like.box_tower

    def features(self, batch):
        return self.trunk.features(batch)

    def new_class_tower(self, channels=None):
        return self.trunk.new_class_tower(channels or self.score_channels)

    def class_loss(self, logits, assignment):
        target = torch.where(assignment.labels < 0, self.num_classes, assignment.labels)
        return nn.functional.cross_entropy(logits.mT, target, reduction="none").sum(dim=1)


def test_exclusive_classes_need_no_other_interface():
    model, batch = Softmax(tiny()), drawing()
    assert model.score_channels == 4
    sum(model.loss(batch).values()).backward()
    logits = model(batch).class_logits
    probs = model.probabilities(logits)
    torch.testing.assert_close(probs.sum(dim=-1), torch.ones(2, 168))
    assert torch.equal(model.foreground(probs), probs[..., :3])
    assert model.detect(*model(batch), batch).exclusive


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"extra_levels": "c4"}, "extra_levels: expected one of .*'c5', 'p5'.* got 'c4'"),
        ({"tower_norm": "batch"}, "tower_norm: expected one of"),
        ({"box_loss": "giou"}, "box_loss: expected one of"),
        ({"normalizer": "mean"}, "normalizer: expected one of"),
        ({"claim": "all"}, "claim: expected one of"),
        ({"strides": (8, 16, 48)}, r"each must be twice the one before, got \[8, 16, 48\]"),
        ({"strides": (2, 4, 8)}, r"begin at one of .*\[4, 8, 16, 32\].* got \[2, 4, 8\]"),
        ({"strides": (8, 16)}, "go to 32 or beyond, got"),
        ({"strides": ()}, r"got \[\]"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        tiny(**settings)


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
def test_the_classification_loss_has_a_weight(weight):
    batch = drawing()
    plain, weighted = tiny().loss(batch), tiny(class_loss_weight=weight).loss(batch)
    torch.testing.assert_close(weighted["cls"], weight * plain["cls"])
    assert torch.equal(weighted["box"], plain["box"])
    with pytest.raises(ConfigError, match="class_loss_weight: expected at least 0, got -1"):
        tiny(class_loss_weight=-1)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("anchor_ratios", []),
        ("anchor_ratios", [0.5, -1]),
        ("anchor_size", 0.0),
        ("scales_per_octave", 0),
        ("tower_convs", -1),
        ("score_threshold", 2.0),
        ("nms_iou", -1.0),
        ("nms_iou", 1.5),
        ("focal_alpha", 1.5),
        ("focal_gamma", -1.0),
        ("beta", -1.0),
        ("max_detections", 0),
        ("candidates_per_level", -3),
        ("candidates_per_level", 0),
        ("candidates_per_image", 0),
        ("fpn_channels", 0),
    ],
)
def test_settings_by_which_nothing_would_be_found_are_refused(option, value):
    with pytest.raises(ConfigError, match=rf"{option}.*: expected"):
        tiny(**{option: value})


def test_settings_that_cannot_work_are_told_at_once():
    with pytest.raises(ConfigError) as raised:
        tiny(beta=-1, fpn_channels=0, anchor_size=0.0, claim="all", nms_iou=2, max_detections=0)
    told = ["beta", "fpn_channels", "anchor_size, anchor_ratios", "claim"]
    told += ["nms_iou", "max_detections"]
    assert [text.partition(":")[0] for text in raised.value.problems] == told
