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
    """Raise KeyboardInterrupt at Ctrl-C and :class:`Terminated` at SIGTERM.

    Also where a library that is interrupted makes an error of its own of it.

    Not in a process of torchrun, which stops the others of a team while they wait for each other:
    an exception would not be raised before that waiting has ended.
    """
    raised: list[KeyboardInterrupt] = []

    def stop(number: int, _: object) -> NoReturn:
        raised.append(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
        raise raised[-1]

    if launched():
        yield
        return
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, stop)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # or it is ignored
        before[signal.SIGINT] = signal.signal(signal.SIGINT, stop)
    try:
        yield
    except Exception as error:
        if raised:
            raise raised[-1] from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(error: BaseException | None) -> int:
    """128 and the number of the signal, as shells have it."""
    return 128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT)
