"""DETRs of transformers: their contract, losses, sizes, padding, rates, and what they refuse."""

import importlib
import json
import logging
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from alframe.config.sections import TrainingConfig
from alframe.detectors.hf import HFDetector
from alframe.detectors.hf_families import Sizes, sizes_of
from alframe.detectors.hf_loss import loss_terms
from alframe.errors import ConfigError, TrainingError
from alframe.signals import BOX_FEATURES, CLASS_PROBS, DETECTIONS
from alframe.training.optimizer import build_optimizer, lr_factor, set_lr
from alframe.training.warm_start import WarmStart, carry_over
from tests.detectors.drawing import drawing, padded
from tests.detectors.test_box_detectors import read

pytest.importorskip("transformers")
from tests.detectors.hf_tiny import FAMILIES, WIDTH, folder

families = pytest.mark.parametrize("family", FAMILIES)
MASKED = {"rf-detr", "detr"}
CLASSES = 3


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """A tiny configuration of each family."""
    root = tmp_path_factory.mktemp("hf")
    return {family: folder(root / family, family) for family in FAMILIES}


@pytest.fixture
def make(folders):
    def build(family, classes=CLASSES, **options):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            given = {"architecture": str(folders[family]), "weights": "none"} | options
            return HFDetector(classes, **given)

    return build


def test_terms_are_weighted_and_added_up():
    class Weights:
        class_loss_coefficient, bbox_loss_coefficient = 3, 5

    one = torch.tensor(1.0)
    given = {"loss_ce": one, "loss_ce_0": 2 * one, "loss_ce_enc": one, "loss_bbox_0": one,
             "cardinality_error": 100 * one, "loss_vfl_aux_1": 7 * one}  # fmt: skip
    assert loss_terms(given, Weights()) == {"ce": 12, "bbox": 5, "vfl": 7}


@families
def test_boxes_are_shares_of_the_image_where_a_mask_says_what_it_is(family, make, monkeypatch):
    """Whatever a target was normalised by, a prediction that equals it comes back where it was."""
    model, batch, given = make(family, score_threshold=0.0), drawing(), {}
    large = padded(replace(batch, originals=2 * batch.sizes), 128, 64)

    def look(**inputs):
        given.update(inputs)
        raise StopIteration

    monkeypatch.setattr(model.network, "forward", look)
    with pytest.raises(StopIteration):
        model.loss(large)
    share = given["labels"][0]["boxes"]
    height = 64 if family in MASKED else 128
    torch.testing.assert_close(share, torch.tensor([[21 / 64, 35 / height, 30 / 64, 30 / height]]))
    assert ("pixel_mask" in given) == (family in MASKED)
    if family in MASKED:
        assert given["pixel_mask"].sum(dim=(1, 2)).tolist() == [64 * 64] * 2
    classes = CLASSES + (family == "detr")
    frames = torch.tensor([[height, 64]] * 2)
    decoded = model_output(share.expand(2, 1, 4), torch.ones(2, 1, classes), frames)
    found = model.read(large, decoded, frozenset({DETECTIONS}))[DETECTIONS]
    torch.testing.assert_close(found.boxes[0, 0], 2 * batch.boxes[0, 0])


def model_output(boxes, logits, frames):
    from alframe.detectors.hf import Decoded

    return Decoded(logits, boxes, torch.zeros(2, 1, 4), torch.zeros(2, 4, 2, 2), frames)


@families
def test_probabilities_and_features_belong_to_detections(family, make):
    model = make(family, score_threshold=0.0)
    batch = drawing()
    decoded = model.eval().features(batch)
    signals = model.read(batch, decoded, model.provides)
    assert decoded.deepest.shape[2:] == ((8, 8) if family == "rf-detr" else (2, 2))
    probs, found = signals[CLASS_PROBS], signals[DETECTIONS]
    assert probs.exclusive == found.exclusive == (family == "detr")
    assert probs.values.shape == (2, 20, CLASSES + probs.exclusive)
    if probs.exclusive:
        torch.testing.assert_close(probs.values.sum(dim=2), torch.ones(2, 20))
        assert found.valid.sum(dim=1).tolist() == [20, 20], "one class a query"
    assert signals[BOX_FEATURES].shape == (2, found.scores.shape[1], WIDTH)
    own = found.probs.gather(2, found.labels[..., None])[..., 0]
    assert torch.equal(own[found.valid], found.scores[found.valid])
    place = (found.probs[0, 0] == probs.values[0]).all(dim=1).nonzero()[0]
    assert torch.equal(signals[BOX_FEATURES][0, 0], decoded.vectors[0, place[0]])


