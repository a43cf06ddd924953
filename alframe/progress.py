"""How far long work has come: a bar in a terminal; without one, a line of log now and then."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TypeVar

from tqdm import tqdm

from alframe.training.distributed import is_main_process

T = TypeVar("T")

EVERY = 30.0
"""Seconds between two lines."""

logger = logging.getLogger(__name__)


class Progress:
    """Tells of work of a known length; of several processes, the first one does.

    Args:
        total: how much there is to do.
        title: what is being done.
        unit: of what, in the plural.
    """

    def __init__(self, total: int, title: str, unit: str) -> None:
        self.title, self._unit, self._total = title, unit, total
        disable = None if is_main_process() and sys.stderr is not None else True
        self._bar: Any = tqdm(total=total, desc=title, unit=unit, leave=False, disable=disable)
        self._logs = bool(self._bar.disable) and is_main_process()
        self._done = self._skipped = 0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def rename(self, title: str) -> None:
        """Say that something else is being done."""
        self.title = title
        self._bar.set_description(title)

    def skip(self, count: int) -> None:
        """So much was done before, by an earlier process."""
        self._skipped += count
        self._advance(count)

    def update(self, count: int = 1, note: str = "") -> None:
        """So much more is done; a line is due every :data:`EVERY` seconds.

        Args:
            count: since the last call.
            note: what else there is to say, such as the loss.
        """
        self._advance(count)
        now = time.monotonic()
        if self._logs and now - self._said >= EVERY:
            self._said = now
            logger.info("%s", self._line(now, note))

    def _advance(self, count: int) -> None:
        self._done += count
        self._bar.update(count)

    def _line(self, now: float, note: str) -> str:
        own = self._done - self._skipped
        seconds = (now - self._began) / own * (self._total - self._done) if own else None
        left = "" if seconds is None else f"{_span(seconds)} left"
        parts = [f"{self._done:,} of {self._total:,} {self._unit}", note, left]
        return f"{self.title}: {', '.join(filter(None, parts))}"


def over(
    parts: Iterable[T], total: int, title: str, unit: str, size: Callable[[T], int] = lambda _: 1
) -> Iterator[T]:
    """Each part in turn, telling how far it has come.

    Args:
        parts: of the work.
        total: how much there is to do.
        title: what is being done.
        unit: of what, in the plural.
        size: how much of it a part is.
    """
    with Progress(total, title, unit) as progress:
        for part in parts:
            yield part
            progress.update(size(part))


def _span(seconds: float) -> str:
    """``40 s``, ``4 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
