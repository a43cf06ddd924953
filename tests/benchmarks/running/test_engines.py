"""Processes of jobs: which device, which folder, what is logged, how they are stopped."""

import socket
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from alframe.benchmarks.running import engines
from alframe.benchmarks.running.engines import LocalEngine, RayEngine, call_here
from alframe.errors import ConfigError


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first argument is a program, in the place of a command line of alframe."""
    monkeypatch.setattr(engines, "CHILD", ("-c",))


@pytest.mark.parametrize(
    ("visible", "count", "expected"),
    [
        (None, 2, ["0", "1", "0"]),
        ("4, 6", 2, ["4", "6", "4"]),
        ("MIG-a,MIG-b", 1, ["MIG-a", "MIG-a", "MIG-a"]),
        ("", 0, ["", "", ""]),
    ],
)
def test_each_process_has_one_of_the_devices_that_are_ours(
    python: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    visible: str | None,
    count: int,
    expected: list[str],
) -> None:
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    engine = LocalEngine(jobs=3)
    programs = ["import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"] * 3
    codes = [engine.call([p], tmp_path / "logs" / "log") for p in programs]
    assert codes == [0, 0, 0]
    assert (tmp_path / "logs" / "log").read_text().splitlines() == expected


def test_the_processors_are_divided_by_the_processes(
    python: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    program = "import os; print(os.environ['LOCAL_WORLD_SIZE'])"
    assert LocalEngine(jobs=3).call([program], tmp_path / "log") == 0
    assert (tmp_path / "log").read_text() == "3\n"


def test_a_worker_that_lives_elsewhere_works_where_the_suite_was_started(
    python: None, tmp_path: Path
) -> None:
    program = "import os; print(os.getcwd(), os.environ['OMP_NUM_THREADS'])"
    assert call_here([program], tmp_path / "log", 3, tmp_path) == 0
    assert (tmp_path / "log").read_text().split() == [str(tmp_path), "3"]
    assert Path.cwd() != tmp_path


def test_stopping_ends_what_runs_and_what_is_about_to(python: None, tmp_path: Path) -> None:
    engine = LocalEngine(jobs=1)
    codes: list[int] = []
    program = "import time; print('up', flush=True); time.sleep(60)"
    call = threading.Thread(target=lambda: codes.append(engine.call([program], tmp_path / "log")))
    call.start()
    while not (tmp_path / "log").exists() or not (tmp_path / "log").read_text():
        time.sleep(0.01)
    engine.stop()
    call.join(10)
    codes.append(engine.call([program], tmp_path / "log"))
    assert codes == [-9, -9]


class FakeRay(SimpleNamespace):
    """A cluster of two machines with three processors in all; remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__(asked=[], cluster_resources=lambda: {"CPU": 3.0})

    def nodes(self) -> list[dict[str, object]]:
        lost = {"Alive": False, "Resources": {"CPU": 64.0}}
        return [lost, *({"Alive": True, "Resources": {"CPU": n}} for n in (2.0, 1.0))]

    def shutdown(self) -> None:
        self.asked.append("shutdown")

    def init(self, address: str | None, **_: object) -> None:
        self.asked.append(address)

    def remote(self, **_: object) -> object:
        return lambda function: function


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)  # type: ignore[arg-type]
    return fake


def test_a_cluster_is_looked_for_where_something_listens(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        for address in (None, "auto", "local", place, f"ray://{place}"):
            assert RayEngine(address).slots == 3
    assert ray.asked == [None, "auto", "local", place, f"ray://{place}"]
    with pytest.raises(ConfigError, match=rf"^--address {place}: nothing answers there \("):
        RayEngine(place)  # for which Ray would wait a quarter of an hour
    monkeypatch.setenv("RAY_ADDRESS", place)
    with pytest.raises(ConfigError, match=rf"^--address {place}: nothing answers there"):
        RayEngine()
    with pytest.raises(ConfigError, match=r"^--address head\.\.local:1: nothing answers there"):
        RayEngine("head..local:1")
    assert RayEngine("other://cluster").slots == 3


def test_a_process_takes_no_more_processors_than_a_machine_has(ray: FakeRay) -> None:
    assert RayEngine(threads=2).slots == 1
    with pytest.raises(ConfigError, match=r"^--threads 3: expected at most 2, the processors of "):
        RayEngine(threads=3)
    assert ray.asked == [None, None, "shutdown"]
    ray.nodes = lambda: [{"Alive": True, "Resources": {"CPU": 0.0}}]
    assert RayEngine(threads=3).slots == 1, "machines with processors are to come"
    ray.nodes, ray.cluster_resources = list, lambda: {"GPU": 2.0}
    assert RayEngine(threads=3).slots == 2


@pytest.mark.parametrize("address", ["", "head", "head:", ":6379", "head:x", "head:99999", "[::1"])
def test_what_is_no_address_is_told(ray: FakeRay, address: str) -> None:
    with pytest.raises(ConfigError, match=r"expected one of HOST:PORT, ray://HOST:PORT, auto, lo"):
        RayEngine(address)
    assert not ray.asked
