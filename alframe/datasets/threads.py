"""One function over many items in threads, telling how far it has come."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from alframe import progress

T = TypeVar("T")


def over(
    items: Sequence[str], function: Callable[[str], T], workers: int, title: str
) -> Iterator[tuple[str, T]]:
    """Each item and what ``function`` returns for it, in order.

    Worth it where the work releases the interpreter's lock: decoding, reading, checksums. Progress
    is told as :mod:`alframe.progress` does. An exception, also Ctrl-C,
    drops what has not begun.
    """
    executor = ThreadPoolExecutor(max(workers, 1))
    try:
        results = executor.map(function, items)
        told = progress.over(results, len(items), title, "images")
        yield from zip(items, told, strict=True)
    finally:
        executor.shutdown(cancel_futures=True)
