"""bf16 against fp32: which is faster depends on the network and on the processor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from alframe.benchmarks.speed.cases import Case, Setting
from alframe.benchmarks.speed.clock import Work
from alframe.benchmarks.speed.contest import Side, contest
from alframe.benchmarks.speed.roofline import Precision
from alframe.benchmarks.speed.row import Timing
from alframe.benchmarks.speed.steps import made_up, sgd, training
from alframe.detectors.retinanet import RetinaNet
from alframe.training.device import faster_in_bf16, seeded
from alframe.training.placement import placed
from alframe.training.plain_learner import model_loss

CLASSES = 5


@dataclass(frozen=True)
class Network:
    """A backbone and the batch that it is trained on here."""

    backbone: str
    count: int
    side: int
    width: int


NETWORKS = {
    "resnet50": Network("resnet50.tv_in1k", 2, 320, 256),
    "lite0": Network("tf_efficientnet_lite0", 8, 256, 64),
}
"""Large convolutions, and many small ones of single channels."""


def cases(setting: Setting) -> Iterator[Case]:
    """Training steps, where the device is faster in bf16."""
    if faster_in_bf16(setting.device):
        for name, network in NETWORKS.items():
            yield Case(f"precision/{name}", partial(_train, network))


def _train(network: Network, name: str, setting: Setting) -> Sequence[Timing]:
    device, side = setting.device, 64 if setting.quick else network.side
    model, batch = _model(network, device), made_up(network.count, side, side, classes=CLASSES)
    batch, optimizer = batch.to(device), sgd(model, fused=True)

    def loss() -> torch.Tensor:
        return model_loss(model, batch).total()

    works: dict[Precision, Work] = {
        precision: training(loss, optimizer, device, precision) for precision in ("fp32", "bf16")
    }
    sides = [
        Side(precision, work, None if precision == "fp32" else "fp32", precision=precision)
        for precision, work in works.items()
    ]
    return contest(name, sides, setting, items=network.count, unit="images")


def _model(network: Network, device: torch.device) -> RetinaNet:
    with seeded(0, device):
        model = RetinaNet(
            CLASSES,
            backbone=network.backbone,
            weights="none",
            frozen_stages=-1,
            norm_eval=False,
            fpn_channels=network.width,
        )
    return placed(model, device).train()
