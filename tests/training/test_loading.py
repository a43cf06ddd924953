"""Processes and threads that load images: what goes wrong in them reaches the user, in words."""

import errno
import gc
import os
import re
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.queues import Queue
from typing import Any

import pytest
import torch

from alframe.datasets.problems import BadItemError, Problem
from alframe.errors import AlframeError, DataError, TrainingError
from alframe.training import loading
from alframe.training.batch import Batch
from alframe.training.loading import loaded, loaded_by_threads
from alframe.training.worker_errors import cause, in_words

SHM = r"out of shared memory \(/dev/shm\).*data\.workers=0.*--shm-size"
FILES = r"too many open files.*data\.workers=0.*ulimit -n"


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """Torch's handler of SIGCHLD raises anywhere, also where its loader has just opened a file."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def batch(keys: Sequence[int]) -> Batch:
    images = torch.full((len(keys), 3, 4, 4), keys[0], dtype=torch.uint8)
    return Batch(tuple(map(str, keys)), images, torch.ones(len(keys), 2), torch.ones(len(keys), 2))


def failing(failure: Callable[[], Any]) -> Callable[[Sequence[int]], Batch]:
    def make(keys: Sequence[int]) -> Batch:
        if keys[0] == 3:
            failure()
        return batch(keys)

    return make


def raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> None:
        raise error

    return fail


def numbers(make: Callable[[Sequence[int]], Batch], workers: int) -> list[int]:
    keys = ([i] for i in range(8))
    return [int(b.images[0, 0, 0, 0]) for b in loaded(make, keys, workers=workers, pin=False)]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_order_and_errors_as_what_they_are(workers: int) -> None:
    assert numbers(batch, workers) == [*range(8)]
    bad = BadItemError(
        Problem("gone", "a.jpg", "restore it"), Problem("gone", "b.jpg", "restore it")
    )
    for error in (DataError(["one", "two"]), TrainingError("three"), bad):
        with pytest.raises(type(error)) as raised:
            numbers(failing(raising(error)), workers)
        assert raised.value.problems == error.problems
        assert str(raised.value) == str(error), "without a traceback in it"
    assert getattr(bad, "found", None), "what a subclass keeps is kept"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(KeyError, match="Traceback"):
        numbers(failing(raising(KeyError("ours"))), 1)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        numbers(failing(raising(RuntimeError("mat1 and mat2"))), 1)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("unable to allocate shared memory(shm): No space left on device (28)"), SHM),
        (OSError(errno.EMFILE, "Too many open files"), FILES),
        (RuntimeError("unable to open shared memory object: Too many open files (24)"), FILES),
        (MemoryError(), r"out of memory.*data\.workers=0"),
    ],
)
def test_what_the_system_refuses_to_a_process(error: BaseException, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        numbers(failing(raising(error)), 1)


def test_a_batch_that_finds_no_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    full = RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")
    monkeypatch.setattr(Batch, "share_memory", lambda _: raising(full)())
    with pytest.raises(TrainingError, match=SHM):
        numbers(batch, 2)


def test_a_queue_that_cannot_send_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unsendable(Batch):
        def share_memory(self) -> "Unsendable":
            return self

        def __reduce__(self) -> Any:
            raise OSError(errno.ENOSPC, "No space left on device")

    def make(keys: Sequence[int]) -> Batch:
        made = batch(keys)
        return Unsendable(made.ids, made.images, made.sizes, made.originals)

    began = time.monotonic()
    with pytest.raises(TrainingError, match=SHM):
        numbers(make, 1)
    assert time.monotonic() - began < 20
    assert "leave" not in repr(Queue._on_queue_feeder_error), "of other processes, not of ours"  # type: ignore[attr-defined]


def said(make: Callable[[Sequence[int]], Batch]) -> str:
    """What is said of a process; by the command line, where torch's handler raises elsewhere."""
    try:
        numbers(make, 1)
    except (RuntimeError, TrainingError) as error:
        return str(in_words(error) or error)
    raise AssertionError("nothing went wrong")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # torch's, cut short
