"""Cost against size: scoring and selection from a thousand images to a hundred thousand."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from alframe.benchmarks.speed.cases import Case, Setting
from alframe.benchmarks.speed.clock import processor
from alframe.benchmarks.speed.row import (
    MEMORY,
    MEMORY_EXPONENT,
    PER_IMAGE,
    SECONDS,
    TIME_EXPONENT,
    Spread,
    Timing,
)

SIZES = (1_000, 10_000, 100_000)
NEGLIGIBLE = 2**-10
"""GiB."""
STRATEGIES = ("entropy", "coreset")
GROWTH = "growth"


def cases(setting: Setting) -> Iterator[Case]:
    """A strategy that ranks scores, and one that compares images with one another.

    The memory is that of the host, and most of the time goes into drawing: not for GPUs.
    """
    for strategy in () if setting.cuda else STRATEGIES:
        yield Case(f"growth/{strategy}", partial(_grow, strategy))


def _grow(strategy: str, name: str, setting: Setting) -> Sequence[Timing]:
    """Each size in a process of its own: the largest memory of a process never falls."""
    sizes = (20, 40, 80) if setting.quick else SIZES
    measured = [_measured(strategy, size, setting) for size in sizes]
    rows = [
        Timing(name, f"{size:,} images", {k: Spread((v,)) for k, v in each.items()}, size, "images")
        for size, each in zip(sizes, measured, strict=True)
    ]
    memory = [each[MEMORY] for each in measured]
    growth = {
        TIME_EXPONENT: exponent(sizes, [each[SECONDS] for each in measured]),
        MEMORY_EXPONENT: exponent(*_beyond_first(sizes, memory)),
        PER_IMAGE: 2**20 * (memory[-1] - memory[0]) / (sizes[-1] - sizes[0]),
    }
    return [*rows, Timing(name, GROWTH, {k: Spread((v,)) for k, v in growth.items()})]


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The power of the size that the cost grows with, through the last two points."""
    return math.log(costs[-1] / costs[-2]) / math.log(sizes[-1] / sizes[-2])


def _beyond_first(
    sizes: Sequence[int], costs: Sequence[float]
) -> tuple[Sequence[float], Sequence[float]]:
    """What each size takes beyond the smallest one, for which most memory is the libraries'."""
    more = [max(cost - costs[0], NEGLIGIBLE) for cost in costs[1:]]
    return [size - sizes[0] for size in sizes[1:]], more


def _measured(strategy: str, size: int, setting: Setting) -> dict[str, float]:
    """Seconds and GiB of one selection."""
    module = "alframe.benchmarks.speed.growth_child"
    command = [sys.executable, "-m", module, strategy, str(size), str(setting.device)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{size} images: {done.stderr.strip().splitlines()[-1]}")
    by_clock, by_processor, memory = json.loads(done.stdout.splitlines()[-1])
    seconds = by_processor if setting.clock is processor else by_clock
    return {SECONDS: seconds, MEMORY: memory}