@pytest.mark.parametrize(
    ("family", "sides", "message"),
    [
        ("rtdetr-v2", (64, 80), "multiples of 32, got images of 80 x 64 .* set data.pad=32"),
        ("dfine", (48, 64), "multiples of 32, got images of 64 x 48"),
        ("rf-detr", (64, 72), "multiples of 16, got images of 72 x 64 .* set data.pad=16"),
        ("rtdetr-v2", (32, 32), "chooses 20 queries .* 32 x 32 pixels have 21|"),
        ("rf-detr", (32, 32), "chooses 20 queries .* of 32 x 32 pixels have 16: raise data.long"),
        ("detr", (50, 70), ""),
    ],
)
def test_sizes(family, sides, message, make):
    model = make(family)
    batch = drawing()
    batch = replace(
        batch, images=batch.images.new_zeros(2, 3, *sides), sizes=torch.tensor([sides] * 2)
    )
    if not message or message.endswith("|"):
        read(model, batch, DETECTIONS)
        return
    for use in (model.features, model.loss):
        with pytest.raises(TrainingError, match=message):
            use(batch)


def test_images_may_have_another_size_than_a_configuration_says(make, tmp_path):
    path = folder(tmp_path, "rtdetr-v2", anchor_image_size=[64, 64])
    batch = padded(drawing(), 128, 64)
    read(make("rtdetr-v2", architecture=str(path)), batch, DETECTIONS)


def test_a_loss_asks_no_other_process(make, monkeypatch):
    library = importlib.import_module("transformers.loss.loss_lw_detr")

    def asks():
        pytest.fail("another process may have no part of the batch")

    monkeypatch.setattr(library, "_is_torch_distributed_initialized", asks)
    make("rf-detr").loss(drawing())
    assert library._is_torch_distributed_initialized is asks


def test_the_library_is_left_as_it_was(make):
    from transformers.utils import logging as library

    level, bars = library.get_verbosity(), library.is_progress_bar_enabled()
    try:
        library.set_verbosity_info()
        library.enable_progress_bar()
        model = make("detr").eval()
        assert library.get_verbosity() == library.INFO
        assert library.is_progress_bar_enabled()
    finally:
        library.set_verbosity(level)
        (library.enable_progress_bar if bars else library.disable_progress_bar)()
    hooks = len(model.backbone._forward_hooks)
    model.features(drawing())
    assert len(model.backbone._forward_hooks) == hooks


def test_as_many_cells_as_queries_are_enough():
    config = SimpleNamespace(
        model_type="rt_detr_v2", feat_strides=[8, 16], num_feature_levels=4, num_queries=85
    )
    sizes = sizes_of(config)
    assert sizes == Sizes(16, (8, 16, 32, 64), 85)
    sizes.check(64, 64)  # 64 + 16 + 4 + 1
    with pytest.raises(TrainingError, match="chooses 85 queries"):
        sizes.check(64, 48)


@families
def test_a_tenth_of_the_rate_for_the_backbone_all_through_the_schedule(family, make):
    model = make(family)
    config = TrainingConfig(iterations=10, lr=0.5, schedule="cosine", optimizer="adamw")
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = build_optimizer(model, trained, config)
    own = {id(p) for p in model.backbone.parameters()}
    for progress, rate in ((0, 0.5), (5, 0.25), (10, 0.0)):
        set_lr(optimizer, config.lr * lr_factor(config, progress, progress))
        rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
        assert len(rates) == len(trained)
        for parameter, got in rates.items():
            assert got == pytest.approx(rate * (0.1 if parameter in own else 1.0))
    assert len(optimizer.param_groups) == 2
    only = build_optimizer(make(family, backbone_lr_factor=1.0), [*model.parameters()], config)
    assert len(only.param_groups) == 1


def test_statistics_of_the_backbone_are_kept_or_trained(make, caplog):
    def moved(**options):
        model = make("rtdetr-v2", **options).train()
        before = {k: v.clone() for k, v in model.backbone.state_dict().items() if "running" in k}
        model.loss(drawing())
        assert before
        after = model.backbone.state_dict()
        return any(not torch.equal(after[name], value) for name, value in before.items())

    with caplog.at_level(logging.WARNING):
        assert moved(norm_eval=False)
        assert not caplog.records
        assert not moved()
        make("rtdetr-v2").train().train()
    assert caplog.text.count("random values are not normalised; norm_eval=false trains them") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "resnet"}, "'resnet' is not there; expected rtdetr-v2, dfine, rf-detr, "),
        ({"architecture": "./no/such"}, r"'./no/such' is not there; .* a folder with a config.jso"),
        ({"architecture": "detr", "weights": "pretrained"}, "without weights.*facebook/detr-resn"),
        ({"weights": "w.pth"}, "weights: expected one of"),
        ({"max_detections": 0}, "max_detections: expected at least 1, got 0"),
        ({"backbone_lr_factor": 0.0}, "backbone_lr_factor: expected a factor above 0, got 0.0"),
    ],
)
def test_settings_that_cannot_work(options, message, make):
    with pytest.raises(ConfigError, match=message):
        make("rtdetr-v2", **options)


