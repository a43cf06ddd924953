"""Several ways of doing the same, in turns."""

import contextlib
import gc
import logging
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from alframe.benchmarks.speed.cases import Setting
from alframe.benchmarks.speed.clock import Work
from alframe.benchmarks.speed.roofline import Precision, peak
from alframe.benchmarks.speed.row import GFLOP, RATIO, ROOFLINE, SECONDS, Spread, Timing, ratios

logger = logging.getLogger(__name__)

T = TypeVar("T")

LEAST = 3
"""Turns that are done however long they take."""
SHORTEST = 0.2
"""Seconds that a measurement takes at least; of quick work several calls are measured together."""
WARM_UP = {"cpu": 1, "cuda": 3}
"""Calls before the first measurement: memory is allocated, kernels are chosen and compiled."""


@dataclass(frozen=True)
class Side:
    """One way of doing it.

    Attributes:
        name: within its case.
        work: does it once.
        against: the side to compare with; None for one that only others are compared with.
        flops: floating-point operations of one call; 0 if they do not matter.
        precision: of the products among them.
    """

    name: str
    work: Work
    against: str | None = None
    flops: float = 0
    precision: Precision = "fp32"


def contest(
    case: str, sides: Sequence[Side], setting: Setting, *, items: int = 1, unit: str = ""
) -> list[Timing]:
    """Measure the sides in turns, every other turn in the opposite order.

    A side that fails is reported and left out; the others go on.
    """
    turns = _Turns(setting)
    turns.warm_up(sides)
    turns.take(sides)
    return [
        Timing(case, s.name, turns.measures(s), items, unit, s.against, turns.failures.get(s.name))
        for s in sides
    ]


class _Turns:
    """What the sides have done so far."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._calls: dict[str, int] = {}
        self._samples: dict[str, list[float]] = {}
        self.failures: dict[str, str] = {}

    def warm_up(self, sides: Sequence[Side]) -> None:
        """Get the sides going, and see how many calls of each make a measurement."""
        for side in sides:
            self._calls[side.name] = self._tried(side, self._first_calls) or 1

    def take(self, sides: Sequence[Side]) -> None:
        """Measure every side, turn by turn."""
        started = time.perf_counter()
        for turn in range(self._setting.repeats):
            for side in sides if turn % 2 == 0 else reversed(sides):
                if side.name not in self.failures:
                    seconds = self._tried(side, self._one_sample)
                    self._samples.setdefault(side.name, []).append(seconds or 0.0)
            if turn + 1 >= LEAST and time.perf_counter() - started > self._setting.patience:
                break

    def measures(self, side: Side) -> dict[str, Spread]:
        """What came out for a side; nothing if it failed."""
        if side.name in self.failures:
            return {}
        own, setting = self._samples[side.name], self._setting
        found = {SECONDS: Spread(tuple(own))}
        if side.against and side.against not in self.failures:
            found[RATIO] = ratios(own, self._samples[side.against])
        if side.flops:
            found[GFLOP] = Spread((side.flops / 1e9,))
            if not setting.quick:
                rate = side.flops / peak(setting.device, side.precision, setting.clock)
                found[ROOFLINE] = Spread(tuple(rate / seconds for seconds in own))
        return found

    def _first_calls(self, side: Side) -> int:
        for _ in range(WARM_UP[self._setting.device.type]):
            side.work()
        if self._setting.quick:
            return 1
        return math.ceil(SHORTEST / max(self._setting.clock(side.work, 1), 1e-6))

    def _one_sample(self, side: Side) -> float:
        return self._setting.clock(side.work, self._calls[side.name])

    def _tried(self, side: Side, attempt: Callable[[Side], T]) -> T | None:
        """The result, or None and a note of what went wrong."""
        try:
            return attempt(side)
        except Exception as error:  # whatever it is, the other sides go on
            self.failures[side.name] = reason(error)
            logger.info("%s failed", side.name, exc_info=True)
        release()
        return None


def reason(error: Exception) -> str:
    """What went wrong, in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text:.200}"


def forget() -> None:
    """Drop everything that was compiled and recorded, and with it the memory of CUDA graphs.

    Else the next shapes of the same code are taken for a sign that they vary, and the graphs of
    the next case are ones for any shape.
    """
    with contextlib.suppress(RuntimeError):  # after some errors a GPU refuses everything
        if "torch._dynamo" in sys.modules:  # else nothing was, and the import takes a second
            torch.compiler.reset()
    release()


def release() -> None:
    """Give back the memory of what has failed or finished."""
    gc.collect()
    with contextlib.suppress(RuntimeError):
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
