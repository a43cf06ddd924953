"""Making many objects at once."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Python looks for cycles of dead objects afterwards only.

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
