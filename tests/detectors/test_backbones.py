"""Backbones: pixels, weights, freezing, and what is said about settings that cannot work."""

import pytest
import timm
import torch
from torch import nn
from torchvision.models import resnet50

from alframe.detectors import timm_body
from alframe.detectors.backbones import build_backbone
from alframe.detectors.pixels import IMAGENET, PixelRange, PixelScaling
from alframe.errors import ConfigError

SMALL = "resnet10t"


@pytest.fixture(scope="module")
def small_state():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(SMALL).state_dict()


def images_of(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def saved(tmp_path, state):
    torch.save(state, tmp_path / "weights.pth")
    return str(tmp_path / "weights.pth")


def test_pixels_of_imagenet_are_scaled_as_torchvision_does():
    assert IMAGENET.mean == pytest.approx([255 * v for v in (0.485, 0.456, 0.406)])
    assert IMAGENET.std == pytest.approx([255 * v for v in (0.229, 0.224, 0.225)])


def test_pixels_worked_by_hand():
    images = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 2, 3)
    scaling = PixelScaling(PixelRange(mean=(1, 2, 3), std=(3, 2, 9)))
    found = scaling(images, torch.tensor([[1, 2]]))
    assert found[0, :, 0, 0].tolist() == [3, 9, 3]
    assert found[0, 0].tolist() == [[3, 3, 0], [0, 0, 0]]  # the padding is zero, after scaling
    swapped = PixelScaling(PixelRange(mean=(1, 2, 3), bgr=True))(images, torch.tensor([[2, 3]]))
    assert swapped[0, :, 1, 2].tolist() == [29, 18, 7]
    assert not scaling.state_dict()


@pytest.mark.parametrize(
    ("name", "strides", "channels"),
    [
        ("tiny", (4, 8, 16, 32), (32, 64, 128, 160)),
        (SMALL, (2, 4, 8, 16, 32), (64, 64, 128, 256, 512)),
    ],
)
def test_maps_have_the_announced_shapes(name, strides, channels):
    backbone = build_backbone(name, weights="none").eval()
    with torch.no_grad():
        maps = backbone(images_of(2, 3, 64, 96), torch.tensor([[64, 96]] * 2))
    assert (backbone.strides, backbone.channels) == (strides, channels)
    for found, stride, width in zip(maps, strides, channels, strict=True):
        assert found.shape == (2, width, 64 // stride, 96 // stride)


def test_pixels_are_those_of_the_weights():
    scaling = build_backbone("resnet18.tv_in1k", weights="none").scaling
    torch.testing.assert_close(scaling.mean.flatten(), torch.tensor([123.675, 116.28, 103.53]))
    torch.testing.assert_close(scaling.std.flatten(), torch.tensor([58.395, 57.12, 57.375]))


def test_weights_from_a_file(tmp_path, small_state):
    half = {k: v.half() if v.is_floating_point() else v for k, v in small_state.items()}
    backbone = build_backbone(SMALL, weights=saved(tmp_path, half))
    found = backbone.body.state_dict()
    assert set(small_state) - set(found) == {"fc.weight", "fc.bias"}
    for key, value in found.items():
        assert torch.equal(value, half[key].to(value.dtype))
        assert value.dtype == small_state[key].dtype


def test_weights_of_a_model_that_timm_flattens(tmp_path):
    name = "test_convnext"
    state = timm.create_model(name).state_dict()
    found = build_backbone(name, weights=saved(tmp_path, state)).body.state_dict()
    assert torch.equal(found["stem_0.weight"], state["stem.0.weight"])


def test_weights_without_counters_load(tmp_path, small_state):
    bare = {k: v for k, v in small_state.items() if not k.endswith("num_batches_tracked")}
    found = build_backbone(SMALL, weights=saved(tmp_path, bare)).body.state_dict()
    assert set(bare) - set(found) == {"fc.weight", "fc.bias"}
    assert all(torch.equal(found[key], bare[key]) for key in set(bare) & set(found))


def changed(state, **changes):
    """The state with keys added (a tensor) or removed (None); ``__`` stands for a dot."""
    renamed = {key.replace("__", "."): value for key, value in changes.items()}
    return {k: v for k, v in (state | renamed).items() if v is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer1__0__conv1__weight": None}, "missing: layer1.0.conv1.weight: give"),
        ({"layer1__7__bias": torch.zeros(1)}, "unknown to the backbone: layer1.7.bias: give"),
        ({"layer2__0__bn1__bias": torch.zeros(9)}, "of another shape: layer2.0.bn1.bias: give"),
    ],
)
def test_files_that_do_not_fit(tmp_path, small_state, changes, message):
    path = saved(tmp_path, changed(small_state, **changes))
    with pytest.raises(ConfigError, match=rf"weights\.pth does not fit the backbone, {message}"):
        build_backbone(SMALL, weights=path)


