"""Small runs of every learner on every model, for tests on a GPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from alframe.config.resolve import from_overrides, resolve
from alframe.runs.run import run

SMALL = (
    "dataset.pool=24",
    "dataset.test=4",
    "dataset.size=64",
    "training.iterations=4",
    "training.schedule=cosine",
    "training.batch_size=4",
    "training.warmup=0",
    "evaluation.batch_size=4",
    "budget.initial=8",
    "budget.per_cycle=4",
    "budget.cycles=2",
    "data.workers=0",  # processes take longer to start than these images to load
)
# A GPU prepares each convolution anew for each layer, shape and precision: few layers.
FEW = ("model.backbone=resnet10t", "model.weights=none")
SSD = (
    "model=ssd-lite0",
    *FEW,
    "data.resize=stretch",
    "data.long=256",
    "data.short=256",
    "data.pad=1",
)
MIAOD = ("strategy=miaod", "learner.rounds=1", "learner.label_ratio=1")
LL4AL = ("strategy=ll4al",)
ENTROPY = ("strategy=entropy",)

DETECTION = {
    "plain-retina": ("model=retina-tiny", *ENTROPY),
    "plain-ssd": (*SSD, *ENTROPY),
    "plain-fasterrcnn": ("model=fasterrcnn", *FEW, *ENTROPY),
    "plain-fcos": ("model=fcos", *FEW, *ENTROPY),
    "miaod-retina": ("model=retina-tiny", *MIAOD),
    "miaod-ssd": (*SSD, *MIAOD),
    "ll4al-retina": ("model=retina-tiny", *LL4AL),
    "ll4al-ssd": (*SSD, *LL4AL),
}
CIFAR = ("dataset=figures", "model=resnet18-cifar", "model.width=16")
RUNS = DETECTION | {
    "plain-lraspp": ("dataset=shapes-seg", "model=lraspp-tiny", *ENTROPY),
    "plain-resnet": (*CIFAR, *ENTROPY),
    "miaod-resnet": (*CIFAR, *MIAOD),
    "ll4al-resnet": (*CIFAR, *LL4AL),
}
"""Settings of each learner on each model, by name; without a dataset, drawn shapes."""


def finished(path: Path, device: torch.device, *overrides: str) -> list[Any]:
    """The cycles of a small run, which goes on where it stopped."""
    config = resolve([from_overrides((*SMALL, *overrides, f"device={device.type}"))])
    return list(run(config, path, resume=(path / "config.yaml").exists()))


def built(device: str, overrides: Sequence[str]) -> Any:
    """A learner and its configuration."""
    from alframe.runs.build import build_learner

    config = resolve([from_overrides((*SMALL, *overrides, f"device={device}"))])
    return build_learner(config, ("a", "b")), config
