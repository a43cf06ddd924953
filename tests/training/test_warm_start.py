"""A warm start with more classes: rows of old classes are the old ones, new ones as drawn."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alframe.detectors.faster_rcnn import FasterRCNN
from alframe.detectors.fcos import FCOS
from alframe.learner import WarmStart
from alframe.signals import CLASS_PROBS
from alframe.strategies.ll4al.module import LL4ALModel
from alframe.strategies.miaod.model import MIAODModel
from alframe.training.warm_start import ClassRows, carry_over, lay_out
from tests.detectors.drawing import drawing, small_retinanet, small_ssd

FREE = {"weights": "none", "frozen_stages": -1, "norm_eval": False}
SMALL: dict[str, Any] = {"backbone": "tiny", "fpn_channels": 64, **FREE}


def layer(rows: list[float], layout: ClassRows | None) -> nn.Sequential:
    """A linear layer of one weight a row, which is its bias, too."""
    linear = nn.Linear(1, len(rows))
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(rows).unsqueeze(1))
        linear.bias.copy_(torch.tensor(rows))
    if layout:
        lay_out(linear, layout)
    return nn.Sequential(linear)


@pytest.mark.parametrize(
    ("layout", "old", "fresh", "expected", "counts"),
    [
        (None, [1, 2], [91, 92, 93], [1, 2, 93], (2, 3)),
        (ClassRows(2), [1, 2, 3, 4], [91, 92, 93, 94, 95, 96], [1, 2, 93, 3, 4, 96], (2, 3)),
        (ClassRows(), [1, 2, -1], [91, 92, 93, 94], [1, 2, 93, -1], (2, 3)),
        (ClassRows(before=1), [-1, 1, 2], [91, 92, 93, 94], [-1, 1, 2, 94], (2, 3)),
        (
            ClassRows(before=1, each=2),
            [-1, -2, 1, 2],
            [91, 92, 93, 94, 95, 96],
            [-1, -2, 1, 2, 95, 96],
            (1, 2),
        ),
        # A class and background, which makes room for a class: of two, none is background.
        (ClassRows(), [1, -1], [91, 92], [1, 92], (1, 2)),
        (ClassRows(2), [1, -1, 2, -2], list(range(90, 96)), [1, 91, 92, 2, 94, 95], (1, 3)),
    ],
)
def test_rows_by_hand(
    layout: ClassRows | None,
    old: list[float],
    fresh: list[float],
    expected: list[float],
    counts: tuple[int, int],
) -> None:
    before, after = layer(old, None), layer(fresh, layout)
    carry_over(after, WarmStart(before.state_dict(), counts[0]), counts[1])
    assert after[0].weight.flatten().tolist() == expected
    assert after[0].bias.tolist() == expected


def test_a_module_for_each_class(caplog: pytest.LogCaptureFixture) -> None:
    """What the new class has is as drawn, and said to be; all else is carried over."""
    before, after = (nn.ModuleList(nn.Linear(1, 1) for _ in range(n)) for n in (1, 2))
    drawn = after[1].weight.item()
    carry_over(after, WarmStart(before.state_dict(), 1), 2)
    assert (after[0].weight.item(), after[1].weight.item()) == (before[0].weight.item(), drawn)
    said = [f"1.{part} is drawn anew: with 1 class there was none" for part in ("weight", "bias")]
    assert [record.message for record in caplog.records] == said


def test_without_a_new_class_everything_carries_over() -> None:
    before, after = layer([1, 2, -1], None), layer([91, 92, 93], ClassRows())
    carry_over(after, WarmStart(before.state_dict(), 2), 2)
    assert after[0].bias.tolist() == [1, 2, -1]


@pytest.mark.parametrize("rows", [4, 2])
def test_a_layer_that_does_not_say_how_it_grows_is_drawn_anew(
    rows: int, caplog: pytest.LogCaptureFixture
) -> None:
    before, after = layer([1, 2, 3, 4][:rows], None), layer([91, 92, 93, 94, 95, 96], None)
    with caplog.at_level(logging.WARNING):
        carry_over(after, WarmStart(before.state_dict(), 2), 3)
    assert after[0].bias.tolist() == [91, 92, 93, 94, 95, 96]
    assert [r.getMessage() for r in caplog.records] == [
        f"0.{part} is drawn anew: it does not say which of its rows are of which class "
        "(alframe.training.warm_start.lay_out)"
        for part in ("weight", "bias")
    ]


def test_a_table_of_classes_by_classes_is_drawn_anew(caplog: pytest.LogCaptureFixture) -> None:
    """Rows alone are carried over."""
    before, after = nn.Linear(2, 2), nn.Linear(3, 3)
    lay_out(after, ClassRows())
    drawn = after.weight.clone()
    carry_over(after, WarmStart(before.state_dict(), 2), 3)
    assert torch.equal(after.weight, drawn)
    assert torch.equal(after.bias[:2], before.bias)
    assert [record.getMessage().split()[0] for record in caplog.records] == ["weight"]


def faster_rcnn(classes: int) -> nn.Module:
    return FasterRCNN(classes, heads="light", **SMALL)


def fcos(classes: int) -> nn.Module:
    return FCOS(classes, tower_convs=1, **SMALL)


def seeded(make: Callable[[int], nn.Module], classes: int, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = make(classes)
        for name, parameter in network.named_parameters():  # biases and all, told apart
            if name.rpartition(".")[2] == "bias":
                nn.init.normal_(parameter, std=0.1)
        return network.eval()


def logits(network: Any) -> Tensor:
    """Of every prediction, the classes first: log-odds, or up to a constant."""
    batch = drawing()
    with torch.no_grad():
        probs = network.read(batch, network.features(batch), frozenset({CLASS_PROBS}))[CLASS_PROBS]
    values: Tensor = probs.values.double()
    if not probs.exclusive:
        return values
    return (values / values[..., :1]).nan_to_num()  # to the first class; of padding all are 0


@pytest.mark.parametrize("make", [small_retinanet, small_ssd, faster_rcnn, fcos])
@pytest.mark.parametrize("known", [1, 3])
def test_old_classes_are_told_as_before(make: Callable[[int], nn.Module], known: int) -> None:
    """What a grown detector says of its old classes, and background, is what the old one says."""
    old, new, drawn = seeded(make, known, 1), seeded(make, 5, 2), seeded(make, 5, 2)
    carry_over(new, WarmStart(old.state_dict(), known), 5)
    before, after = logits(old), logits(new)
    torch.testing.assert_close(after[..., :known], before[..., :known], rtol=1e-4, atol=1e-7)
    if before.shape[-1] > known:
        torch.testing.assert_close(after[..., -1], before[..., -1], rtol=1e-4, atol=1e-7)
    for name, value in drawn.state_dict().items():  # as many numbers are fresh as there are more
        own = new.state_dict()[name]
        assert own.shape == value.shape
        fresh, more = (own == value).sum(), value.numel() - old.state_dict()[name].numel()
        assert fresh >= more


def test_the_rows_of_faster_rcnns_boxes() -> None:
    old, new, drawn = (
        seeded(faster_rcnn, 2, 1),
        seeded(faster_rcnn, 3, 2),
        seeded(faster_rcnn, 3, 2),
    )
    carry_over(new, WarmStart(old.state_dict(), 2), 3)
    name = "stock.roi_heads.box_predictor.bbox_pred.bias"
    rows = new.state_dict()[name]
    assert rows[:12].tolist() == old.state_dict()[name].tolist()
    assert rows[12:].tolist() == drawn.state_dict()[name][12:].tolist()


@pytest.mark.parametrize("detector", [small_retinanet, small_ssd])
def test_every_tower_of_learners_with_more_of_them(detector: Callable[..., Any]) -> None:
    def miaod(classes: int) -> nn.Module:
        return MIAODModel(detector(classes), classes)

    def ll4al(classes: int) -> nn.Module:
        return LL4ALModel(detector(classes))

    for make in (miaod, ll4al):
        old, new = seeded(make, 2, 1), seeded(make, 4, 2)
        carry_over(new, WarmStart(old.state_dict(), 2), 4)
        towers = pairs(old, new)
        assert len(towers) == (3 if make is miaod else 1)
        levels = inner(old).features(drawing()).levels
        for before, after in towers:
            with torch.no_grad():
                one, other = before(levels), after(levels)
            torch.testing.assert_close(other[..., :2], one[..., :2], rtol=1e-4, atol=1e-6)


def inner(network: Any) -> Any:
    """The detector in the network of a learner."""
    return network.detector if isinstance(network, MIAODModel) else network.of


def pairs(old: Any, new: Any) -> list[tuple[nn.Module, nn.Module]]:
    found = [(inner(old).class_tower, inner(new).class_tower)]
    if hasattr(old, "mil"):
        found += [(old.second, new.second), (old.mil, new.mil)]
    return found