def test_an_error_names_a_few_keys(tmp_path):
    path = saved(tmp_path, {"elsewhere.weight": torch.zeros(1)})
    message = r"missing: bn1.bias, bn1.running_mean, bn1.running_var, [^:]* and \d+ more: give"
    with pytest.raises(ConfigError, match=message):
        build_backbone(SMALL, weights=path)


def test_files_that_are_no_state_dict(tmp_path):
    with pytest.raises(ConfigError, match=r"no file .*gone\.pth; expected 'none', 'pretrained'"):
        build_backbone(SMALL, weights=str(tmp_path / "gone.pth"))
    for content in ([1, 2], {"state_dict": {"a": torch.zeros(1)}, "epoch": 3}):
        with pytest.raises(
            ConfigError, match=r"is not a state dict .*torch\.save\(model\.state_dict"
        ):
            build_backbone(SMALL, weights=saved(tmp_path, content))
    with pytest.raises(ConfigError, match=r"cannot read .* expected a file made by") as unsafe:
        build_backbone(SMALL, weights=saved(tmp_path, torch.nn.Linear(1, 1)))
    assert "\x1b" not in str(unsafe.value)
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(ConfigError, match=r"cannot read .*text\.pth \(\w+\): expected a file made"):
        build_backbone(SMALL, weights=str(tmp_path / "text.pth"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"configuration": "c", "cycle": 0, "state": {}},
         "is the checkpoint of a run, a whole detector and not a backbone (first_cycle=RUN takes"),
        ({"model": {"a": 1}, "epoch": 3}, "save what it has under model alone: expected a file"),
        ([1], "is not a state dict (a mapping from name to tensor): expected a file"),
        ({0: torch.zeros(1)}, "is not a state dict (a mapping from name to tensor): expected"),
        ({"a": torch.zeros(1, device="meta")}, "with tensors that hold no plain numbers: a: exp"),
        ({"a": torch.tensor([1j])}, "with tensors that hold no plain numbers: a: expected a file"),
        ({"a": torch.tensor([float("nan")])}, "with NaN among its numbers: a: expected a file"),
    ],
)  # fmt: skip
def test_what_a_file_is_instead_of_a_state_dict(tmp_path, content, said):
    with pytest.raises(ConfigError) as error:
        build_backbone(SMALL, weights=saved(tmp_path, content))
    assert said in str(error.value)


def test_pretrained_weights_come_through_timm(monkeypatch, tmp_path):
    """A file on this disk stands in for the hub; timm does the rest as it does for users."""
    real = timm_body.timm.create_model
    published = real(SMALL, pretrained=False)
    torch.save(published.state_dict(), tmp_path / "published.pth")

    def create(name, **settings):
        local = {"file": str(tmp_path / "published.pth"), "hf_hub_id": None, "url": ""}
        return real(name, **settings, pretrained_cfg_overlay=local)

    monkeypatch.setattr(timm_body.timm, "create_model", create)
    loaded = build_backbone(SMALL, weights="pretrained").state_dict()
    expected = {k: v for k, v in published.state_dict().items() if not k.startswith("fc.")}
    for name, value in expected.items():
        # The shortest key that ends so: layers of blocks may have the name of one of the stem.
        key = min((k for k in loaded if f".{k}".endswith(f".{name}")), key=len)
        assert torch.equal(loaded[key], value), name


