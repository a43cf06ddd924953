"""What a run settles: ``training.precision=auto`` is a rule, and what a run has begun with."""

import json
from pathlib import Path

import pytest

from alframe.config.resolve import from_overrides, resolve
from alframe.errors import RunError
from alframe.runs.run import run
from alframe.runs.rundir import stored_layer
from alframe.runs.settled import as_settled

SMALL = (
    "strategy=entropy",
    "dataset.pool=8",
    "dataset.test=2",
    "dataset.size=64",
    "training.iterations=1",
    "training.batch_size=2",
    "training.precision=auto",
    "budget.initial=2",
    "budget.per_cycle=2",
    "budget.cycles=2",
    "device=cpu",
)


@pytest.mark.parametrize(("has", "precision"), [(True, "bf16"), (False, "fp32")])
def test_a_device_that_has_bf16_computes_in_it(
    has: bool, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alframe.training.device.has_bf16", lambda device: has)
    config = resolve([from_overrides(SMALL)])
    assert as_settled(config, tmp_path).training.precision == precision
    fixed = resolve([from_overrides([*SMALL, "training.precision=fp32"])])
    assert as_settled(fixed, tmp_path) == fixed


def test_a_run_keeps_what_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alframe.training.device.has_bf16", lambda device: True)
    config, path = resolve([from_overrides(SMALL)]), tmp_path / "run"
    next(iter(run(config, path)))
    assert resolve([stored_layer(path)]).training.precision == "bf16"
    assert json.loads((path / "manifest.json").read_text())["precision"] == "bf16"
    monkeypatch.setattr("alframe.training.device.has_bf16", lambda device: False)
    assert len(list(run(config, path, resume=True))) == 2
    follower = config.model_copy(update={"first_cycle": str(path)})
    assert as_settled(follower, tmp_path / "new").training.precision == "bf16"
    assert as_settled(config, tmp_path / "new").training.precision == "fp32"
    fixed = resolve([from_overrides([*SMALL, "training.precision=fp32"])])
    with pytest.raises(RunError, match=r"precision = 'bf16', now it is 'fp32'"):
        list(run(fixed, path, resume=True))
