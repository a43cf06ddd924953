"""Detectors made of torchvision's parts: their contract, whole runs, and what they refuse."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from alframe.config.resolve import from_file, from_overrides, resolve
from alframe.detectors import backbone_weights
from alframe.detectors.backbones import Backbone
from alframe.detectors.detector import KnownBoxes
from alframe.detectors.fcos import FCOS
from alframe.detectors.mobilenet import mobilenet_backbone
from alframe.errors import ConfigError
from alframe.runs.run import run
from alframe.signals import BOX_FEATURES, CLASS_PROBS, DETECTIONS, EMBEDDING
from alframe.testing import check_model
from tests.detectors.drawing import drawing
from tests.detectors.test_box_detectors import SMALL, fcos, light, read, seeded

both = pytest.mark.parametrize("make", [light, fcos])


def test_the_contract_with_the_heads_of_version_2():
    check_model(lambda classes: light(classes, heads="v2"))


def test_the_first_batch_does_not_decide_on_the_scales_of_pooling():
    fresh, used = seeded(light), seeded(light)
    read(used, replace(drawing(), sizes=torch.tensor([[20, 20]] * 2)), DETECTIONS)
    one, two = (read(model, drawing(), BOX_FEATURES)[BOX_FEATURES] for model in (fresh, used))
    assert torch.equal(one, two)


def test_missing_proposals_are_background_and_vectors_belong_to_detections():
    model = seeded(light)
    signals = read(model, drawing(), CLASS_PROBS, DETECTIONS, BOX_FEATURES)
    probs, found = signals[CLASS_PROBS], signals[DETECTIONS]
    assert probs.exclusive
    assert probs.values.shape == (2, 150, 4)
    torch.testing.assert_close(probs.values.sum(dim=2), torch.ones(2, 150))
    assert (probs.values[:, -1] == torch.tensor([0.0, 0.0, 0.0, 1.0])).all(), "fewer than 150"
    again = model.stock.roi_heads.box_predictor.cls_score(signals[BOX_FEATURES]).softmax(dim=2)
    valid = found.valid
    assert valid.any()
    torch.testing.assert_close(again.roll(-1, dims=2)[valid], found.probs[valid])
    own = found.probs.gather(2, found.labels[..., None])[..., 0]
    assert torch.equal(own[valid], found.scores[valid])


def test_anchors_are_those_of_torchvision_on_maps_of_its_strides():
    model = light(backbone="resnet10t")
    assert model.strides == [4, 8, 16, 32]
    assert model.stock.rpn.anchor_generator.sizes == ((32,), (64,), (128,), (256,), (512,))


def test_proposals_are_those_of_torchvision():
    """Of more anchors than are looked at, some of them in the padding."""
    model, batch = seeded(light).double().eval(), drawing(side=128)
    model.stock.rpn.head.cls_logits.weight.data.mul_(30)  # told apart
    features = model.features(replace(batch, sizes=torch.tensor([[40, 128], [128, 72]])))
    with torch.no_grad():
        expected, _ = model.stock.rpn(features.images, features.levels)
        found = model._proposals(features)
    for boxes, own, valid in zip(expected, found.boxes, found.valid, strict=True):
        torch.testing.assert_close(own[valid], boxes, rtol=0, atol=1e-6)


def test_what_is_thinner_than_a_hundredth_of_a_pixel_is_no_detection():
    boxes = torch.tensor([[10.0, 10, 10.005, 30], [10, 10, 30, 30]])[None, :, None]
    probs = torch.tensor([[[0.9, 0, 0, 0.1], [0.8, 0, 0, 0.2]]])
    known = KnownBoxes(probs, probs[..., :-1], boxes.expand(1, 2, 3, 4), (2,))
    found, _ = light()._detect(known, drawing(1))
    assert found.boxes[found.valid].tolist() == [[10, 10, 30, 30]]


def test_every_proposal_may_be_of_every_class():
    assert (light().postprocess.per_level, light().postprocess.per_image) == (None, None)


def test_mobilenet_may_have_the_heads_of_version_2():
    made = (light(backbone="mobilenet_v3_large", heads=heads) for heads in (None, "light", "v2"))
    assert [len(model.stock.rpn.head.conv) for model in made] == [1, 1, 2]


def test_mixed_precision_gives_proposals_in_single():
    model = seeded(light).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = model.stock.rpn.head(list(model.features(drawing()).levels.values()))
        vectors = read(model, drawing(), BOX_FEATURES)[BOX_FEATURES]
    assert {level.dtype for levels in found for level in levels} == {torch.float32}
    assert vectors.dtype == torch.float32


@both
def test_folded_for_inference(make):
    model = seeded(make, backbone="resnet10t").eval()
    lean = model.for_inference()
    assert lean.backbone is not model.backbone
    one, two = (read(m, drawing(), CLASS_PROBS, EMBEDDING) for m in (model, lean))
    torch.testing.assert_close(one[EMBEDDING], two[EMBEDDING], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (light, {"heads": "heavy"}, "heads: expected one of .*'v2'"),
        (light, {"backbone": "mobilenet_v3_large", "style": "caffe"}, "style: expected one of"),
        (light, {"backbone": "mobilenet_v3_large", "frozen_stages": 5}, "expected -1 to 4, got 5"),
        (light, {"backbone": "resnet5"}, "unknown name 'resnet5'"),
        (light, {"weights": "gone.pth"}, "no file gone.pth"),
        (light, {"fpn_channels": 0}, "fpn_channels: expected at least 1, got 0"),
        (
            lambda **o: FCOS(3, **(SMALL | o)),
            {"tower_convs": -1},
            "tower_convs: expected at least 0",
        ),
        (fcos, {"fpn_channels": 40}, "fpn_channels: expected a multiple of 64, got 40"),
        *((make, {"nms_iou": 1.5}, "nms_iou: expected 0 to 1, got 1.5") for make in (light, fcos)),
        (fcos, {"weights": "pretrained"}, "no pretrained weights; say weights=none"),
    ],
)
def test_settings_that_cannot_work(make, options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_mobilenet_takes_weights_of_the_classifier_and_freezes_as_torchvision(tmp_path):
    fresh = mobilenet_backbone("none", -1, False)
    torch.save(fresh.body.state_dict() | {"classifier.0.bias": torch.ones(2)}, tmp_path / "w.pth")
    loaded = mobilenet_backbone(str(tmp_path / "w.pth"), 2, True)
    for name, value in loaded.body.state_dict().items():
        assert torch.equal(value, fresh.body.state_dict()[name])
    frozen = {n.split(".")[1] for n, p in loaded.body.named_parameters() if not p.requires_grad}
    assert frozen == {str(block) for block in range(7)}
    maps = loaded.eval()(drawing().images, drawing().sizes)
    assert [tuple(x.shape[1:]) for x in maps] == [(160, 2, 2), (960, 2, 2)]


def test_mobilenet_without_a_network(monkeypatch):
    def refuse(*args, **settings):
        raise OSError("no route to host\nlong story")

    monkeypatch.setattr(backbone_weights.WeightsEnum, "get_state_dict", refuse)
    said = r"of 'mobilenet_v3_large' could not be loaded \(no route to host\).*weights=PATH"
    with pytest.raises(ConfigError, match=said):
        mobilenet_backbone("pretrained", -1, True)


TINY = (
    "model.backbone=tiny", "model.weights=none", "model.frozen_stages=-1", "model.norm_eval=false",
    "model.fpn_channels=64", "data.resize=none", "dataset.pool=14", "dataset.test=4",
    "dataset.size=64", "training.batch_size=4", "training.iterations=3", "training.schedule=cosine",
    "evaluation.coco=false", "budget.initial=4", "budget.per_cycle=3", "budget.cycles=2",
    "device=cpu",
)  # fmt: skip
MODELS = {
    "fasterrcnn": ("model=fasterrcnn", "model.heads=light", *TINY),
    "fcos": ("model=fcos", "model.tower_convs=1", "model.score_threshold=0.01", *TINY),
}
NAMES = (
    "coreset", "badge", "balanced-random", "cdal", "dedup:entropy", "divproto", "least-confidence",
    "margin", "most-objects", "power:entropy", "ppal", "typiclust",
)  # fmt: skip


def selected(path: Path, *pairs: str) -> list[str]:
    first = next(iter(run(resolve([from_overrides(pairs)]), path)))
    return first["selected"]  # what follows is not run


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "strategy", ["entropy", *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES)]
)
def test_one_seed_one_selection(model, strategy, tmp_path):
    once, again = (
        selected(tmp_path / name, f"strategy={strategy}", *MODELS[model]) for name in "ab"
    )
    assert once == again
    assert len(set(once)) == 3


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("strategy", ["miaod", "ll4al"])
def test_learners_with_towers_say_what_they_train(model, strategy, tmp_path):
    config = resolve([from_overrides([f"strategy={strategy}", *MODELS[model]])])
    wanted = f"trains a .*, which model '{model}' is not.*; models that fit: retina, "
    with pytest.raises(ConfigError, match=wanted):
        next(run(config, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["fasterrcnn", "fcos", "fasterrcnn-mobilenet"])
def test_presets(name):
    named = from_file(name) if "-" in name else {"model": name}
    config = resolve([{"dataset": {"name": "voc", "root": "x"}}, named])
    assert config.model.name == name.partition("-")[0]
    assert (config.data.long, config.data.short) == ((640, 320) if "-" in name else (1333, 800))


def test_the_backbone_is_ours():
    assert isinstance(light().backbone, Backbone)