def test_no_network(monkeypatch):
    def create(name, **_):
        raise OSError("We couldn't connect to the Hub\nlong story")

    monkeypatch.setattr(timm_body.timm, "create_model", create)
    with pytest.raises(
        ConfigError, match=r"\(We couldn't connect.*\).* give model.weights=PATH"
    ) as error:
        build_backbone(SMALL, weights="pretrained")
    assert "long story" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "resnet5"}, "unknown name 'resnet5'; did you mean resnet50"),
        ({"name": "xyzzy"}, r"unknown name 'xyzzy' \(timm.list_models"),
        ({"name": "resnet18.mine"}, "'resnet18' has no tag 'mine'; known: .*tv_in1k"),
        ({"name": "resnet18", "style": "tensorflow"}, "style: expected one of"),
        (
            {"name": "resnet18", "style": "caffe"},
            "for ResNets with bottlenecks, not for 'resnet18'",
        ),
        ({"name": "resnet50", "style": "caffe", "weights": "pretrained"}, "give weights=PATH"),
        ({"name": "resnet18", "frozen_stages": 5}, "frozen_stages: expected -1 to 4, got 5"),
        ({"name": "hrnet_w18_small", "frozen_stages": 2}, "depends on its last layers, too; expec"),
        ({"name": "tiny", "style": "caffe"}, "not for 'tiny'"),
        ({"name": "tiny", "weights": "pretrained"}, "no pretrained weights"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        build_backbone(**{"weights": "none", **settings})


@pytest.mark.parametrize(
    ("name", "stage", "frozen"),
    [
        (SMALL, -1, set()),
        (SMALL, 0, {"conv1", "bn1"}),
        (SMALL, 1, {"conv1", "bn1", "layer1"}),
        ("test_convnext", 0, {"stem_0", "stem_1", "stages_0"}),
        ("tf_efficientnet_lite0", 0, {"conv_stem", "bn1", "blocks.0"}),
        ("tiny", 1, {"stem", "stages.0", "stages.1"}),
    ],
)
def test_frozen_stages(name, stage, frozen):
    body = build_backbone(name, weights="none", frozen_stages=stage).body
    for key, parameter in body.named_parameters():
        inside = any(key.startswith(f"{prefix}.") for prefix in frozen)
        assert parameter.requires_grad != inside, key


def test_freezing_random_values_is_reported(caplog):
    """When it is trained: a model that is loaded is built without weights, too."""
    build_backbone("tiny", weights="none").train()
    frozen = build_backbone("tiny", weights="none", frozen_stages=1).eval()
    assert not caplog.records
    frozen.train()
    assert "frozen_stages=-1 and norm_eval=false train all of it" in caplog.text


def norms(backbone):
    return {k: m for k, m in backbone.body.named_modules() if isinstance(m, nn.BatchNorm2d)}


def test_frozen_norms_never_move():
    backbone = build_backbone(SMALL, weights="none", frozen_stages=1).train()
    for key, norm in norms(backbone).items():
        assert norm.training == (not key.startswith(("conv1", "bn1", "layer1"))), key


def test_norm_eval_keeps_statistics_but_trains_scale_and_shift():
    backbone = build_backbone(SMALL, weights="none", norm_eval=True).train()
    before = {k: n.running_mean.clone() for k, n in norms(backbone).items()}
    backbone(images_of(1, 3, 32, 32), torch.tensor([[32, 32]]))[-1].sum().backward()
    for key, norm in norms(backbone).items():
        assert torch.equal(norm.running_mean, before[key])
        assert norm.weight.requires_grad
    assert backbone.training
    assert not any(m.training for m in backbone.eval().modules())


def test_caffe_style_equals_torchvision_with_moved_strides(shared_weights):
    path = shared_weights / "resnet50_caffe_fp16.pth"
    backbone = build_backbone("resnet50", weights=str(path), style="caffe").eval()
    stock = resnet50(weights=None).eval()
    state = torch.load(path, weights_only=True)
    stock.load_state_dict({k: v.float() for k, v in state.items()})
    for layer in (stock.layer2, stock.layer3, stock.layer4):
        layer[0].conv1.stride, layer[0].conv2.stride = (2, 2), (1, 1)
    for norm in (m for m in stock.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.eps = 1e-3
    images = images_of(1, 3, 64, 64)
    x = images.flip(1).float() - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    for stage in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
        x = getattr(stock, stage)(x)
    found = backbone(images, torch.tensor([[64, 64]]))[-1]
    torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-4)


def test_efficientnet_weights_load(shared_weights):
    path = shared_weights / "tf_efficientnet_lite0.pth"
    backbone = build_backbone("tf_efficientnet_lite0", weights=str(path))
    state = torch.load(path, weights_only=True)
    assert torch.equal(backbone.body.state_dict()["conv_stem.weight"], state["conv_stem.weight"])
    assert backbone.scaling.mean.flatten().tolist() == [127.5] * 3
    assert backbone.channels == (16, 24, 40, 112, 320)


def test_a_size_that_a_backbone_does_not_say_it_cannot_take():
    backbone = build_backbone("vit_tiny_patch16_224", weights="none")
    what = r"of 90 x 64 pixels \(.*\): set data.resize=stretch data.long=224 data.short=224 "
    with pytest.raises(ConfigError, match=what):
        backbone(torch.zeros(1, 3, 64, 90, dtype=torch.uint8), torch.tensor([[64, 90]]))
