"""Networks, losses and signals of segmentation."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models import segmentation as stock

from alframe.datasets.base import IGNORED
from alframe.errors import ConfigError
from alframe.signals import CLASS_PROBS, EMBEDDING
from alframe.tasks.segmentation import class_maps
from alframe.tasks.segmentation.class_maps import (
    CLASS_MAPS,
    ClassMaps,
    decided_classes,
    on_grid,
    probabilities,
)
from alframe.tasks.segmentation.mask_losses import dice_loss, mask_cross_entropy
from alframe.tasks.segmentation.networks import FCN, LRASPP, DeepLabV3
from alframe.tasks.segmentation.segmenter import Segmenter
from alframe.tasks.segmentation.shapes_seg import shapes_seg
from alframe.tasks.segmentation.shown_masks import colours
from alframe.testing import check_learner, tiny_setup
from alframe.training.batch import Batch
from alframe.training.plain_learner import PlainLearner

TINY: dict[str, Any] = {"backbone": "tiny", "weights": "none", "low_stride": 4}


def batch_of(masks: Tensor, images: Tensor | None = None, names: str = "abcdef") -> Batch:
    count, height, width = masks.shape
    rng = torch.Generator().manual_seed(0)
    shape = (count, 3, height, width)
    drawn = torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)
    sizes = torch.tensor([[height, width]] * count)
    labels = torch.zeros(count, 1, dtype=torch.int64)
    pixels = drawn if images is None else images
    return Batch(tuple(names[:count]), pixels, sizes, sizes.clone(), None, labels, masks)


def masks_like(classes: int, shape: tuple[int, int, int] = (2, 64, 64)) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randint(0, classes, shape, dtype=torch.uint8, generator=rng)


STOCK = {
    "fcn": (FCN, stock.fcn_resnet50, {"backbone": "resnet50"}),
    "deeplabv3": (DeepLabV3, stock.deeplabv3_resnet50, {"backbone": "resnet50"}),
    "deeplabv3-mobilenet": (
        DeepLabV3, stock.deeplabv3_mobilenet_v3_large, {"backbone": "mobilenet_v3_large"}
    ),
    "lraspp": (LRASPP, stock.lraspp_mobilenet_v3_large, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(STOCK))
def test_networks_compute_what_torchvision_computes(name: str) -> None:
    ours, theirs, options = STOCK[name]
    torch.manual_seed(0)
    has_aux = name != "lraspp"
    expected = theirs(
        weights=None,
        weights_backbone=None,
        num_classes=4,
        **({"aux_loss": True} if has_aux else {}),
    ).eval()
    model = ours(4, weights="none", **options).eval()
    state = expected.state_dict()
    parts: list[tuple[str, torch.nn.Module]] = [("classifier.", model.head.stock)]
    parts += [("aux_classifier.", model.aux.stock)] if model.aux is not None else []
    for prefix, part in parts:
        own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        part.load_state_dict(own)
    backbone = {
        k.removeprefix("backbone."): v for k, v in state.items() if k.startswith("backbone")
    }
    body: Any = model.backbone.body
    (body.features if hasattr(body, "features") else body).load_state_dict(backbone)
    batch = batch_of(masks_like(4))
    with torch.no_grad():
        scaled = model.backbone.scaling(batch.images, batch.sizes)
        features = model.features(batch)
        found = {"out": model.head(features.maps)}
        if model.aux is not None:
            found["aux"] = model.aux(features.maps)
        for key, value in expected(scaled).items():
            full = torch.nn.functional.interpolate(
                found[key], (64, 64), mode="bilinear", align_corners=False
            )
            torch.testing.assert_close(full, value, atol=1e-5, rtol=1e-4)


def test_the_auxiliary_head_is_trained_and_never_asked() -> None:
    torch.manual_seed(0)
    model = FCN(3, backbone="tiny", weights="none")
    batch = batch_of(masks_like(3))
    terms = model.loss(batch)
    assert list(terms) == ["ce", "aux"]
    assert model.aux is not None
    assert model.aux_weight == 0.4
    aux = model.train().aux(model.features(batch).maps)
    assert torch.isfinite(aux).all()
    model.aux_weight = 0.8
    torch.manual_seed(5)
    doubled = model.loss(batch)["aux"]
    model.aux_weight = 0.4
    torch.manual_seed(5)
    assert doubled.item() == pytest.approx(2 * model.loss(batch)["aux"].item(), rel=1e-5)
    model.eval()
    with torch.no_grad():
        before = model.read(batch, model.features(batch), model.provides)
        for parameter in model.aux.parameters():
            parameter.fill_(torch.nan)
        after = model.read(batch, model.features(batch), model.provides)
    assert before[CLASS_PROBS].values.equal(after[CLASS_PROBS].values)
    assert before[CLASS_MAPS].logits.equal(after[CLASS_MAPS].logits)
    assert FCN(3, backbone="tiny", weights="none", aux=False).aux is None
    with pytest.raises(ConfigError, match="aux_weight: expected at least 0, got -1"):
        FCN(3, aux_weight=-1)


def test_weights_of_terms_and_classes_count() -> None:
    batch, alone = batch_of(masks_like(3)), masks_like(3)
    alone[alone != 0] = IGNORED
    models = [
        LRASPP(3, **TINY, **options).eval()
        for options in ({"dice": 1.0}, {"dice": 2.0}, {"class_weights": [1.0, 0.0, 0.0]})
    ]
    for model in models:
        model.load_state_dict(models[0].state_dict())
    plain, twice, first = (model.loss(batch) for model in models)
    assert twice["dice"].item() == pytest.approx(2 * plain["dice"].item())
    assert first["ce"].item() == pytest.approx(models[0].loss(batch_of(alone))["ce"].item())


@pytest.mark.parametrize("one_channel", [False, True])
def test_ignored_pixels_have_no_gradient(one_channel: bool) -> None:
    classes = 2 if one_channel else 3
    logits = torch.randn(2, 1 if one_channel else 3, 4, 5, requires_grad=True)
    with torch.no_grad():
        logits[0, :, 0, 0] = torch.inf if one_channel else 1e30
    masks = masks_like(classes, (2, 4, 5))
    masks[0, 0], masks[1, 2, 3] = IGNORED, IGNORED
    weights = torch.arange(1.0, classes + 1)
    total = mask_cross_entropy(logits, masks, weights) + dice_loss(logits, masks)
    assert total.isfinite()
    total.backward()
    assert logits.grad is not None
    moved = logits.grad.abs().sum(1) > 0
    assert not moved[masks == IGNORED].any()
    assert moved[masks != IGNORED].all()
    nothing = torch.full_like(masks, IGNORED)
    assert mask_cross_entropy(logits, nothing).item() == 0
    assert dice_loss(logits, nothing).item() == 0


def test_a_class_that_neither_occurs_nor_is_expected_has_a_gradient_of_0() -> None:
    sure = torch.tensor([[0.0, -1000.0]]).view(1, 2, 1, 1).requires_grad_()
    lost = dice_loss(sure, torch.zeros(1, 1, 1, dtype=torch.uint8))
    lost.backward()
    assert lost.item() == 0
    assert sure.grad is not None
    assert not sure.grad.any()


def test_cross_entropy_is_torchs_and_dice_is_by_hand() -> None:
    logits, masks = torch.randn(2, 3, 4, 5), masks_like(3, (2, 4, 5))
    masks[0, :2] = IGNORED
    weights = torch.tensor([0.5, 2.0, 1.0])
    for given in (None, weights):
        expected = torch.nn.functional.cross_entropy(
            logits, masks.long(), given, ignore_index=IGNORED
        )
        assert mask_cross_entropy(logits, masks, given).item() == pytest.approx(expected.item())
    small = mask_cross_entropy(logits, masks, 1e-6 * weights).item()
    assert small == pytest.approx(expected.item()), "weights count by their ratios alone"
    whole = (torch.cat([*each])[None] for each in (logits.transpose(1, 2), masks))
    assert dice_loss(logits, masks).item() == pytest.approx(
        dice_loss(next(whole).transpose(1, 2), next(whole)).item()
    ), "of the whole batch"
    # Two pixels, two classes, one ignored: p = 3/4 of class 0, which is true.
    two = torch.log(torch.tensor([3.0, 1.0])).view(1, 2, 1, 1).expand(1, 2, 1, 2)
    assert dice_loss(two, torch.tensor([[[0, 255]]], dtype=torch.uint8)).item() == pytest.approx(
        1 - 2 * 0.75 / (0.75 + 1), rel=1e-6
    )


def test_two_channels_and_one_agree_where_classes_are_apart() -> None:
    """Bright is foreground: both kinds of binary model learn it, and say the same."""
    rng = np.random.default_rng(0)
    masks = np.kron(rng.integers(0, 2, (4, 4, 4)), np.ones((1, 16, 16))).astype(np.uint8)
    images = torch.from_numpy(np.repeat(60 + 130 * masks[:, None], 3, axis=1))
    batch = batch_of(torch.from_numpy(masks), images)
    found = []
    for one_channel in (False, True):
        torch.manual_seed(0)
        model = LRASPP(2, **TINY, one_channel=one_channel, dice=1.0, threshold=0.3)
        optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
        for _ in range(60):
            optimizer.zero_grad()
            sum(model.loss(batch).values()).backward()  # type: ignore[union-attr]
            optimizer.step()
        model.eval()
        with torch.no_grad():
            maps = model.read(batch, model.features(batch), frozenset({CLASS_MAPS}))[CLASS_MAPS]
            probs = model.read(batch, model.features(batch), frozenset({CLASS_PROBS}))[CLASS_PROBS]
        assert maps.logits.shape[1] == (1 if one_channel else 2)
        assert probs.values.shape == (4, 64, 2)
        torch.testing.assert_close(probs.values.sum(2), torch.ones(4, 64))
        masks_found = [decided_classes(whole(maps, row), maps.threshold) for row in range(4)]
        found.append(torch.stack(masks_found).numpy())
    agree = (found[0] == found[1]).mean()
    assert agree > 0.97
    for each in found:
        assert (each == masks).mean() > 0.97


def test_every_class_has_a_colour_of_its_own() -> None:
    found = colours([f"{n}" for n in range(40)]).astype(int)
    apart = np.abs(found[:, None] - found).sum(-1)[np.triu_indices(40, 1)]
    assert apart.min() > 30


def whole(maps: ClassMaps, row: int = 0) -> torch.Tensor:
    return torch.cat([*maps.at_original_size(row)], dim=1)


def test_the_threshold_and_the_likeliest_class_by_hand() -> None:
    logit = torch.logit(torch.tensor([[0.29, 0.31, 0.7]]))[None]
    assert decided_classes(logit, 0.3).tolist() == [[0, 1, 1]]
    assert decided_classes(logit, 0.5).tolist() == [[0, 0, 1]]
    torch.testing.assert_close(probabilities(logit, dim=0)[:, 0, 0], torch.tensor([0.71, 0.29]))
    two = torch.cat([torch.zeros_like(logit), logit])  # a softmax of (0, x) is the sigmoid of x
    assert decided_classes(two, 0.3).tolist() == decided_classes(logit, 0.5).tolist()
    torch.testing.assert_close(probabilities(two, dim=0), probabilities(logit, dim=0))


def test_signals_have_a_stride_and_know_nothing_of_padding() -> None:
    torch.manual_seed(0)
    model = LRASPP(3, **TINY).eval()
    batch = batch_of(masks_like(3, (2, 64, 96)))
    names = frozenset({CLASS_PROBS, EMBEDDING})
    with torch.no_grad():
        values = model.read(batch, model.features(batch), names)
        assert values[CLASS_PROBS].values.shape == (2, 8 * 12, 3)
        assert values[CLASS_PROBS].exclusive
        assert values[EMBEDDING].shape == (2, 160)
        maps = model.read(batch, model.features(batch), frozenset({CLASS_MAPS}))[CLASS_MAPS]
        grid = on_grid(maps, 8)
        for row, column in ((0, 0), (3, 5), (7, 11)):  # of one point, by rows
            point = values[CLASS_PROBS].values[:, 12 * row + column]
            assert torch.equal(point, grid[:, :, row, column])
        coarse = LRASPP(3, **TINY, stride=32).eval()
        assert coarse.read(batch, coarse.features(batch), names)[CLASS_PROBS].values.shape[1] == 6
    logits = torch.zeros(1, 2, 8, 8)
    logits[:, 1, 4:] = 50.0  # what lies in the padding
    maps = ClassMaps(logits, torch.tensor([[32, 64]]), torch.tensor([[16, 32]]), (64, 64), 0.3)
    assert on_grid(maps, 8).shape == (1, 2, 8, 8)
    torch.testing.assert_close(on_grid(maps, 8), torch.full((1, 2, 8, 8), 0.5))
    assert whole(maps).shape == (2, 16, 32)


@pytest.mark.parametrize("band", [1, 2000, 2**24])
@pytest.mark.parametrize("original", [(37, 61), (150, 211), (64, 96)])
def test_bands_are_those_of_the_whole(
    band: int, original: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_maps, "BAND", band)
    logits = torch.randn(1, 5, 64, 128, generator=torch.Generator().manual_seed(0))
    maps = ClassMaps(logits, torch.tensor([[64, 96]]), torch.tensor([original]), (64, 128), 0.5)
    frame = logits[..., :64, :96]
    expected = torch.nn.functional.interpolate(frame, original, mode="bilinear")[0]
    assert (len([*maps.at_original_size(0)]) == 1) == (band == 2**24)
    torch.testing.assert_close(whole(maps), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "needle"),
    [
        ({"one_channel": True}, "there are 3 classes"),
        ({"threshold": 1.0}, "between 0 and 1, got 1.0"),
        ({"threshold": 0.0}, "between 0 and 1, got 0.0"),
        ({"threshold": 0.5}, "has no effect where model.one_channel is false"),
        ({"dice": -1.0}, "at least 0"),
        ({"class_weights": [1.0, 2.0]}, r"each of 3 classes, .*got \[1.0, 2.0\]"),
        ({"class_weights": [1.0, 2.0, 1.0, 1.0]}, "each of 3 classes"),
        ({"class_weights": [0.0, 0.0, 0.0]}, "not 0 alone"),
        ({"class_weights": [1.0, -1.0, 1.0]}, "a number of at least 0 for each"),
        ({"stride": 0}, "stride"),
        ({"low_stride": 0}, "low_stride: expected at least 1, got 0"),
        ({"low_stride": 32}, "expected a map as coarse before the last one"),
        ({"low_stride": 64}, r"has strides \[4, 8, 16, 32\]"),
        ({"backbone": "resnet_of_mine"}, "resnet_of_mine"),
        ({"weights": "gone.pth"}, "no file gone.pth"),
        ({"weights": "pretrained"}, "'tiny' has no pretrained weights"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], needle: str) -> None:
    with pytest.raises(ConfigError, match=needle):
        LRASPP(3, **{**TINY, **options})


@pytest.mark.parametrize(("model", "own"), [(FCN, "aux_weight"), (LRASPP, "low_stride")])
def test_options_that_cannot_be_are_told_at_once(model: Any, own: str) -> None:
    others = ["stride", "threshold", "dice", "class_weights"]
    with pytest.raises(ConfigError) as raised:
        model(3, **{own: -1}, stride=0, threshold=2.0, dice=-1.0, class_weights=[1.0])
    assert [text.partition(":")[0] for text in raised.value.problems] == [own, *others]


@pytest.mark.parametrize("prefix", ["", "features."])
def test_weights_of_a_backbone(tmp_path: Any, prefix: str) -> None:
    from torchvision.models import mobilenet_v3_large, resnet50

    torch.manual_seed(3)
    model: Any = mobilenet_v3_large() if prefix else resnet50()
    path = tmp_path / "weights.pth"
    torch.save(model.state_dict(), path)
    name = "mobilenet_v3_large" if prefix else "resnet50"
    segmenter: Segmenter = (LRASPP if prefix else FCN)(2, backbone=name, weights=str(path))
    own = segmenter.backbone.body.state_dict()
    state = model.state_dict()
    assert own
    assert all(own[key].equal(state[key]) for key in own)


def test_a_backbone_of_timm() -> None:
    model = DeepLabV3(3, backbone="resnet18", weights="none").eval()
    batch = batch_of(masks_like(3))
    with torch.no_grad():
        maps = model.read(batch, model.features(batch), frozenset({CLASS_MAPS}))[CLASS_MAPS]
    assert whole(maps).shape == (3, 64, 64)


def test_the_learner_keeps_its_contract() -> None:
    setup = tiny_setup("model=lraspp-tiny", "dataset=shapes-seg", "strategy=random")
    data = shapes_seg(pool=8, test=3, size=64, classes=1)
    check_learner(PlainLearner, setup=setup, dataset=data)


def test_a_model_is_made_of_its_options() -> None:
    model = partial(LRASPP, **TINY)(3, class_weights=[1.0, 0.0, 2.0])
    assert model.class_weights is not None
    assert "class_weights" not in model.state_dict()
    tiny = {"backbone": "tiny", "weights": "none"}
    stock = FCN(2, **tiny), DeepLabV3(2, **tiny), LRASPP(2, **TINY)
    assert [each.options.threshold for each in stock] == [0.3] * 3
    assert model.to(torch.float64).class_weights.dtype == torch.float64
