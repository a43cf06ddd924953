"""Other processes for tests, and several in one group, as torchrun would start them."""

import contextlib
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from torch.distributed import TCPStore

SECONDS = 120
"""After which processes that wait for each other count as stuck."""

Running = tuple[Any, Connection]
"""A process, and where its answer comes from."""

FORKED = multiprocessing.get_context("forkserver")
"""Of processes that start with everything imported, and share nothing else with this one."""
FORKED.set_forkserver_preload(
    [
        "alframe.detectors.retinanet",
        "alframe.runs.run",
        "alframe.training.plain_learner",
        "tests.runs.test_kill",
        "tests.training.test_distributed_learner",
        "tests.training.test_parallel",
        "torch.utils.tensorboard",
    ]
)


def side_by_side(work: Callable[..., Any], *arguments: Any, processes: int = 2) -> list[Any]:
    """What ``work(*arguments)`` returns in each process, or the exception that it raises there."""
    with started(work, *arguments, processes=processes) as running:
        return [answer(connection) for _, connection in running]


@contextlib.contextmanager
def started(work: Callable[..., Any], *arguments: Any, processes: int) -> Iterator[list[Running]]:
    """Processes that work side by side; each comes with the connection that it answers on."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    environment = {
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # here as there it outlives the processes
    }
    running: list[Running] = []
    for rank in range(processes):
        numbers = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        ours, theirs = FORKED.Pipe(duplex=False)
        told = (theirs, {**environment, **numbers}, work, arguments)
        child = FORKED.Process(target=_work, args=told)
        child.start()
        theirs.close()
        running.append((child, ours))
    try:
        yield running
    finally:
        for child, _ in running:
            child.join(10)
            child.kill()


def _work(
    answers: Connection,
    environment: dict[str, str],
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    from alframe.training.distributed import process_group

    os.environ.update(environment)
    try:
        with process_group():
            result = work(*arguments)
    except BaseException as error:
        result = error
    answers.send_bytes(pickle.dumps(result))  # send() would pass on handles of tensors


def answer(connection: Connection) -> Any:
    """What a process has to say at its end."""
    if not connection.poll(SECONDS):
        raise TimeoutError("a process waits for another that will not come")
    return pickle.loads(connection.recv_bytes())
