"""``run.log``: what a run says, and why it stopped."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from alframe.text import LineFormatter

logger = logging.getLogger(__name__)


class RunLog(logging.FileHandler):
    """A log that says nothing of a disk that takes nothing: the run will, where it matters."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Leave a line out that cannot be written."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


@contextlib.contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Write all that alframe logs to a file, and the traceback of what ends the code inside."""
    handler = RunLog(path, encoding="utf-8")
    handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("alframe")
    root.addHandler(handler)
    try:
        yield
    except BaseException:
        # For the file only: on the terminal the command line says what is to be said.
        stopped = (logger.name, logging.ERROR, __file__, 0, "the run stopped", (), sys.exc_info())
        handler.handle(logger.makeRecord(*stopped))
        raise
    finally:
        root.removeHandler(handler)
        with contextlib.suppress(OSError):
            handler.close()
