"""Data loading: batches that are made in the main process, or by workers beside it.

Whatever goes wrong in such a process comes back in place of a batch, and is raised here as what
it is. So do errors of shared memory: a batch is moved there by the process that made it, not by
the thread of a queue, which could tell nobody. PyTorch tells of a worker that was killed as a
RuntimeError, if at all, and at any place of the main process (a signal's handler raises it).
"""

import contextlib
import errno
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.queues import Queue
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from alframe.errors import AlframeError, TrainingError
from alframe.training.batch import Batch

Keys = TypeVar("Keys")


@dataclass(frozen=True)
class Failed:
    """In place of a batch: why there is none."""

    error: AlframeError


class Batches(Dataset[Any]):
    """Batches by what they are made of."""

    def __init__(self, make: Callable[[Any], Batch]) -> None:
        self._make = make

    def __getitem__(self, keys: Any) -> "Batch | Failed":
        if get_worker_info() is None:
            return self._make(keys)
        try:
            return self._make(keys).share_memory()
        except AlframeError as error:
            return Failed(error)
        except (MemoryError, OSError, RuntimeError) as error:
            if told := refused(error):
                return Failed(told)
            raise


def loaded(
    make: Callable[[Keys], Batch],
    keys: Iterable[Keys],
    *,
    workers: int,
    pin: bool,
) -> Iterator[Batch]:
    """The batch of each of ``keys``, in order.

    Args:
        make: a batch of its keys, for example by reading images; augments by the keys alone.
        keys: of every batch; an iterator is read as far as processes load ahead.
        workers: processes that load; 0 loads in this one.
        pin: page-locked memory, for copies to a GPU.

    Raises:
        AlframeError: what ``make`` raises.
        TrainingError: a process was killed, or the system lacks what processes need: shared
            memory, files, memory.
    """
    # A generator of its own: the loader would otherwise draw from torch's global one.
    sampler: Any = keys
    loader: DataLoader[Any] = DataLoader(
        Batches(make), sampler=sampler, batch_size=None, collate_fn=_as_it_is,
        generator=torch.Generator(), num_workers=workers, pin_memory=pin,
        worker_init_fn=_no_silent_queue if workers else None,
    )  # fmt: skip
    batches: Iterator[Any] = iter(())
    try:
        batches = iter(loader)
        for batch in batches:
            if isinstance(batch, Failed):
                raise batch.error
            yield batch
    except (RuntimeError, OSError, EOFError) as error:
        if told := _told(error, batches if workers else None):
            raise told from error
        raise
    finally:
        _end(batches)


def _told(error: Exception, batches: Iterator[Any] | None) -> TrainingError | None:
    """What an error of loading means; None where it means nothing that is known.

    Args:
        error: what was raised.
        batches: of loading processes; None where there are none.
    """
    try:
        died = None if batches is None else _died(batches, error)
        known = None if batches is None else refused(error)
        return died or in_words(error) or known
    except RuntimeError as interrupting:  # torch's handler of a signal, while we were looking
        return in_words(interrupting)


def _died(batches: Iterator[Any], error: Exception) -> TrainingError | None:
    """What became of a process that has died, by its exit code, which torch does not always tell.

    A connection that is lost is waited for: the end of the process comes a moment later.
    """
    lost = isinstance(error, ConnectionError | EOFError | FileNotFoundError)
    for process in getattr(batches, "_workers", ()):
        process.join(timeout=1 if lost else 0)
        if process.exitcode:
            return in_words(RuntimeError(ended(process.pid, process.exitcode)))
    return None


def _end(batches: Iterator[Any]) -> None:
    """End the processes now: of one that was killed, torch's handler complains at every signal."""
    with contextlib.suppress(RuntimeError):
        getattr(batches, "_shutdown_workers", _nothing)()


def _nothing() -> None:
    pass


def _as_it_is(batch: Any) -> Any:
    return batch


def _no_silent_queue(_: int) -> None:
    """End a process whose queue fails to send: the main one notices that, and nothing else."""
    Queue._on_queue_feeder_error = staticmethod(_leave)  # type: ignore[attr-defined]


def _leave(error: BaseException, _: object) -> None:
    os._exit(cause(error) or 1)


FEWER = "go on with data.workers=0 or fewer processes"
WORDS = {
    errno.ENOSPC: (
        "shared memory (/dev/shm) does not suffice for the processes that load images: go on with "
        "data.workers=0, or give it more (docker run --shm-size=8g)"
    ),
    errno.EMFILE: (
        "too many open files for the processes that load images: go on with data.workers=0 or "
        "fewer, or raise the limit (ulimit -n)"
    ),
    errno.ENOMEM: (
        "memory does not suffice for the processes that load images: go on with data.workers=0 or "
        "fewer, or lower data.cache_gb"
    ),
    errno.EAGAIN: (
        "the system starts no more processes to load images: go on with data.workers=0 or fewer, "
        "or raise the limit (ulimit -u)"
    ),
}
SAME = {errno.ENFILE: errno.EMFILE, errno.EDQUOT: errno.ENOSPC}
SAID = {
    r"No space left|[Bb]us error|Disk quota": errno.ENOSPC,
    r"Too many open files|ancdata": errno.EMFILE,
    r"Cannot allocate memory|killed by signal: Killed": errno.ENOMEM,
    r"Resource temporarily unavailable": errno.EAGAIN,
}
"""What messages of torch say -> the number that the system calls it by."""

_EXITED = re.compile(r"DataLoader worker.* exited unexpectedly with exit code (\d+)")
_GONE = re.compile(r"DataLoader worker.* exited unexpectedly|Pin memory thread exited")
_KILLED = re.compile(r"DataLoader worker.* is killed by signal: ([\w ]+)")


def cause(error: BaseException) -> int | None:
    """The number of what the system refused; None where it is something else."""
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    number = getattr(error, "errno", None)
    number = SAME.get(number, number)  # type: ignore[arg-type]
    if number in WORDS:
        return int(number)
    return next((n for text, n in SAID.items() if re.search(text, str(error))), None)


def refused(error: BaseException) -> TrainingError | None:
    """What the system refused to a loading process; None where it is something else."""
    number = cause(error)
    return None if number is None else TrainingError(WORDS[number])


def ended(pid: int, code: int) -> str:
    """In torch's words, how a process has ended: its exit code, or less than zero the signal."""
    if code < 0:
        return f"DataLoader worker (pid {pid}) is killed by signal: {signal.strsignal(-code)}"
    return f"DataLoader worker (pid {pid}) exited unexpectedly with exit code {code}"


def in_words(error: BaseException) -> TrainingError | None:
    """What became of a loading process, for the user; None if the error is not about one."""
    text = f"{error}\n{error.__cause__}"  # torch has the reason of some in the error before
    if killed := _KILLED.search(text):
        how = f"a process that loads images was killed ({killed[1].strip()})"
        number = cause(RuntimeError(killed[0]))
        return TrainingError(f"{how}: {FEWER if number is None else WORDS[number]}")
    if exited := _EXITED.search(text):
        number = int(exited[1])
        ended = f"a process that loads images has ended with code {number}: {FEWER}"
        return TrainingError(WORDS.get(SAME.get(number, number), ended))
    if _GONE.search(text):
        return TrainingError(f"a process that loads images has ended: {FEWER}")
    return None
