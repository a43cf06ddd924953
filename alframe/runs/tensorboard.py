"""Scalars for TensorBoard."""

import threading
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Self

from torch.utils.tensorboard import SummaryWriter

from alframe.files.atomic import naming


class TensorBoard:
    """Writes event files (:class:`alframe.learner.Recorder`).

    A thread of TensorBoard's writes them. What it cannot write is raised by the next call here,
    and not printed by the thread as well.

    Args:
        folder: where they go; a resumed run adds a file of its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hook, threading.excepthook = threading.excepthook, self._died
        with naming(self._folder):  # if it fails, the hook stays: its thread may still be dying
            self._writer = SummaryWriter(str(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Close; what already failed is more to the point than what then cannot be written."""
        with suppress(OSError) if failed else nullcontext():
            self.close()

    def scalar(self, name: str, value: float, step: int) -> None:
        """Record one number.

        Raises:
            OSError: what was recorded before could not be written.
        """
        with naming(self._folder):
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is pending.

        Raises:
            OSError: it could not be written.
        """
        try:
            with naming(self._folder):
                self._writer.close()
        finally:
            threading.excepthook = self._hook

    def _died(self, args: threading.ExceptHookArgs) -> None:
        """For all threads: those of TensorBoard are known by their module alone."""
        ours = type(args.thread).__module__.startswith("tensorboard.")
        if not (ours and issubclass(args.exc_type, OSError)):
            self._hook(args)
