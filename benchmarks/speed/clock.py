"""Clocks: how long one call takes."""

import time
from collections.abc import Callable
from typing import Any, Literal

import torch

Work = Callable[[], object]
Clock = Callable[[Work, int], float]
"""From what is done, and how many times in a row, to the seconds of one call."""


def wall(work: Work, calls: int) -> float:
    """By the clock on the wall."""
    started = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - started) / calls


def processor(work: Work, calls: int) -> float:
    """By what this process takes of all processors; others on the machine hardly disturb it."""
    started = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - started) / calls


def events(work: Work, calls: int) -> float:
    """By the GPU: from when it begins with the first call to when it is done with the last."""
    begin: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    end: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    begin.record()
    for _ in range(calls):
        work()
    end.record()
    end.synchronize()
    milliseconds: float = begin.elapsed_time(end)
    return milliseconds / 1000 / calls


def clock_for(device: torch.device, on_cpu: Literal["wall", "processor"]) -> Clock:
    """The clock of a device."""
    if device.type == "cuda":
        return events
    return wall if on_cpu == "wall" else processor
