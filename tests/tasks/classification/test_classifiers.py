"""Classifiers: what timm computes, what is asked of a model, and what each parameter is for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from alframe.errors import ConfigError
from alframe.signals import CLASS_PROBS, EMBEDDING
from alframe.strategies.ll4al.module import map_widths
from alframe.tasks.classification.classifier import Classifier
from alframe.tasks.classification.resnet_cifar import ResNetCifar
from alframe.tasks.classification.timm_classifier import TimmClassifier
from tests.tasks.classification.builders import labelled_batch

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def small(name: str = "resnet18", **options: Any) -> TimmClassifier:
    torch.manual_seed(0)
    return TimmClassifier(3, backbone=name, **{"weights": "none"} | options)


def test_it_is_the_classifier_of_timm() -> None:
    """With timm's own head in the place of ours."""
    ours, theirs = small().eval(), timm.create_model("resnet18", num_classes=3).eval()
    theirs.load_state_dict(
        ours.body.state_dict() | {f"fc.{k}": v for k, v in ours.head.state_dict().items()}
    )
    batch = labelled_batch(64)
    with torch.no_grad():
        expected = theirs(ours.scaling(batch.images, batch.sizes)).softmax(dim=1)
        found = ours.read(batch, ours.features(batch), ours.provides)
    torch.testing.assert_close(found[CLASS_PROBS].values[:, 0], expected)
    assert found[CLASS_PROBS].exclusive
    assert found[EMBEDDING].shape == (3, 512)
    torch.testing.assert_close(ours.head(found[EMBEDDING]).softmax(dim=1), expected)


@pytest.mark.parametrize(
    ("name", "side", "width"),
    [
        ("resnet18", 32, 512),
        ("mobilenetv3_small_050", 64, 1024),
        ("vit_tiny_patch16_224", 64, 192),
        ("swin_tiny_patch4_window7_224", 64, 768),
        ("convnext_atto", 64, 320),
        ("mixer_s32_224", 224, 512),
    ],
)
def test_any_classifier_of_timm(name: str, side: int, width: int) -> None:
    model = small(name).eval()
    features = model.features(labelled_batch(side))
    assert features.embedding.shape == (3, width)
    assert model.head(features.embedding).shape == (3, 3)
    assert 1 <= len(model.maps(features)) <= 4
    assert all(one.ndim == 4 and one.shape[0] == 3 for one in model.maps(features))


def test_images_of_which_one_value_is_left_are_fine_in_twos() -> None:
    """ResNet-18 makes one pixel of 32; alone, BatchNorm has no second value to compare it with."""
    model = small("resnet18").train()
    assert map_widths(model, (32, 32)) == [64, 128, 256, 512]
    batch = labelled_batch(32)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        model.features(replace(batch, images=batch.images[:1], sizes=batch.sizes[:1]))


def test_pixels_are_scaled_as_the_model_was_trained() -> None:
    """From -1 to 1 for this transformer of timm, by the numbers of ImageNet for its ResNet."""
    black = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    size = torch.tensor([[32, 32]])
    for name, expected in (("vit_tiny_patch16_224", -1.0), ("resnet18", -0.485 / 0.229)):
        scaled = small(name).scaling(black, size)
        assert scaled[0, 0, 5, 5].item() == pytest.approx(expected, rel=1e-4), name


def test_what_is_read_in_mixed_precision_is_of_single_precision() -> None:
    model, batch = small().eval(), labelled_batch()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        features = model.features(batch)
        found = model.read(batch, features, model.provides)
    assert features.embedding.dtype == torch.bfloat16
    assert found[EMBEDDING].dtype == found[CLASS_PROBS].values.dtype == torch.float32


def test_a_size_that_is_no_multiple_of_patches() -> None:
    with pytest.raises(ConfigError, match=r"50 x 50 pixels \(Input .* divisible by patch size"):
        small("vit_tiny_patch16_224").features(labelled_batch(50))


def test_a_size_that_a_model_does_not_say_it_cannot_take() -> None:
    """It fails in torch's words, which are told; and where it is no matter of the size, alone."""
    model = small("levit_128s")
    what = r"of 64 x 64 pixels \(.*\): set .* data.long=224 data.short=224"
    with pytest.raises(ConfigError, match=what):
        model.features(labelled_batch(64))
    model.body.forward_intermediates = lambda images: images.unknown
    with pytest.raises(AttributeError, match="unknown"):
        model.features(labelled_batch(64))