def test_a_killed_process_is_told_of() -> None:
    killed = said(failing(lambda: os.kill(os.getpid(), signal.SIGKILL)))
    ended = r"has ended: go on with data\.workers=0"  # torch does not always know the reason
    assert re.search(rf"was killed \(Killed\): out of memory|{ended}", killed)
    bus = said(failing(lambda: os.kill(os.getpid(), signal.SIGBUS)))
    assert re.search(rf"was killed \(Bus error\): out of shared memory|{ended}", bus)
    assert "has ended" in said(failing(lambda: os._exit(3)))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EAGAIN, r"starts no more processes.*ulimit -u"),
        (errno.ENOMEM, "out of memory"),
        (errno.ENOSPC, SHM),
        (errno.ENFILE, FILES),
    ],
)
def test_processes_that_cannot_be_started(
    number: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", raising(OSError(number, os.strerror(number))))
    with pytest.raises(TrainingError, match=message):
        numbers(batch, 1)


def test_messages_of_torch_from_wherever_they_are_raised() -> None:
    """As the handler of SIGCHLD raises them, and where a process is found dead."""
    code = "DataLoader worker (pid 7) exited unexpectedly with exit code {}. Details are lost"
    for text, message in (
        (code.format(errno.EMFILE), "too many open files"),
        (code.format(9), "has ended with code 9"),
        ("DataLoader worker (pid(s) 7, 8) exited unexpectedly", "has ended"),
        ("DataLoader worker (pid 7) is killed by signal: Killed. ", "out of memory"),
        ("DataLoader worker (pid 7) is killed by signal: Terminated. ", r"killed \(Terminated\)"),
        ("Pin memory thread exited unexpectedly", "has ended"),
    ):
        with pytest.raises(AlframeError, match=message):
            raise in_words(RuntimeError(text)) or AssertionError(text)
    error = RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly")
    error.__cause__ = RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
    assert "was killed (Killed): out of memory" in str(in_words(error))
    assert in_words(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    assert cause(RuntimeError("received 0 items of ancdata")) == errno.EMFILE
    assert cause(ValueError("no")) is None


def test_keys_are_not_all_made_beforehand() -> None:
    """A length of 10^15 batches takes no memory."""
    made = []
    keys = (made.append(i) or [i % 8] for i in range(10**15))  # type: ignore[func-returns-value]
    stream = loading.loaded(batch, keys, workers=0, pin=False)
    assert [next(stream).ids for _ in range(3)] == [("0",), ("1",), ("2",)]
    assert len(made) <= 4


def test_a_signal_in_the_midst_of_looking_tells_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler of SIGCHLD raises wherever the main process is."""
    late = RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible")
    looks = iter([lambda _: raising(late)(), loading.in_words])
    monkeypatch.setattr(loading, "in_words", lambda error: next(looks)(error))
    told = loading._told(ConnectionResetError(104, "Connection reset by peer"), iter(()))
    assert "was killed (Bus error): out of shared memory" in str(told)


class TestThreads:
    @pytest.mark.parametrize("threads", [0, 1, 3])
    def test_batches_come_in_order_and_errors_as_what_they_are(self, threads: int) -> None:
        def slower_first(keys: Sequence[int]) -> Batch:
            time.sleep(0.02 if keys[0] % 3 == 0 else 0)
            return batch(keys)

        assert self.numbers(slower_first, threads) == [*range(8)]
        with pytest.raises(DataError, match="one"):
            self.numbers(failing(raising(DataError(["one", "two"]))), threads)

    @pytest.mark.parametrize("threads", [1, 3])
    def test_they_are_few_batches_ahead_and_end_with_who_reads(self, threads: int) -> None:
        made: list[int] = []

        def noted(keys: Sequence[int]) -> Batch:
            made.append(keys[0])
            return batch(keys)

        before = threading.active_count()
        batches = loaded_by_threads(noted, ([i] for i in range(100)), threads=threads, pin=False)
        next(batches)
        time.sleep(0.1)
        assert sorted(made) == [*range(threads + 1)]
        batches.close()
        assert threading.active_count() == before

    def test_they_pin_on_the_gpu_of_this_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        chosen: list[int] = []
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
        monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
        monkeypatch.setattr(Batch, "pin_memory", lambda self: replace(self, ids=("pinned",)))
        batches = loaded_by_threads(batch, [[1], [2]], threads=1, pin=True)
        assert [b.ids for b in batches] == [("pinned",)] * 2
        assert chosen == [3]

    @staticmethod
    def numbers(make: Callable[[Sequence[int]], Batch], threads: int) -> list[int]:
        batches = loaded_by_threads(make, ([i] for i in range(8)), threads=threads, pin=False)
        return [int(b.images[0, 0, 0, 0]) for b in batches]
