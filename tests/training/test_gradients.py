"""Norms of gradients by loss term and part."""

from typing import Any

import pytest
import torch
from torch import nn

from alframe.config.sections import TrainingConfig
from alframe.learner import FitContext
from alframe.seeds import Seeds
from alframe.training.batch import Batch
from alframe.training.fit import fit
from alframe.training.gradients import Watched, gradient_norms, parts_of
from alframe.training.phases import Losses, Phase, Step
from tests.fakes import MemoryCheckpoint
from tests.training.test_fit import CPU, SGD, Journal, Toy, evaluating, loss, streams


class Numbers:
    """Keeps names and steps."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def scalar(self, name: str, value: float, step: int) -> None:
        self.seen.append((name, step))


def two_terms(model: nn.Module, batch: Batch) -> Losses:
    terms = loss(model, batch).terms
    return Losses({"error": terms["error"], "weight": 3 * model.first.weight.sum()})  # type: ignore


def test_norms_by_hand() -> None:
    model = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(1, 1)})
    a, b = model["a"], model["b"]
    value = 3 * a.weight[0, 0] + 4 * a.bias[0]
    norms = gradient_norms(value, parts_of(model, model))
    assert {k: v.item() for k, v in norms.items()} == {"a": 5.0, "b": 0.0}
    b.requires_grad_(False)
    a.bias.requires_grad_(False)
    assert gradient_norms(value, parts_of(model, model))["a"].item() == 3.0
    assert list(gradient_norms(value, parts_of(model, model))) == ["a"]
    constant = torch.tensor(2.0)
    assert gradient_norms(constant, parts_of(model, model))["a"].item() == 0.0


def test_parts_are_those_of_the_model_and_what_a_learner_added() -> None:
    inner = nn.ModuleDict({"backbone": nn.Linear(1, 1), "empty": nn.ReLU(), "fpn": nn.Linear(1, 1)})
    network = nn.ModuleDict({"detector": inner, "second": nn.Linear(1, 1)})
    assert list(parts_of(inner, inner)) == ["backbone", "fpn"]
    assert list(parts_of(network, inner)) == ["backbone", "fpn", "second"]


def test_what_is_only_recorded_is_recorded_also_where_norms_are() -> None:
    model = nn.ModuleDict({"a": nn.Linear(1, 1)})
    stats = {"positives": torch.tensor(7.0)}
    losses = Losses({"sum": model["a"].weight.sum()}, stats)
    watched = Watched(lambda *_: losses, parts_of(model, model))
    batch: Any = None
    assert {name: value.item() for name, value in watched(model, batch).stats.items()} == {
        "positives": 7.0,
        "gradient/sum/a": 1.0,
    }


def trained(model: nn.Module, watch: bool, **settings: Any) -> tuple[Journal, Numbers]:
    journal, numbers = Journal(), Numbers()
    context = FitContext(0, Seeds(1), MemoryCheckpoint(), numbers, journal)
    steps = {"labelled": two_terms, "unlabelled": loss}
    phase = Phase("label", 201, tuple(Step(name, each) for name, each in steps.items()))
    config = TrainingConfig(**{"iterations": 201} | SGD | settings)
    fit(model, (phase,), streams(), config, context, CPU, parts_of(model, model) if watch else None)
    return journal, numbers


def test_watching_records_every_hundred_iterations_and_changes_no_weight() -> None:
    plain, watched = Toy(), Toy()
    trained(plain, watch=False)
    journal, numbers = trained(watched, watch=True)
    assert all(torch.equal(a, b) for a, b in
               zip(plain.parameters(), watched.parameters(), strict=True))  # fmt: skip
    means = journal.phases[0][1]["means"]
    assert {k for k in means if k.startswith("gradient/")} == {
        f"gradient/{term}/{part}" for term in ("error", "weight") for part in
        ("first", "second", "norm")
    }  # fmt: skip
    assert means["gradient/weight/first"] == pytest.approx(3 * 2)  # sqrt(4 weights) times 3
    assert means["gradient/weight/second"] == 0.0
    steps = [s for name, s in numbers.seen if name.endswith("gradient/error/second")]
    assert steps == [20, 120, 201]


def test_parts_of_a_batch_are_averaged() -> None:
    journal, _ = trained(evaluating(), watch=True, accumulate=3, lr=1e-5)
    assert journal.phases[0][1]["means"]["gradient/weight/first"] == pytest.approx(6)


def test_the_gradients_are_those_of_backward() -> None:
    model = Toy().eval()
    batch = next(streams()["labelled"].batches(0, 1, 0, 1))
    watched = Watched(two_terms, parts_of(model, model))(model, batch)
    watched.terms["error"].backward(retain_graph=True)
    expected = torch.cat([p.grad.flatten() for p in model.second.parameters()]).norm()  # type: ignore
    torch.testing.assert_close(watched.stats["gradient/error/second"], expected)
