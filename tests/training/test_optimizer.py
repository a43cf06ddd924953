"""Groups of parameters that are trained at rates of their own."""

import torch
from torch import nn

from alframe.config.sections import TrainingConfig
from alframe.training.optimizer import build_optimizer, parameter_groups, set_lr


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
    assert len(parameter_groups(nn.Linear(2, 2), trained)) == 1


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
