"""Work on many things at once: reading without garbage collection, and one function in threads."""

import contextlib
import gc
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from alframe.progress import Progress

T = TypeVar("T")


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Garbage collection of cycles waits until the end.

    It would each time look through all that has been read by then, which took a third of the time
    of reading a dataset; what our readers drop is no part of a cycle.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def in_threads(
    items: Sequence[str], function: Callable[[str], T], workers: int, title: str
) -> Iterator[tuple[str, T]]:
    """Thread pool over items: each and what ``function`` returns for it, in order, with progress.

    Worth it where the work releases the interpreter's lock: decoding, reading, checksums. An
    exception, also Ctrl-C, drops what has not begun.
    """
    executor = ThreadPoolExecutor(max(workers, 1))
    try:
        with Progress(len(items), title, "images") as progress:  # before anything has begun
            for item, result in zip(items, executor.map(function, items), strict=True):
                yield item, result
                progress.update()
    finally:
        executor.shutdown(cancel_futures=True)
