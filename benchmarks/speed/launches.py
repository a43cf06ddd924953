"""What surrounds the network: launches and synchronisations, which GPUs wait for."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from alframe.benchmarks.speed.batches import made_up
from alframe.benchmarks.speed.case import Case
from alframe.benchmarks.speed.clock import Work
from alframe.benchmarks.speed.counting import counted
from alframe.benchmarks.speed.pairs import Pair, retinanets
from alframe.benchmarks.speed.row import OPERATIONS, SYNCHRONISATIONS, Timing
from alframe.benchmarks.speed.setting import Setting
from alframe.benchmarks.speed.spread import Spread
from alframe.detectors import postprocess
from alframe.training.batch import Batch

SIDE = 64
"""Of the images, in pixels. What is counted does not depend on it."""


def cases(setting: Setting) -> Iterator[Case]:
    """RetinaNet's loss and post-processing, for a small batch and a large one."""
    del setting
    for count in (2, 16):
        yield Case(f"launches/loss-b{count}", partial(_losses, count))
        yield Case(f"launches/post-processing-b{count}", partial(_detections, count))


def _losses(count: int, name: str, setting: Setting) -> Sequence[Timing]:
    """Forward and backward passes."""
    pair, batch = _inputs(count, setting)
    images, targets = pair.stock_inputs(batch)
    pair.ours.train()
    pair.stock.train()

    def backward(outputs: Callable[[], Iterable[Tensor]]) -> None:
        for model in (pair.ours, pair.stock):
            model.zero_grad()
        torch.stack([output.sum() for output in outputs()]).sum().backward()  # type: ignore[no-untyped-call]

    wholes = {
        "torchvision": partial(backward, lambda: pair.stock(images, targets).values()),
        "ours": partial(backward, lambda: pair.ours.loss(batch).values()),
    }
    alone = {side: partial(backward, outputs) for side, outputs in _networks(pair, batch).items()}
    return _rows(name, wholes, alone, count)


def _detections(count: int, name: str, setting: Setting) -> Sequence[Timing]:
    pair, batch = _inputs(count, setting)
    images, _ = pair.stock_inputs(batch)
    pair.ours.eval()
    pair.stock.eval()
    wholes: dict[str, Work] = {
        "torchvision": lambda: pair.stock(images),
        "ours": lambda: pair.ours.detect(*pair.ours.forward(batch), batch),
    }
    with torch.no_grad(), _suppression_of_a_gpu():
        return _rows(name, wholes, _networks(pair, batch), count)


def _inputs(count: int, setting: Setting) -> tuple[Pair, Batch]:
    batch = made_up(count, SIDE, SIDE).to(setting.device)
    return retinanets(SIDE, SIDE, setting.device), batch


def _networks(pair: Pair, batch: Batch) -> dict[str, Callable[[], Iterable[Tensor]]]:
    """From images to the towers' output, the scaling of pixels included."""
    ours, stock = pair.ours, pair.stock
    images, _ = pair.stock_inputs(batch)

    def own() -> Iterable[Tensor]:
        levels = ours.features(batch).levels
        return ours.class_tower(levels), ours.box_tower(levels)

    def theirs() -> Iterable[Tensor]:
        scaled, _ = stock.transform(images)
        outputs: dict[str, Tensor] = stock.head(list(stock.backbone(scaled.tensors).values()))
        return outputs.values()

    return {"torchvision": theirs, "ours": own}


def _rows(
    name: str, wholes: Mapping[str, Work], networks: Mapping[str, Work], count: int
) -> Sequence[Timing]:
    """What the whole takes beyond the network, when anchors are remembered."""
    rows = []
    for side, whole in wholes.items():
        whole()
        more = [a - b for a, b in zip(counted(whole), counted(networks[side]), strict=True)]
        operations, waits = map(Spread.of, map(float, more))
        measures = {OPERATIONS: operations, SYNCHRONISATIONS: waits}
        rows.append(Timing(name, side, measures, count, "images"))
    return rows


@contextlib.contextmanager
def _suppression_of_a_gpu() -> Iterator[None]:
    """Count what a GPU would do, on a CPU as well."""
    on_cpu = postprocess.nms_per_group
    postprocess.nms_per_group = postprocess.nms_batched
    try:
        yield
    finally:
        postprocess.nms_per_group = on_cpu
