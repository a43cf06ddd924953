"""Processes of jobs: which device, which folder, what is logged, how they are stopped."""

import threading
import time
from pathlib import Path

import pytest
import torch

from alframe.benchmarks.running import engines
from alframe.benchmarks.running.engines import LocalEngine, call_here


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
