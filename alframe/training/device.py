"""Device, precision and randomness of a computation."""

import contextlib
import functools
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal

import torch

from alframe.datasets.bulk import processors
from alframe.errors import ConfigError
from alframe.training.distributed import is_initialized

MOST_WORKERS = 8
"""Processes that load images for one GPU, where nobody has set how many."""
CLEARLY = 0.8
"""A share of the time that other work does not make of a larger one: it is 0.5 or less, or 1.8."""


def pick_device(name: str) -> torch.device:
    """``auto``, ``cpu``, ``cuda`` or ``cuda:1`` as a device; each of several processes has its own.

    Raises:
        ConfigError: there is no such CUDA device, or processes would have to share it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type != "cuda":
        return device
    if is_initialized():
        return _own(device)
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        raise ConfigError(f"device={name}: {count} CUDA devices are visible; use cpu or auto")
    if device.index is not None:
        torch.cuda.set_device(device)  # what asks for no device, such as pinning, takes this one
    return device


def workers(configured: int | None, device: torch.device) -> int:
    """How many processes, or threads, load images, see :class:`alframe.config.sections.DataConfig`.

    On the CPU they would take the model's time. A GPU waits for one process that reads, augments
    and collates; its processors are those of this machine that we may use, divided by the processes
    that have a GPU (``LOCAL_WORLD_SIZE``).
    """
    if configured is not None:
        return configured
    if device.type == "cpu":
        return 0
    here = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return min(MOST_WORKERS, processors() // here)


def _own(device: torch.device) -> torch.device:
    """The CUDA device of this process, by its number on its machine."""
    if device.index is not None:
        raise ConfigError(
            f"device={device}: each process takes a GPU of its own; set device=cuda or auto, and "
            "choose GPUs with CUDA_VISIBLE_DEVICES"
        )
    number, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if number >= count:
        raise ConfigError(
            f"process {number + 1} on this machine finds {count} CUDA devices: start one process a "
            "GPU (--nproc_per_node), or set device=cpu"
        )
    return torch.device("cuda", number)


@functools.cache
def faster_in_bf16(device: torch.device) -> bool:
    """Whether a device computes products in bfloat16 faster than in fp32.

    CPUs are timed: one may have instructions for bfloat16 that take longer (an Intel Xeon without
    AMX: twice as long, see ``benchmarks/results``).
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    mkldnn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        return False
    return _seconds(torch.bfloat16) < CLEARLY * _seconds(torch.float32)


def _seconds(dtype: torch.dtype) -> float:
    """Of a product by one thread, the least of several: other work only makes it longer."""
    matrix, seconds, threads = torch.ones(512, 512, dtype=dtype), [], torch.get_num_threads()
    torch.set_num_threads(1)  # more than there are cores would wait for each other
    try:
        for _ in range(7):
            started = time.perf_counter()
            torch.mm(matrix, matrix)
            seconds.append(time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)
    return min(seconds)


def autocast(
    device: torch.device, precision: Literal["fp32", "bf16", "auto"]
) -> "torch.autocast | contextlib.nullcontext[Any]":
    """The context in which a model is run; ``auto``, where no run has settled it, is fp32."""
    if precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators for a while and put back their states afterwards.

    Layers draw their initial weights and dropout masks from the global generators: there is no
    other way. Outside of this context they are left alone.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def rng_state(device: torch.device) -> dict[str, torch.Tensor]:
    """The states of torch's global generators, for a checkpoint."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_rng_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    """Restore what :func:`rng_state` gave."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def to_device(value: Any, device: torch.device) -> Any:
    """``value`` with its tensors on ``device``, however deep in containers and dataclasses."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {name: to_device(each, device) for name, each in value.items()}
    if isinstance(value, list | tuple):
        items = [to_device(each, device) for each in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in fields(value) if f.init]
        return replace(value, **{name: to_device(getattr(value, name), device) for name in names})
    return value
