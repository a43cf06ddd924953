"""The phases of MI-AOD, and its selection, relative to the plain detector."""

import logging
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial

from torch import nn

from alframe.benchmarks.speed.cases import Case, Setting
from alframe.benchmarks.speed.contest import Side, contest
from alframe.benchmarks.speed.pairs import CLASSES
from alframe.benchmarks.speed.roofline import Precision, flops
from alframe.benchmarks.speed.row import Timing
from alframe.benchmarks.speed.steps import inference, made_up, sgd, training
from alframe.detectors.folding import for_inference
from alframe.detectors.retinanet import RetinaNet
from alframe.strategies.miaod.model import MIAODModel
from alframe.strategies.miaod.objectives import Objective
from alframe.training.batch import Batch
from alframe.training.device import seeded
from alframe.training.phases import LossFn
from alframe.training.placement import placed
from alframe.training.plain_learner import model_loss

PLAIN = "plain"


def cases(setting: Setting) -> Iterator[Case]:
    """Training steps and selection at the shapes of this device."""
    for name, size in _shapes(setting).items():
        yield Case(f"miaod/phases-{name}", partial(_phases, size))
        yield Case(f"miaod/selection-{name}", partial(_selection, size))


def _shapes(setting: Setting) -> dict[str, tuple[int, int, int]]:
    if setting.quick:
        return {"300": (2, 64, 64)}
    if setting.cuda:
        return {f"608x1024-b{count}": (count, 608, 1024) for count in (2, 16)}
    return {str(side): (2, side, side) for side in (300, 640)}


def _phases(size: tuple[int, int, int], name: str, setting: Setting) -> Sequence[Timing]:
    """A step on unlabelled images of the min and the max phase, and one of the label phase."""
    model, batch = _model(setting), made_up(*size).to(setting.device)
    objective = Objective(len(batch))
    losses: dict[str, tuple[LossFn, Callable[[str], bool]]] = {
        "label": (objective.label, partial(objective.trains, "label")),
        "min": (objective.minimise, partial(objective.trains, "min")),
        "max": (objective.maximise, partial(objective.trains, "max")),
    }
    sides = [_step(PLAIN, deepcopy(model.detector), model_loss, batch, setting)]
    for phase, (loss, trains) in losses.items():
        own = deepcopy(model)
        for parameter_name, parameter in own.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and trains(parameter_name))
        sides.append(_step(phase, own, loss, batch, setting))
    return contest(name, sides, setting, items=len(batch), unit="images")


def _step(name: str, model: nn.Module, loss: LossFn, batch: Batch, setting: Setting) -> Side:
    model.train()
    work = training(
        lambda: loss(model, batch).total(),
        sgd(model, fused=True),
        setting.device,
        _precision(setting),
    )
    against = None if name == PLAIN else PLAIN
    return Side(name, work, against, flops(work), _precision(setting))


def _selection(size: tuple[int, int, int], name: str, setting: Setting) -> Sequence[Timing]:
    """Two classifiers and their disagreement, against a classifier and boxes."""
    model, batch = _model(setting).eval(), made_up(*size).to(setting.device)
    objective = Objective(len(batch))

    plain = for_inference(model.detector)

    def disagreement() -> object:
        return objective.disagreement(model, plain.features(batch), batch)

    device, precision = setting.device, _precision(setting)
    sides = [
        Side(PLAIN, inference(partial(plain, batch), device, precision)),
        Side("selection", inference(disagreement, device, precision), PLAIN),
    ]
    return contest(name, sides, setting, items=len(batch), unit="images")


def _precision(setting: Setting) -> Precision:
    return "bf16" if setting.cuda else "fp32"


def _model(setting: Setting) -> MIAODModel:
    """RetinaNet-R50 as MI-AOD trains it, with the first stages frozen."""
    backbones = logging.getLogger("alframe.detectors.backbones")
    level = backbones.level
    backbones.setLevel(logging.ERROR)  # frozen random weights are what it warns of
    with seeded(0, setting.device):
        model = MIAODModel(RetinaNet(CLASSES, weights="none"), CLASSES)
    backbones.setLevel(level)
    return placed(model, setting.device)
