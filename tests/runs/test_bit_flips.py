"""Every file that a run stores, bit by bit: a flip is noticed, or it changes nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alframe.config.resolve import resolve
from alframe.config.sections import BudgetConfig
from alframe.errors import AlframeError
from alframe.files.checked import read_records
from alframe.runs.initial import digest, draw, stored_ids, write_initial
from alframe.runs.journal import Journal
from alframe.runs.records import REMEDY, results_table
from alframe.runs.rundir import RunDir, stored_layer, stored_scores
from alframe.seeds import Seeds
from tests.fakes import FakeLearner
from tests.runs.test_loop import run_loop

FLIPS = 300
BUDGET = BudgetConfig(initial=3, per_cycle=2, cycles=3)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a fake learner, an unfinished fit in it, and an initial set."""
    path = tmp_path_factory.mktemp("flips") / "run"
    run_loop(path, learner=FakeLearner(), budget=BUDGET)
    opened = reopened(path)
    opened.update_manifest(dataset={"fingerprint": "f" * 64, "classes": ["a", "b"]})
    opened.fit_state(2).save({"epoch": 1, "weights": torch.arange(9.0)})
    ids = draw([f"p{n:03d}" for n in range(12)], 3, Seeds(0))
    write_initial(path / "initial.json", ids)
    return path


def reopened(path: Path) -> RunDir:
    return RunDir(path, resolve([stored_layer(path)]))


def results(path: Path) -> bytes:
    """As ``verify`` holds it against the other file."""
    found = (path / "results.csv").read_bytes()
    if found != results_table(read_records(path / "cycles.jsonl", REMEDY)).encode():
        raise AlframeError("results.csv differs, as verify says")
    return found


def fit_state(path: Path) -> Any:
    return str(reopened(path).fit_state(2).load())


def without_key(manifest: dict[str, Any]) -> dict[str, Any]:
    """A flip in the name of the checksum makes an entry of it, of which nobody reads anything."""
    return {k: v for k, v in manifest.items() if k in ("initial_sha256", "finished", "dataset")}


READ: dict[str, Callable[[Path], Any]] = {
    "config.yaml": lambda path: stored_layer(path),
    "manifest.json": lambda path: without_key(reopened(path).manifest()),
    "journal.jsonl": lambda path: list(Journal(path)),
    "cycles.jsonl": lambda path: read_records(path / "cycles.jsonl", ""),
    "results.csv": results,
    "scores/cycle_00.npz": lambda path: stored_scores(path, 0),
    "checkpoints/cycle_01.pt": lambda path: str(reopened(path).load_model(1)),
    "checkpoints/latest.pt": fit_state,
    "initial.json": lambda path: digest(stored_ids(path / "initial.json")),
}
"""How it is read; of what is equal nothing has changed."""


def flips(path: Path) -> list[int]:
    """So many bits, or all; those at both ends, where checksums and headers lie, always."""
    bits = 8 * path.stat().st_size
    ends = {*range(min(bits, 64)), *range(max(0, bits - 400), bits)}
    drawn = np.random.default_rng(0).choice(bits, min(bits, FLIPS), replace=False)
    return sorted({*map(int, drawn), *ends})


def outcomes(run: Path, name: str) -> dict[str, int]:
    """How many flips of bits were noticed, how many changed nothing, how many were missed."""
    file, read = run / name, READ[name]
    whole, right = file.read_bytes(), read(run)
    found = {"noticed": 0, "without effect": 0, "missed": 0}
    for position in flips(file):
        content = bytearray(whole)
        content[position // 8] ^= 1 << position % 8
        file.write_bytes(content)
        try:
            found["without effect" if read(run) == right else "missed"] += 1
        except AlframeError as error:
            found["noticed" if file.name in str(error) else "missed"] += 1
    file.write_bytes(whole)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", READ)
def test_a_flipped_bit_is_noticed_or_changes_nothing(
    run: Path, tmp_path: Path, name: str, record_property: Callable[[str, object], None]
) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    found = outcomes(copy, name)
    record_property(name, found)
    print(name, found)  # noqa: T201
    assert found["missed"] == 0
    assert found["noticed"] > 0.8 * sum(found.values())