@pytest.mark.parametrize("family", ["detr", "rf-detr"])
def test_there_may_be_no_statistics_to_train(family, make):
    with pytest.raises(ConfigError, match=r"norm_eval: .* has no statistics"):
        make(family, norm_eval=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "could not be loaded .*model_type.*save_pretrained"),
        ("{", "could not be loaded"),
        ('{"model_type": "vit"}', "is a vit, expected one of rt_detr_v2, d_fine, rf_detr, detr"),
        ('{"model_type": "no-such"}', "could not be loaded .*no-such"),
        ('{"model_type": "detr", "d_model": "wide"}', "could not be loaded .*d_model.*str"),
        ('{"model_type": "rt_detr_v2", "feat_strides": []}', "could not be loaded .*IndexError"),
        ('{"model_type": "detr", "num_queries": 0}', "expected num_queries of 1 or more: 0"),
    ],
)
def test_folders_that_cannot_be_read(content, message, make, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigError, match=message):
        make("detr", architecture=str(tmp_path))


def test_the_hub_without_a_network(make, monkeypatch):
    from alframe.detectors import internet

    monkeypatch.setattr(internet, "reachable", lambda _: False)
    message = "is no folder here and could not be loaded .*cannot be reached.*weights=none"
    with pytest.raises(ConfigError, match=message):
        make("detr", architecture="owner/name")


@families
def test_weights_of_a_folder_and_a_fresh_head_for_other_classes(family, make, tmp_path):
    model = make(family)
    model.network.save_pretrained(tmp_path)
    own = model.state_dict()
    same, other = (
        make(family, n, architecture=str(tmp_path), weights="pretrained") for n in (CLASSES, 5)
    )
    assert all(torch.equal(value, own[name]) for name, value in same.state_dict().items())
    fresh = [n for n, v in other.state_dict().items() if v.shape != own[n].shape]
    assert fresh
    assert all("class" in name or "score" in name for name in fresh)
    assert all(torch.equal(v, own[n]) for n, v in other.state_dict().items() if n not in fresh)
    if family == "detr":
        again = make(family, 5, architecture=str(tmp_path), weights="pretrained").state_dict()
        assert all(torch.equal(v, again[n]) for n, v in other.state_dict().items()), "seeded"
    model.network.half().save_pretrained(tmp_path)
    half = make(family, architecture=str(tmp_path), weights="pretrained")
    assert {p.dtype for p in half.parameters()} == {torch.float32}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_class_more_keeps_what_is_known_of_the_others(family, make, caplog):
    """Whatever comes after the classes, background or padding, stays the last row."""
    old, new = make(family, 2), make(family, 3)
    carry_over(new, WarmStart(old.state_dict(), 2), 3)
    assert "drawn anew" not in caplog.text
    known, grown = old.state_dict(), new.state_dict()
    rows = {name: (known[name], grown[name]) for name in known}
    larger = {n: pair for n, pair in rows.items() if pair[0].shape != pair[1].shape}
    assert larger
    for before, after in larger.values():
        assert torch.equal(after[:2], before[:2])
        assert torch.equal(after[3:], before[2:])


def test_weights_that_do_not_fit(make, tmp_path):
    make("detr").network.save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"decoder_layers": 3}))
    with pytest.raises(ConfigError, match=r"do not fit its config.json: \d+ tensors .*layers.2"):
        make("detr", architecture=str(tmp_path), weights="pretrained")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"decoder_layers": 2, "d_model": 16}))
    with pytest.raises(ConfigError, match=r"do not fit its config.json: \d+ tensors"):
        make("detr", architecture=str(tmp_path), weights="pretrained")
    (tmp_path / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ConfigError, match="could not be loaded"):
        make("detr", architecture=str(tmp_path), weights="pretrained")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"could not be loaded .*no file named"):
        make("detr", architecture=str(tmp_path), weights="pretrained")


def test_a_folder_that_changed_after_training(make, tmp_path):
    fitted = make("detr").state_dict()
    other = make("detr", architecture=str(folder(tmp_path, "detr", decoder_layers=1)))
    with pytest.raises(ConfigError, match="the trained weights are of another network than this"):
        other.load_state_dict(fitted)


def test_without_transformers_the_extra_is_named(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ConfigError, match=r"'hf' needs transformers: pip install 'alframe\[hf\]'"):
        HFDetector(3)


def test_a_transformers_without_the_families(monkeypatch):
    import transformers

    monkeypatch.setattr(transformers, "CONFIG_MAPPING", {"detr": None})
    with pytest.raises(ConfigError, match=r"5\.15 or newer, got .* lacks rt_detr_v2, d_fine"):
        HFDetector(3)
