"""Errors of processes that load images (DataLoader workers), in words.

PyTorch tells of it as a RuntimeError, if at all: one that is killed at any place of the main
process (a signal's handler raises it), one that finds no shared memory by a traceback on the
terminal, while the main process waits for ever.
"""

import errno
import re
import signal

from alframe.errors import TrainingError

FEWER = "go on with data.workers=0 or fewer processes"
WORDS = {
    errno.ENOSPC: (
        "out of shared memory (/dev/shm) for the processes that load images: go on with "
        "data.workers=0, or give it more (docker run --shm-size=8g)"
    ),
    errno.EMFILE: (
        "too many open files for the processes that load images: go on with data.workers=0 or "
        "fewer, or raise the limit (ulimit -n)"
    ),
    errno.ENOMEM: (
        "out of memory for the processes that load images: go on with data.workers=0 or "
        "fewer, or lower data.cache_gb"
    ),
    errno.EAGAIN: (
        "the system starts no more processes to load images: go on with data.workers=0 or fewer, "
        "or raise the limit (ulimit -u)"
    ),
}
SAME = {errno.ENFILE: errno.EMFILE, errno.EDQUOT: errno.ENOSPC}
SAID = {
    r"No space left|[Bb]us error|Disk quota": errno.ENOSPC,
    r"Too many open files|ancdata": errno.EMFILE,
    r"Cannot allocate memory|killed by signal: Killed": errno.ENOMEM,
    r"Resource temporarily unavailable": errno.EAGAIN,
}
"""What messages of torch say -> the number that the system calls it by."""

_EXITED = re.compile(r"DataLoader worker.* exited unexpectedly with exit code (\d+)")
_GONE = re.compile(r"DataLoader worker.* exited unexpectedly|Pin memory thread exited")
_KILLED = re.compile(r"DataLoader worker.* is killed by signal: ([\w ]+)")


def cause(error: BaseException) -> int | None:
    """The number of what the system refused; None where it is something else."""
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    number = getattr(error, "errno", None)
    number = SAME.get(number, number)  # type: ignore[arg-type]
    if number in WORDS:
        return int(number)
    return next((n for text, n in SAID.items() if re.search(text, str(error))), None)


def refused(error: BaseException) -> TrainingError | None:
    """What the system refused to a loading process; None where it is something else."""
    number = cause(error)
    return None if number is None else TrainingError(WORDS[number])


def ended(pid: int, code: int) -> str:
    """In torch's words, how a process has ended: its exit code, or less than zero the signal."""
    if code < 0:
        return f"DataLoader worker (pid {pid}) is killed by signal: {signal.strsignal(-code)}"
    return f"DataLoader worker (pid {pid}) exited unexpectedly with exit code {code}"


def in_words(error: BaseException) -> TrainingError | None:
    """What became of a loading process, for the user; None if the error is not about one."""
    text = f"{error}\n{error.__cause__}"  # torch has the reason of some in the error before
    if killed := _KILLED.search(text):
        how = f"a process that loads images was killed ({killed[1].strip()})"
        number = cause(RuntimeError(killed[0]))
        return TrainingError(f"{how}: {FEWER if number is None else WORDS[number]}")
    if exited := _EXITED.search(text):
        number = int(exited[1])
        other = f"a process that loads images has ended with code {number}: {FEWER}"
        return TrainingError(WORDS.get(SAME.get(number, number), other))
    if _GONE.search(text):
        return TrainingError(f"a process that loads images has ended: {FEWER}")
    return None
