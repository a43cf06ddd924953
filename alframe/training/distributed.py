"""Several processes at work on one run: ``torchrun --nproc_per_node N -m alframe run ...``.

torchrun starts the processes, on one machine or on many, and stops all of them when one fails. The
main one (rank 0) decides and keeps the run directory; what the others do is said in
:mod:`alframe.training.distributed_learner`. Without torchrun nothing happens here, and
torch.distributed is not even imported.

What the processes tell each other goes through the CPU (gloo), gradients of GPUs through NCCL.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from alframe.errors import TrainingError
from alframe.shaped import Tensor

T = TypeVar("T")

PATIENCE = timedelta(days=1)
"""How long a process waits for another: the main one may be long in choosing, and torchrun
notices at once when one has died."""

GLOO = "gloo/transport"
"""What errors of a broken connection name: the file of gloo that raises them."""

LAUNCHED = frozenset({"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"})
"""What torchrun puts into the environment."""


def launched() -> bool:
    """Whether torchrun has started this process."""
    return os.environ.keys() >= LAUNCHED


def is_initialized() -> bool:
    """Whether this process has joined a process group (one of one counts)."""
    if not launched():
        return False
    return bool(_dist().is_initialized())


def rank() -> int:
    """The rank of this process, 0 for the main one; 0 without torchrun."""
    return int(os.environ["RANK"]) if is_initialized() else 0


def world_size() -> int:
    """How many processes there are; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if is_initialized() else 1


def is_main_process() -> bool:
    """Whether this process decides, writes and speaks."""
    return rank() == 0


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that torchrun has started, as long as the context lasts.

    When several fail, by the same cause or because one has left, the first to do so says why and
    the others leave without a word. Warnings come from the main process alone.

    Raises:
        TrainingError: another process was killed.
    """
    if not launched():
        yield
        return
    import torch.distributed as dist

    _join()
    if not is_main_process():
        logging.getLogger("alframe").setLevel(logging.ERROR)
    try:
        yield
    except Exception as error:
        if not _first_to_fail():
            raise SystemExit(2) from None
        if GLOO in str(error):
            lost = "another process was killed, perhaps for its memory, or cannot be reached: "
            raise TrainingError(f"{lost}see which below, then go on with --resume") from None
        raise
    dist.destroy_process_group()


def _join() -> None:
    # Imported later, as DDP does, dynamo would keep the group alive beyond its destruction: its
    # threads then may wake up while Python shuts down, and abort the process.
    import torch._dynamo
    import torch.distributed as dist

    cuda, own = torch.cuda.is_available(), int(os.environ["LOCAL_RANK"])
    if cuda and own < torch.cuda.device_count():
        torch.cuda.set_device(own)
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=PATIENCE)


def _first_to_fail() -> bool:
    """Ask torchrun's store, which outlives the processes."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store = TCPStore(host, port, is_master=False, timeout=timedelta(seconds=30))
    return bool(store.add(f"alframe/failures/{start}", 1) == 1)


def broadcast(choose: Callable[[], T]) -> T:
    """What the main process chooses, broadcast to every process; the others do not choose."""
    if not is_initialized():
        return choose()
    box: list[T | None] = [choose() if is_main_process() else None]
    _dist().broadcast_object_list(box)
    return box[0]  # type: ignore[return-value]


def all_gather(value: T) -> list[T]:
    """The values of all processes, in each of them."""
    if not is_initialized():
        return [value]
    values = [value] * world_size()
    _dist().all_gather_object(values, value)
    return values


def gather(value: T) -> list[T]:
    """The values of all processes, in the main one; nothing in the others."""
    if not is_initialized():
        return [value]
    values = [value] * world_size() if is_main_process() else None
    _dist().gather_object(value, values)
    return values or []


def all_reduce(value: Tensor) -> Tensor:
    """The sum over all processes, in each of them."""
    if not is_initialized():
        return value
    total = value.detach().clone()
    _dist().all_reduce(total)
    return total


def main_process_first(work: Callable[[], T]) -> T:
    """Work in the main process, and then in the others, which find what it has left behind."""
    if not is_main_process():
        broadcast(lambda: None)
        return work()
    done = work()
    broadcast(lambda: None)
    return done


def _dist() -> Any:
    import torch.distributed as dist

    return dist
