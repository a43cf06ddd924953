"""Groups of parameters that are trained at rates of their own."""

from typing import Any

import pytest
import torch
from torch import nn

from alframe.config.sections import TrainingConfig
from alframe.errors import ConfigError, PluginError
from alframe.training.optimizer import (
    build_optimizer,
    ema_of,
    late_milestones,
    lr_factor,
    parameter_groups,
    scaled,
    set_lr,
)


class Transformer(nn.Module):
    """A backbone at a tenth of the rate, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.head = nn.Linear(2, 1)

    def parameter_groups(self):  # type: ignore[no-untyped-def]
        yield 0.1, self.backbone.parameters()


def test_each_group_has_a_rate_of_its_own_and_frozen_parameters_are_in_none() -> None:
    model = Transformer()
    trained = [model.backbone.weight, model.head.weight, model.head.bias]
    groups = parameter_groups(model, trained)
    assert [g["lr_factor"] for g in groups] == [0.1, 1.0]
    assert [len(g["params"]) for g in groups] == [1, 2]
    assert len(parameter_groups(model, [*model.head.parameters()])) == 1
    inside = nn.ModuleDict({"of": model, "second": nn.Linear(2, 1)})  # as learners add to a model
    groups = parameter_groups(inside, [*inside.parameters()])
    assert {g["lr_factor"]: len(g["params"]) for g in groups} == {0.1: 2, 1.0: 4}
    assert len(parameter_groups(nn.Linear(2, 2), trained)) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda self: [*self.parameters()], "gives a Parameter: expected pairs of a factor on the"),
        (lambda self: [(0.1, self.head.weight)], "gives a tuple: expected pairs"),
        (lambda self: [(0.1, ["head"])], "gives a tuple: expected pairs"),
        (lambda self: [(self.head.parameters(), 0.1)], "gives a tuple: expected pairs"),
        (
            lambda self: [(0.1, self.backbone.parameters()), (1, self.parameters())],
            "has a parameter under 0.1 and under 1: expected one factor",
        ),
    ],
)
def test_groups_that_are_none(given: Any, said: str) -> None:
    model: Any = type("Own", (Transformer,), {"parameter_groups": given})()
    with pytest.raises(PluginError, match=f"Own.parameter_groups {said}"):
        parameter_groups(model, [*model.parameters()])


@pytest.mark.parametrize(("name", "own"), [("sgd", {"momentum": 0.75}), ("adamw", {})])
def test_an_optimiser_is_what_was_configured(name: str, own: dict[str, float]) -> None:
    config = TrainingConfig(passes=1, optimizer=name, lr=0.5, weight_decay=0.25, **own)
    layer = nn.Linear(1, 1)
    (group,) = build_optimizer(layer, [*layer.parameters()], config).param_groups
    assert (group["lr"], group["weight_decay"]) == (0.5, 0.25)
    assert group.get("momentum") == own.get("momentum")


def test_a_step_moves_each_group_at_its_rate() -> None:
    """SGD without momentum: gradient 1, rate 0.5, a tenth of it for the backbone."""
    model = Transformer()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    config = TrainingConfig(passes=1, lr=9, momentum=0, weight_decay=0)
    optimizer = build_optimizer(model, [*model.parameters()], config)
    set_lr(optimizer, 0.5)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        step = 0.05 if name.startswith("backbone") else 0.5
        torch.testing.assert_close(parameter.detach(), before[name] - step)


def test_steps_multiply_at_their_milestones() -> None:
    config = TrainingConfig(passes=26, milestones=(20, 24), gamma=0.1)
    factors = [lr_factor(config, p, 1000) for p in (0, 19.99, 20, 23.5, 24, 25.9)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_falls_from_one_to_zero() -> None:
    config = TrainingConfig(iterations=100, schedule="cosine")
    factors = [lr_factor(config, p, 1000) for p in (0, 25, 50, 75, 100, 101)]
    assert factors == pytest.approx([1, 0.8535534, 0.5, 0.1464466, 0, 0])


@pytest.mark.parametrize(
    ("settings", "late"),
    [
        ({"passes": 24, "milestones": (20, 24, 30)}, "24, 30 is not before the end, after 24 pas"),
        ({"iterations": 9, "milestones": (9,)}, "9 is not before the end, after 9 iterations"),
        ({"iterations": 9, "milestones": (8,)}, ""),
    ],
)
def test_milestones_that_come_too_late_are_told(settings: dict[str, Any], late: str) -> None:
    said = late_milestones(TrainingConfig(**settings))
    assert late in said
    assert bool(said) == bool(late)


def test_warmup_is_linear_and_counts_from_the_start_of_the_phase() -> None:
    config = TrainingConfig(passes=26, warmup=500, warmup_start=0.001, milestones=(24,))
    early = [lr_factor(config, 0, i) for i in (0, 250, 499, 500)]
    assert early == pytest.approx([0.001, 0.5005, 0.998002, 1.0])
    assert lr_factor(config, 24, 250) == pytest.approx(0.1 * 0.5005)


def test_the_statistics_of_layers_are_averaged_as_weights_are() -> None:
    """The first update copies; then 0.9 * 1 + 0.1 * 2."""
    model = nn.BatchNorm1d(1)
    average = ema_of(model, 0.9)
    assert average is not None
    for mean in (1.0, 2.0):
        model.get_buffer("running_mean").fill_(mean)
        average.update_parameters(model)
    assert average.module.get_buffer("running_mean").tolist() == pytest.approx([1.1])


def test_processes_share_a_batch_at_the_same_learning_rate() -> None:
    training = TrainingConfig(passes=1, batch_size=16, lr=0.01)
    assert scaled(training, 4) == training


def test_a_batch_for_each_process_scales_the_learning_rate_with_it() -> None:
    training = TrainingConfig(passes=1, batch_size=16, lr=0.01, per_process=True, warmup=7)
    both = scaled(training, 4)
    assert (both.batch_size, both.lr, both.warmup) == (64, 0.04, 7)
    assert scaled(both, 4) == both, "once is enough"


def test_each_process_needs_an_image() -> None:
    training = TrainingConfig(passes=1, batch_size=3)
    assert scaled(training, 3) == training
    with pytest.raises(ConfigError, match="batch_size=3 is too little for 4 processes: give each"):
        scaled(training, 4)
    assert scaled(training.model_copy(update={"per_process": True}), 4).batch_size == 12
