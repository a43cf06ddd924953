"""Training steps and inference of RetinaNet-R50 and SSD300 against torchvision's."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from alframe.benchmarks.speed.cases import Case, Setting
from alframe.benchmarks.speed.clock import Work
from alframe.benchmarks.speed.contest import Side, contest
from alframe.benchmarks.speed.pairs import Pair, retinanets, ssds
from alframe.benchmarks.speed.roofline import Precision, flops
from alframe.benchmarks.speed.row import Timing
from alframe.benchmarks.speed.steps import inference, made_up, sgd, training
from alframe.detectors.dense import DenseDetector, Predictions
from alframe.detectors.folding import for_inference
from alframe.training.batch import Batch
from alframe.training.compiled import Compiled
from alframe.training.device import faster_in_bf16
from alframe.training.phases import LossFn
from alframe.training.plain_learner import model_loss

Forward = Callable[[Batch], Predictions]


@dataclass(frozen=True)
class Shape:
    """A batch of one detector."""

    count: int
    height: int
    width: int
    ssd: bool = False

    def inputs(self, device: torch.device) -> tuple[Pair, Batch]:
        """The two detectors, and a batch for them."""
        batch = made_up(self.count, self.height, self.width, pad=1 if self.ssd else 32)
        pair = ssds(device) if self.ssd else retinanets(self.height, self.width, device)
        return pair, batch.to(device)


def cases(setting: Setting) -> Iterator[Case]:
    """Training and inference at the shapes of this device."""
    train, infer = _shapes(setting)
    yield from (Case(f"train/{name}", partial(_train, shape)) for name, shape in train.items())
    yield from (Case(f"infer/{name}", partial(_infer, shape)) for name, shape in infer.items())


def _shapes(setting: Setting) -> tuple[dict[str, Shape], dict[str, Shape]]:
    ssd = Shape(2, 300, 300, ssd=True)
    if setting.quick:
        same = {"retina-300": Shape(2, 64, 64), "ssd-300": ssd}
        return same, same
    if not setting.cuda:
        retina = {f"retina-{side}": Shape(2, side, side) for side in (300, 640)}
        same = retina | {"ssd-300": ssd}
        return same, same
    retinas = {n: Shape(n, 608, 1024) for n in (2, 16, 32)}
    many = {"ssd-300-b32": Shape(32, 300, 300, ssd=True)}
    train = {f"retina-608x1024-b{n}": retinas[n] for n in (2, 16)}
    return train | many, {"retina-608x1024-b32": retinas[32]} | many


def precisions(device: torch.device) -> Sequence[Precision]:
    """What to compare in: the first one is that of the stock detectors."""
    if device.type == "cuda":
        return ("bf16",)
    return ("fp32", "bf16") if faster_in_bf16(device) else ("fp32",)


def _train(shape: Shape, name: str, setting: Setting) -> Sequence[Timing]:
    device = setting.device
    pair, batch = shape.inputs(device)
    ours, stock = pair.ours.train(), pair.stock.train()
    images, targets = pair.stock_inputs(batch)
    own_sgd, stock_sgd = sgd(ours, fused=True), sgd(stock, fused=False)
    losses = _losses(setting)

    def own_loss(loss: LossFn) -> Tensor:
        return loss(ours, batch).total()

    def stock_loss() -> Tensor:
        return torch.stack(list(stock(images, targets).values())).sum()

    def work(precision: Precision) -> Iterator[tuple[str, Work]]:
        yield "torchvision", training(stock_loss, stock_sgd, device, precision)
        for way, loss in losses.items():
            yield way, training(partial(own_loss, loss), own_sgd, device, precision)

    first = precisions(device)[0]
    count = flops(training(partial(own_loss, model_loss), own_sgd, device, first))
    return contest(name, _sides(work, device, count), setting, items=shape.count, unit="images")


def _infer(shape: Shape, name: str, setting: Setting) -> Sequence[Timing]:
    device = setting.device
    pair, batch = shape.inputs(device)
    ours, stock = for_inference(pair.ours), pair.stock.eval()
    images, _ = pair.stock_inputs(batch)
    forwards = _forwards(ours, setting)

    def found(forward: Forward) -> object:
        return ours.detect(*forward(batch), batch)

    def work(precision: Precision) -> Iterator[tuple[str, Work]]:
        yield "torchvision", inference(partial(stock, images), device, precision)
        for way, forward in forwards.items():
            yield way, inference(partial(found, forward), device, precision)

    with torch.no_grad():
        count = flops(partial(ours, batch))
    return contest(name, _sides(work, device, count), setting, items=shape.count, unit="images")


def _sides(
    work: Callable[[Precision], Iterator[tuple[str, Work]]], device: torch.device, count: float
) -> list[Side]:
    """Of each precision; all against torchvision in the first one."""
    first, *others = precisions(device)
    base = f"torchvision {first}"
    sides = [
        Side(f"{name} {precision}", each, base, count, precision)
        for precision in (first, *others)
        for name, each in work(precision)
    ]
    return [replace(side, against=None) if side.name == base else side for side in sides]


def _losses(setting: Setting) -> dict[str, LossFn]:
    """The ways in which a learner may compute its loss; compiling is for GPUs that wait."""
    ways: dict[str, LossFn] = {"ours": model_loss}
    if setting.cuda:
        ways["ours compiled"] = Compiled(model_loss)
        ways["ours with graphs"] = Compiled(model_loss, graphs=True)
    return ways


def _forwards(detector: DenseDetector, setting: Setting) -> dict[str, Forward]:
    """Of these, learners have the first one only; the others say what there would be to gain."""
    ways: dict[str, Forward] = {"ours": detector.forward}
    if setting.cuda:
        ways["ours compiled"] = torch.compile(detector.forward)
        ways["ours with graphs"] = _replayed(detector.forward)
    return ways


def _replayed(forward: Forward) -> Forward:
    """Launched by CUDA graphs, whose output the next call overwrites."""
    recorded = torch.compile(forward, mode="reduce-overhead")

    def once(batch: Batch) -> Predictions:
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return recorded(batch)

    return once
