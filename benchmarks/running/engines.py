"""Where the jobs of a suite run: in processes here, or all over a Ray cluster.

Both start the same command in a process of its own, so both give the same results.
"""

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from alframe.datasets.bulk import processors
from alframe.errors import ConfigError

CHILD = ("-m", "alframe.benchmarks.running.child")
NAMED = ("auto", "local")
"""Addresses of Ray that are no places: the cluster of this machine, and a new one."""
PATIENCE = 10.0
"""Seconds for a connection to a cluster to be made."""


class Engine(Protocol):
    """Runs ``alframe`` with arguments; :meth:`call` is used by ``slots`` threads at once.

    Attributes:
        slots: how many processes at a time.
    """

    slots: int

    def call(self, arguments: Sequence[str], log: Path) -> int:
        """Run to the end, appending what is said to ``log``; returns the exit code."""
        ...

    def stop(self) -> None:
        """End everything that runs."""
        ...


class LocalEngine:
    """Processes on this machine: one per CUDA device, or several on the CPU.

    Args:
        jobs: how many at a time; None takes one per device, or one per ``threads`` processors.
        threads: of each process; None takes 1 on the CPU, and an equal part of the processors
            beside a device. Numbers of the CPU depend on it a little, since sums are made in
            another order.
    """

    def __init__(self, jobs: int | None = None, threads: int | None = None) -> None:
        import torch

        devices = _devices(torch.cuda.device_count())
        self.slots = jobs or len(devices) or max(1, processors() // (threads or 1))
        self._threads = threads or (max(1, processors() // self.slots) if devices else 1)
        self._devices: queue.Queue[str | None] = queue.Queue()
        for slot in range(self.slots):
            self._devices.put(devices[slot % len(devices)] if devices else None)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = threading.Event()

    def call(self, arguments: Sequence[str], log: Path) -> int:
        """See :class:`Engine`."""
        device = self._devices.get()
        shared = {"LOCAL_WORLD_SIZE": str(self.slots)}  # by as many are the processors used
        variables = {} if device is None else {"CUDA_VISIBLE_DEVICES": device, **shared}
        try:
            with start(arguments, log, self._threads, variables) as process:
                self._running.add(process)
                if self._stopped.is_set():  # since this thread looked for a device
                    process.kill()
                code = process.wait()
                self._running.discard(process)
                return code
        finally:
            self._devices.put(device)

    def stop(self) -> None:
        """See :class:`Engine`."""
        self._stopped.set()
        for process in list(self._running):
            process.kill()


class RayEngine:
    """Processes on the machines of a Ray cluster, which share the output folder.

    Each takes one GPU, or ``threads`` processors on a cluster without GPUs.

    Args:
        address: of the cluster; None starts one on this machine.
        jobs: how many at a time; None takes as many as the cluster has room for.
        threads: of each process; None is 1.

    Raises:
        ConfigError: Ray is not installed, there is no such cluster, or no machine of it has as many
            processors as a process is to take.
    """

    def __init__(
        self, address: str | None = None, jobs: int | None = None, threads: int | None = None
    ) -> None:
        self._threads = threads or 1
        self._ray = _connected(address)
        resources: Mapping[str, float] = self._ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        self.slots = jobs or gpus or max(1, int(resources.get("CPU", 1)) // self._threads)
        machines = [node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]]
        most = int(max(machines, default=0))  # none: those of a cluster that grows are to come
        if not gpus and 0 < most < self._threads:
            self.stop()
            raise ConfigError(
                f"--threads {threads}: expected at most {most}, the processors of the largest "
                "machine of the cluster"
            )
        needs = {"num_gpus": 1} if gpus else {"num_cpus": self._threads}
        # A retry is the work list's to decide, and goes on from the last checkpoint.
        self._remote = self._ray.remote(max_retries=0, **needs)(call_here)

    def call(self, arguments: Sequence[str], log: Path) -> int:
        """See :class:`Engine`; a machine that is lost counts as a failed process."""
        task = self._remote.remote(list(arguments), log.absolute(), self._threads, Path.cwd())
        try:
            code: int = self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf-8") as file:
                file.write(f"error: {' '.join(str(error).split())}\n")
            return 1
        return code

    def stop(self) -> None:
        """See :class:`Engine`; workers die with the connection, and the processes with them."""
        self._ray.shutdown()


def call_here(arguments: Sequence[str], log: Path, threads: int, folder: Path) -> int:
    """Run ``alframe`` in a process on this machine, in ``folder``; returns its exit code."""
    with start(arguments, log, threads, {}, folder) as process:
        return process.wait()


@contextlib.contextmanager
def start(
    arguments: Sequence[str],
    log: Path,
    threads: int,
    variables: Mapping[str, str],
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ``alframe`` that ends with this one; its output is appended to ``log``.

    Args:
        arguments: of the command line.
        log: a file.
        threads: of the process.
        variables: of its environment, above those of this process.
        folder: where it works; None is where this process does. A worker of Ray may work
            elsewhere, and relative paths are meant from where the suite was started.
    """
    environment = os.environ | variables | {"OMP_NUM_THREADS": str(threads)}
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("ab") as file,
        subprocess.Popen(  # noqa: S603
            [sys.executable, *CHILD, *arguments],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,  # Ctrl-C is the parent's to handle
        ) as process,
    ):
        yield process


def _devices(count: int) -> list[str]:
    """What ``CUDA_VISIBLE_DEVICES`` calls the devices that this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [d.strip() for d in visible.split(",")][:count] if visible else [*map(str, range(count))]


def _connected(address: str | None) -> Any:
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError("--engine ray needs Ray: pip install 'alframe[ray]'") from error
    wanted = os.environ.get("RAY_ADDRESS") if address is None else address
    is_place = wanted is not None and wanted not in NAMED
    if is_place:
        _check_listens(str(wanted))
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=40)
    except ConnectionError as error:
        remedy = "; where the cluster wants a token, set RAY_AUTH_MODE=token" if is_place else ""
        where = "--engine ray" if wanted is None else f"--address {wanted}"
        raise ConfigError(f"{where}: {str(error).rstrip('.')}{remedy}") from error
    return ray


def _check_listens(address: str) -> None:
    """Refuse an address at which there is nothing: Ray itself would try for a quarter of an hour.

    Raises:
        ConfigError: it is not an address, or nothing answers there.
    """
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        if parts.scheme not in {"", "ray"}:
            return  # of another program that Ray knows of
        place = parts.hostname or "", parts.port or 0
    except ValueError:
        place = "", 0
    if not all(place):
        expected = ", ".join(("HOST:PORT", "ray://HOST:PORT", *NAMED))
        raise ConfigError(f"--address: expected one of {expected}, got {address!r}")
    try:
        socket.create_connection(place, PATIENCE).close()
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"--address {address}: nothing answers there ({error}): start the cluster, ray start "
            "--head says its address"
        ) from error
