"""Compiled losses give the numbers of the plain ones: losses, gradients, and what a fit ends in."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alframe.config.resolve import from_overrides, resolve
from alframe.datasets.base import ImageSet, LabelledSet
from alframe.learner import FitContext
from alframe.runs.build import build_dataset, build_learner, prepare_images
from alframe.seeds import Seeds
from alframe.training.batch import Batch
from alframe.training.compiled import compiled
from alframe.training.device import seeded
from alframe.training.phases import LossFn
from tests.fakes import FakeImages, MemoryCheckpoint, Numbers
from tests.training.test_compiled import LEARNERS, batch, unlabelled

Gradients = dict[str, Tensor]

TOLERANCE = 1e-4
"""Relative, of losses and of the norm of each gradient: float32, added up in another order."""
SHORT = (
    "dataset.pool=12",
    "dataset.test=2",
    "dataset.size=64",
    "learner.label_ratio=1",
    "learner.rounds=1",
    "training.iterations=12",
    "training.batch_size=4",
    "training.accumulate=2",
    "training.optimizer=sgd",
    "training.lr=0.01",
    "training.warmup=0",
)
WHERE = [
    pytest.param("cpu", False, marks=pytest.mark.slow),
    pytest.param("cuda", False, marks=pytest.mark.gpu),
    pytest.param("cuda", True, marks=pytest.mark.gpu),
]


def computed(loss: LossFn, model: nn.Module, images: Batch) -> tuple[dict[str, float], Gradients]:
    """Terms and stats of a loss, and the gradients of what has any."""
    model.zero_grad()
    losses = loss(model, images)
    losses.total().backward()  # type: ignore[no-untyped-call]
    values = {name: float(v.detach()) for name, v in {**losses.terms, **losses.stats}.items()}
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return values, found


def sure(model: nn.Module) -> nn.Module:
    """The model with classifiers that find something, so that there are pseudo-labels.

    Drawn on the CPU, so that every device has the same.
    """
    for name, parameter in model.named_parameters():
        if name.endswith(("class_tower.output.weight", "second.output.weight")):
            drawn = nn.init.normal_(torch.empty(parameter.shape), std=0.5)
            parameter.data.copy_(drawn)
    return model


@pytest.mark.filterwarnings("ignore")  # torch.compile's own, some of which are deprecations
@pytest.mark.parametrize(("device", "graphs"), WHERE)
@pytest.mark.parametrize("kind", ["plain", "miaod"])
def test_losses_and_gradients_are_those_of_the_plain_functions(
    kind: str, device: str, graphs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every step of the first three phases; what rests in the one rests in the other.

    Four times: CUDA graphs are compiled, warmed up and recorded before they are replayed.
    """
    torch._dynamo.reset()
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    where = torch.device(device)
    config = resolve([from_overrides([*LEARNERS[kind], f"device={device}"])])
    learner: Any = build_learner(config, ("a", "b"))
    with seeded(0, where):
        model = sure(learner._fresh(0).train())
    phases = learner.phases(ImageSet(FakeImages(), ("a",)))[:3]
    for phase, fast in zip(phases, compiled(phases, where, graphs=graphs), strict=True):
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(phase.trains(name))
        for step, fast_step in zip(phase.steps, fast.steps, strict=True):
            images = batch() if step.stream == "labelled" else unlabelled(batch())
            values, gradients = computed(step.loss, model, images.to(where))
            assert all(value > 0 for value in values.values()), "each term has to count"
            for _ in range(4):
                found, found_gradients = computed(fast_step.loss, model, images.to(where))
                assert found == pytest.approx(values, rel=TOLERANCE)
                assert found_gradients.keys() == gradients.keys()
                for name, gradient in gradients.items():
                    apart = (found_gradients[name] - gradient).norm()
                    assert apart <= TOLERANCE * gradient.norm() + 1e-9, name


def trained(*pairs: str) -> Any:
    """MI-AOD's learner after a short fit."""
    config = resolve([from_overrides([*LEARNERS["miaod"], *SHORT, *pairs])])
    dataset = prepare_images(build_dataset(config), config)
    learner: Any = build_learner(config, dataset.classes)
    context = FitContext(0, Seeds(0), MemoryCheckpoint(), Numbers(), lambda name, summary: None)
    labelled = LabelledSet(dataset.images, dataset.pool[:6], dataset.targets)
    learner.fit(labelled, ImageSet(dataset.images, dataset.pool[6:]), context)
    return learner


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # torch.compile's own
def test_a_compiled_fit_ends_where_a_plain_one_does() -> None:
    """All phases of MI-AOD, in two parts a step: weights are apart by 1e-3 of their way at most.

    With SGD: AdamW takes whole steps along gradients that are nothing but rounding.
    """
    plain, fast = (trained(f"training.compile={each}") for each in ("false", "true"))
    ends = [plain.state_dict(), fast.state_dict()]
    start = plain._fresh(Seeds(0).integer("weights")).state_dict()
    way = {name: (value - start[name]).norm() for name, value in ends[0].items()}
    apart = {name: (value - ends[1][name]).norm() for name, value in ends[0].items()}
    assert min(way.values()) > 0
    assert max(way.values()) > 0.01
    assert {name for name in way if apart[name] > 1e-3 * way[name] + 1e-7} == set()
