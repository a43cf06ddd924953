"""One function over many items in threads, with a progress bar."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def over(
    items: Sequence[str], function: Callable[[str], T], workers: int, title: str
) -> Iterator[tuple[str, T]]:
    """Each item and what ``function`` returns for it, in order.

    Worth it where the work releases the interpreter's lock: decoding, reading, checksums. The bar
    is drawn only in a terminal. An exception, also Ctrl-C, drops what has not begun.
    """
    executor = ThreadPoolExecutor(max(workers, 1))
    try:
        results = executor.map(function, items)
        bar = tqdm(results, desc=title, total=len(items), unit="image", disable=None, leave=False)
        yield from zip(items, bar, strict=True)
    finally:
        executor.shutdown(cancel_futures=True)
