"""What the machine could do: the rate of large products, measured here."""

from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch.utils.flop_counter import FlopCounterMode

from alframe.benchmarks.speed.clock import Clock, Work

Precision = Literal["fp32", "bf16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SIDE = {"cpu": 2048, "cuda": 8192}
"""Of the matrices."""
CALLS = {"cpu": 1, "cuda": 20}
TURNS = 5


@lru_cache
def peak(device: torch.device, precision: Precision, clock: Clock) -> float:
    """Floating-point operations a second of large products; the best of some turns.

    On a GPU it is the product of two matrices. On a CPU, whose libraries for products and for
    convolutions differ, it is the quicker of that and a 3x3 convolution.
    """
    side = SIDE[device.type]
    factor = torch.full((side, side), 0.5, dtype=DTYPES[precision], device=device)
    works: list[tuple[float, Work]] = [(2.0 * side**3, lambda: factor @ factor)]
    if device.type == "cpu":
        works.append(_convolution(side // 8, DTYPES[precision]))
    return max(_rate(operations, work, clock, CALLS[device.type]) for operations, work in works)


def _convolution(side: int, dtype: torch.dtype) -> tuple[float, Work]:
    """A layer of ``side`` channels."""
    image = torch.full((1, side, side // 2, side // 2), 0.5, dtype=dtype)
    image = image.to(memory_format=torch.channels_last)
    weight = torch.full((side, side, 3, 3), 0.5, dtype=dtype)
    return 18.0 * side**2 * (side // 2) ** 2, lambda: F.conv2d(image, weight, padding=1)


def _rate(operations: float, work: Work, clock: Clock, calls: int) -> float:
    with torch.no_grad():
        work()
        return operations / min(clock(work, calls) for _ in range(TURNS))


def flops(work: Work) -> float:
    """Floating-point operations of convolutions and products in one call, which is done."""
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return float(counter.get_total_flops())
