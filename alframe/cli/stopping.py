"""Being told to stop: Ctrl-C, and SIGTERM, which schedulers and ``timeout`` send."""

import contextlib
import signal
from collections.abc import Iterator
from typing import NoReturn

from alframe.training.distributed import launched


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends what is being done as Ctrl-C does, so that it says how to go on."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Raise :class:`Terminated` at SIGTERM.

    Not in a process of torchrun, which stops the others of a team while they wait for each other:
    an exception would not be raised before that waiting has ended.
    """
    if launched():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code(error: BaseException | None) -> int:
    """128 and the number of the signal, as shells have it."""
    return 128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT)


def _raise(*_: object) -> NoReturn:
    raise Terminated
