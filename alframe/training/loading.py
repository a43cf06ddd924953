"""Batches that are made beside the model: in processes for training, in threads for the rest.

Decoding and copying let other threads go on, and what a thread makes is there at once, where a
process has to start and to move it to shared memory. Augmentation is Python's, which would wait
for the steps of a training, and they for it.

Whatever goes wrong in a process comes back in place of a batch, and is raised here as what it is.
So do errors of shared memory: a batch is moved there by the process that made it, not by the thread
of a queue, which could tell nobody.
"""

import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from alframe.errors import AlframeError, TrainingError
from alframe.training.batch import Batch
from alframe.training.worker_errors import cause, ended, in_words, refused

Keys = TypeVar("Keys")

START = "fork" if sys.platform == "linux" else None
"""How processes start: they share the images in memory, which Python 3.14 would no longer do."""


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
    make: Callable[[Keys], Batch], keys: Iterable[Keys], *, workers: int, pin: bool
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
        multiprocessing_context=START if workers else None,
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


def loaded_by_threads(
    make: Callable[[Keys], Batch], keys: Iterable[Keys], *, threads: int, pin: bool
) -> Iterator[Batch]:
    """The batch of each of ``keys``, in order, and at most one more than ``threads`` ahead.

    Args:
        make: a batch of its keys.
        keys: of every batch.
        threads: that make batches; 0 makes them in this one.
        pin: page-locked memory, for copies to the current GPU.

    Raises:
        AlframeError: what ``make`` raises.
    """

    def made(key: Keys) -> Batch:
        return make(key).pin_memory() if pin else make(key)

    if not threads:
        yield from map(made, keys)
        return
    enter = partial(torch.cuda.set_device, torch.cuda.current_device()) if pin else None
    executor = ThreadPoolExecutor(threads, initializer=enter)
    waiting: deque[Future[Batch]] = deque()
    try:
        for key in keys:
            waiting.append(executor.submit(made, key))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


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
        getattr(batches, "_shutdown_workers", lambda: None)()


def _as_it_is(batch: Any) -> Any:
    return batch


def _no_silent_queue(_: int) -> None:
    """End a process whose queue fails to send: the main one notices that, and nothing else."""
    Queue._on_queue_feeder_error = staticmethod(_leave)  # type: ignore[attr-defined]


def _leave(error: BaseException, _: object) -> None:
    os._exit(cause(error) or 1)
