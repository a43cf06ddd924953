"""One function over many items in threads, with a progress bar."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

from alframe.training.distributed import first

T = TypeVar("T")


def over(
    items: Sequence[str], function: Callable[[str], T], workers: int, title: str
) -> Iterator[tuple[str, T]]:
    """Each item and what ``function`` returns for it, in order.

    Worth it where the work releases the interpreter's lock: decoding, reading, checksums. The bar
    is drawn only in a terminal, and by the first of several processes. An exception, also Ctrl-C,
    drops what has not begun.
    """
    executor = ThreadPoolExecutor(max(workers, 1))
    try:
        results = executor.map(function, items)
        total, hidden = len(items), None if first() else True
        bar = tqdm(results, desc=title, total=total, unit="image", disable=hidden, leave=False)
        yield from zip(items, bar, strict=True)
    finally:
        executor.shutdown(cancel_futures=True)
