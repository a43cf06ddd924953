"""Backbones of timm with channels last, or made for one size of images, under our detectors."""

import pytest
import torch

from alframe.detectors.backbones import build_backbone
from alframe.errors import ConfigError
from tests.detectors.drawing import drawing, small_retinanet, small_ssd

SWIN = "swin_tiny_patch4_window7_224"
NAMES = [
    SWIN,
    "test_convnext",
    pytest.param("swinv2_tiny_window8_256", marks=pytest.mark.slow),
    pytest.param("mambaout_femto", marks=pytest.mark.slow),
    pytest.param("pvt_v2_b0", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name", [*NAMES, "test_vit"])
def test_maps_have_channels_first_for_images_of_any_size(name):
    backbone = build_backbone(name, weights="none").eval()
    for height, width in ((64, 96), (64, 64)):
        with torch.no_grad():
            maps = backbone(
                torch.zeros(1, 3, height, width, dtype=torch.uint8), torch.tensor([[height, width]])
            )
        assert [tuple(x.shape) for x in maps] == [
            (1, channels, height // stride, width // stride)
            for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
        ]


@pytest.mark.parametrize("make", [small_retinanet, small_ssd])
@pytest.mark.parametrize("name", NAMES)
def test_detectors_learn_on_them(name, make):
    model, batch = make(backbone=name, strides=(8, 16, 32, 64)), drawing()
    losses = model.loss(batch)
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    patches = next(model.backbone.body.parameters())
    assert patches.grad.abs().sum() > 0, "the first layer learns"
    with torch.no_grad():
        found = model.eval().detect(*model(batch), batch)
    assert found.boxes.shape[:2] == found.scores.shape


@pytest.mark.parametrize(("name", "side"), [("mixer_s32_224", 7), ("visformer_tiny", 7)])
def test_a_backbone_for_images_of_one_size_says_so(name, side):
    backbone = build_backbone(name, weights="none").eval()
    batch = torch.zeros(1, 3, 64, 96, dtype=torch.uint8), torch.tensor([[64, 96]])
    with pytest.raises(ConfigError, match=r"224 x 224 pixels alone, got 96 x 64: set data\.resize"):
        backbone(*batch)
    maps = backbone(torch.zeros(1, 3, 224, 224, dtype=torch.uint8), torch.tensor([[224, 224]]))
    assert maps[-1].shape == (1, backbone.channels[-1], side, side)


def test_weights_of_swin_keep_their_names(tmp_path):
    import timm

    state = timm.create_model(SWIN).state_dict()
    torch.save(state, tmp_path / "swin.pth")
    body = build_backbone(SWIN, weights=str(tmp_path / "swin.pth"), frozen_stages=0).body
    assert torch.equal(
        body.state_dict()["patch_embed.proj.weight"], state["patch_embed.proj.weight"]
    )
    assert not body.get_parameter("patch_embed.proj.weight").requires_grad
