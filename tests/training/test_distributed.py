"""What several processes tell each other, and how they end."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from alframe.errors import ConfigError, TrainingError
from alframe.training import distributed
from alframe.training.device import pick_device
from tests.processes import SECONDS, answer, side_by_side, started


def talk(folder: Path) -> dict[str, Any]:
    rank = distributed.rank()
    mark = folder / "left behind"

    asked: list[int] = []
    own = torch.tensor(rank + 1.0)

    def work() -> bool:
        if rank == 0:
            time.sleep(0.2)
            mark.touch()
        return mark.exists()

    return {
        "rank": rank,
        "size": distributed.world_size(),
        "first": distributed.is_main_process(),
        "decided": distributed.broadcast(lambda: asked.append(rank) or f"by {rank}"),  # type: ignore[func-returns-value]
        "asked": asked,
        "gathered": distributed.all_gather({"rank": rank}),
        "collected": distributed.gather(rank),
        "summed": float(distributed.all_reduce(own)),
        "own": float(own),
        "in_turn": distributed.main_process_first(work),
        "device": str(pick_device("auto" if not torch.cuda.is_available() else "cpu")),
    }


def test_processes_agree(tmp_path: Path) -> None:
    answers = side_by_side(talk, tmp_path, processes=3)
    for rank, told in enumerate(answers):
        assert told == {
            "rank": rank,
            "size": 3,
            "first": rank == 0,
            "decided": "by 0",
            "asked": [0] if rank == 0 else [],
            "gathered": [{"rank": 0}, {"rank": 1}, {"rank": 2}],
            "collected": [0, 1, 2] if rank == 0 else [],
            "summed": 6.0,
            "own": rank + 1.0,
            "in_turn": True,
            "device": "cpu",
        }


def test_a_rank_alone_is_not_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other launchers, such as a scheduler's, set some of its variables."""
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert not distributed.launched()
    assert (distributed.rank(), distributed.world_size()) == (0, 1)


def test_one_process_agrees_with_itself(tmp_path: Path) -> None:
    answer = talk(tmp_path)
    assert not distributed.is_initialized()
    assert (answer["rank"], answer["size"], answer["first"]) == (0, 1, True)
    assert (answer["decided"], answer["gathered"]) == ("by 0", [{"rank": 0}])
    assert (answer["collected"], answer["summed"], answer["in_turn"]) == ([0], 1.0, True)


def fail(only: int | None) -> list[int]:
    if only is None or distributed.rank() == only:
        raise ConfigError("look here")
    return distributed.all_gather(0)


@pytest.mark.parametrize("only", [0, 1, None], ids=["first", "second", "both"])
def test_one_says_why_and_all_leave(only: int | None) -> None:
    answers = side_by_side(fail, only)
    failed = [a for a in answers if isinstance(a, ConfigError)]
    assert [str(a) for a in failed] == ["look here"]
    assert only is None or answers[only] is failed[0]
    (silent,) = (a for a in answers if a is not failed[0])
    assert isinstance(silent, SystemExit)
    assert silent.code == 2


def linger(victim: int, mark: Path) -> list[int]:
    if distributed.rank() == victim:
        mark.touch()
        time.sleep(SECONDS)
    return distributed.all_gather(0)


@pytest.mark.parametrize("victim", [0, 1])
def test_of_two_the_other_says_that_one_was_killed(victim: int, tmp_path: Path) -> None:
    mark = tmp_path / "joined"
    with started(linger, victim, mark, processes=2) as running:
        while not mark.exists():
            time.sleep(0.01)
        running[victim][0].kill()
        left = answer(running[1 - victim][1])
    assert isinstance(left, TrainingError)
    assert "another process was killed" in str(left)


def test_a_device_for_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alframe.training.device.is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setitem(os.environ, "LOCAL_RANK", "1")
    assert str(pick_device("auto")) == str(pick_device("cuda")) == "cuda:1"
    assert str(pick_device("cpu")) == "cpu"
    with pytest.raises(ConfigError, match="device=cuda:1: each process takes a GPU of its own"):
        pick_device("cuda:1")
    monkeypatch.setitem(os.environ, "LOCAL_RANK", "2")
    with pytest.raises(ConfigError, match="process 3 on this machine finds 2 CUDA devices"):
        pick_device("auto")