def test_a_model_for_one_size() -> None:
    with pytest.raises(ConfigError, match=r"of 64 x 64 pixels .*: set data.resize=stretch data.lo"):
        small("mixer_s32_224").features(labelled_batch(64))


def test_a_stem_without_stride_and_pooling() -> None:
    features = ResNetCifar(10).features(labelled_batch())
    assert [tuple(m.shape[1:]) for m in features.maps] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)
    ]  # fmt: skip
    torch.testing.assert_close(features.embedding, features.maps[-1].mean(dim=(2, 3)))
    count = sum(p.numel() for p in ResNetCifar(10).parameters())
    assert count == 11_173_962, "as every ResNet-18 for CIFAR-10 has"
    narrow = ResNetCifar(10, width=8).features(labelled_batch())
    assert [m.shape[1] for m in narrow.maps] == [8, 16, 32, 64]


def test_the_loss_is_cross_entropy_of_images_that_have_a_class() -> None:
    model, batch = ResNetCifar(3, width=4).eval(), labelled_batch()
    features = model.features(batch)
    logs = model.head(features.embedding).log_softmax(dim=1)
    each = -logs[range(3), [0, 2, 1]]
    torch.testing.assert_close(model.image_losses(batch, features)["cls"], each)
    torch.testing.assert_close(model.loss(batch)["cls"], each.mean())
    batch = replace(batch, labels=torch.tensor([[0], [-1], [1]]))
    torch.testing.assert_close(model.loss(batch)["cls"], (each[0] + each[2]) / 2)
    assert model.image_losses(batch, features)["cls"][1] == 0
    batch = replace(batch, labels=torch.tensor([[-1], [-1], [-1]]))
    assert model.loss(batch)["cls"] == 0
    with pytest.raises(ValueError, match="images a, b, c are unlabelled"):
        model.loss(replace(batch, labels=None))


def test_padding_is_0_for_the_body() -> None:
    model, batch = ResNetCifar(3, width=4).eval(), labelled_batch()
    batch = replace(batch, sizes=torch.tensor([[32, 16]] * 3))
    other = replace(batch, images=batch.images.clone())
    other.images[..., 16:] = 77
    torch.testing.assert_close(model.features(batch).embedding, model.features(other).embedding)


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto"])
def test_weights_of_the_whole_model_without_its_head(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    whole = timm.create_model(name, num_classes=7)
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    model = small(name, weights=str(tmp_path / "w.pth"))
    known = whole.state_dict()
    assert all(torch.equal(v, known[k]) for k, v in model.body.state_dict().items())
    with pytest.raises(ConfigError, match="does not fit the backbone"):
        small("resnet34", weights=str(tmp_path / "w.pth"))


@pytest.mark.parametrize(
    ("weights", "norm_eval", "kept"),
    [(False, None, False), (True, None, True), (True, False, False), (False, True, True)],
)
def test_statistics_of_weights_are_kept(
    weights: bool, norm_eval: bool | None, kept: bool, tmp_path: Path
) -> None:
    file = tmp_path / "w.pth"
    torch.save(timm.create_model("resnet18").state_dict(), file)
    model = small(weights=str(file) if weights else "none", norm_eval=norm_eval).train()
    before = model.body.bn1.running_mean.clone()
    model.loss(labelled_batch())["cls"].backward()
    assert torch.equal(model.body.bn1.running_mean, before) == kept
    assert model.body.bn1.weight.grad.abs().sum() > 0, "scale and shift are trained"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: small("resnet81"), "unknown name 'resnet81'; did you mean"),
        (lambda: small(weights="no.pth"), "no file no.pth"),
        (lambda: ResNetCifar(3, width=0), "width: expected at least 1, got 0"),
        (lambda: ResNetCifar(3, weights="pretrained"), "'resnet18-cifar' has none that are pre"),
    ],
)
def test_what_cannot_be_made(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_another_head_is_drawn_anew() -> None:
    model: Classifier = ResNetCifar(3, width=4)
    head = model.new_head()
    assert head.weight.shape == model.head.weight.shape
    assert not torch.equal(head.weight, model.head.weight)
