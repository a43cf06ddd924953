"""Files of tensors hold what can be read back without executing anything."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alframe.errors import RunError
from alframe.files.checkpoints import contents, load, save
from alframe.files.state_dicts import without_prefix


def test_a_damaged_file_of_ours_is_not_taken_for_that_of_others(tmp_path: Path) -> None:
    save(path := tmp_path / "x.pt", "", {"state": torch.zeros(1)})
    raw = bytearray(path.read_bytes())
    raw[-1] = ord("0") if raw[-1] != ord("0") else ord("1")  # of its checksum
    path.write_bytes(raw)
    with pytest.raises(RunError, match="is damaged, its checksum does not match"):
        contents(path, "restore it")
    torch.save({"weight": torch.zeros(1)}, path)
    assert contents(path, "restore it").keys() == {"weight"}


def test_a_part_that_is_called_module_is_no_wrapper() -> None:
    state = {"module.weight": torch.zeros(1)}
    assert without_prefix(state, {"module.weight"}) == state
    assert without_prefix(state, {"weight"}) == {"weight": state["module.weight"]}


def test_what_a_state_may_hold(tmp_path: Path) -> None:
    state: dict[Any, Any] = {
        "weights": OrderedDict(a=torch.arange(3.0), b=torch.nn.Parameter(torch.ones(2))),
        "more": [1, 2.5, "x", None, True, (b"raw", {3}), torch.Size([2]), torch.bfloat16],
        7: {"deep": {0: [[]]}},
    }
    save(tmp_path / "x.pt", "c", {"state": state})
    found = load(tmp_path / "x.pt", "c", "remedy", {"state": dict})["state"]
    assert found["more"] == state["more"]
    assert found["weights"]["b"].equal(torch.ones(2))


@pytest.mark.parametrize(
    ("part", "at"),
    [
        (np.zeros(2), r"state\.deep\[1\] \(numpy\.ndarray\)"),
        (np.float64(0.5), r"state\.deep\[1\] \(numpy\.float64\)"),
        (Path(), r"state\.deep\[1\] \(pathlib\.\w*\.?PosixPath\)"),  # 3.13: of pathlib._local
        ({np.int64(1): 2}, r"a key of state\.deep\[1\] \(numpy\.int64\)"),
    ],
)
def test_what_would_be_refused_when_it_is_read_is_not_written(
    tmp_path: Path, part: Any, at: str
) -> None:
    save(tmp_path / "x.pt", "c", {"state": 1})
    with pytest.raises(RunError, match=f"x.pt cannot be kept: {at}: expected tensors, numbers"):
        save(tmp_path / "x.pt", "c", {"state": {"deep": [0, part]}})
    assert load(tmp_path / "x.pt", "c", "remedy", {"state": int})["state"] == 1
