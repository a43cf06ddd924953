"""What surrounds the network: launches and synchronisations, which GPUs wait for."""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from alframe.benchmarks.speed.cases import Case, Setting
from alframe.benchmarks.speed.clock import Work
from alframe.benchmarks.speed.pairs import Pair, retinanets
from alframe.benchmarks.speed.row import OPERATIONS, SYNCHRONISATIONS, Spread, Timing
from alframe.benchmarks.speed.steps import made_up
from alframe.detectors.suppression import WAYS
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
        operations, waits = (Spread((float(each),)) for each in more)
        measures = {OPERATIONS: operations, SYNCHRONISATIONS: waits}
        rows.append(Timing(name, side, measures, count, "images"))
    return rows


@contextlib.contextmanager
def _suppression_of_a_gpu() -> Iterator[None]:
    """Count what a GPU would do, on a CPU as well."""
    on_cpu = WAYS["cpu"]
    WAYS["cpu"] = WAYS["cuda"]
    try:
        yield
    finally:
        WAYS["cpu"] = on_cpu


WAITS = re.compile(r"nonzero|_local_scalar_dense|item|equal|masked_select|unique|nms|_assert")
"""Operations whose result, or the shape of it, the host has to know."""


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what is computed while it is active, on any device.

    Views cost nothing and are not counted. An operation is one launch at least; most of them
    are exactly one.

    Attributes:
        operations: so far.
        waits: those among them that the host waits for.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = self.waits = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one and do it."""
        if not _is_view(func):
            self.operations += 1
            self.waits += bool(WAITS.search(func.name())) or _indexes_by_mask(func, args)
        return func(*args, **(kwargs or {}))


def _is_view(func: Any) -> bool:
    returned = func._schema.returns
    return any(r.alias_info is not None and not r.alias_info.is_write for r in returned)


def _indexes_by_mask(func: Any, args: Any) -> bool:
    """``x[mask]``: how many there are is known when they have been counted."""
    if "index" not in func.name() or len(args) < 2 or not isinstance(args[1], list | tuple):
        return False
    return any(isinstance(each, torch.Tensor) and each.dtype == torch.bool for each in args[1])


def counted(work: Work) -> tuple[int, int]:
    """Operations of one call, and how many of them the host waits for."""
    with Counter() as counter:
        work()
    return counter.operations, counter.waits
