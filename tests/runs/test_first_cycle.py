"""A first cycle taken over from another run is as good as one's own."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alframe.config.resolve import from_overrides, resolve
from alframe.errors import RunError
from alframe.runs.initial import write_initial
from alframe.runs.journal import Journal
from alframe.runs.run import run
from alframe.runs.rundir import RunDir, stored_layer
from tests.runs.test_loop import without_costs

SMALL = (
    "dataset.pool=30", "dataset.test=8", "dataset.size=64", "training.iterations=4",
    "training.warmup=1", "budget.initial=8", "budget.per_cycle=6", "evaluation.coco=false",
    "device=cpu", "learner.name=plain",
)  # fmt: skip


def start(path: Path, *pairs: str, resume: bool = False) -> list[Mapping[str, Any]]:
    config = resolve([from_overrides([*SMALL, *pairs])])
    return without_costs(list(run(config, path, resume=resume)))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("takeover") / "first"
    start(path, "strategy=random", "budget.cycles=1")
    return path


@pytest.mark.parametrize("strategy", ["entropy", "coreset"])
def test_the_run_is_as_if_it_had_trained(tmp_path: Path, first: Path, strategy: str) -> None:
    pairs = (f"strategy={strategy}", "budget.cycles=2")
    own = start(tmp_path / "own", *pairs)
    taken = start(tmp_path / "taken", *pairs, f"first_cycle={first}")
    assert taken == own
    fitted = [e for e in Journal(tmp_path / "taken") if e["event"] == "fitted"]
    source = Journal(first).of("fitted")
    assert fitted[0] == source[0]
    assert len(fitted) == 2


def test_what_matters_from_the_first_selection_on_may_differ(tmp_path: Path, first: Path) -> None:
    later = ("budget.candidates=9", "budget.per_cycle=5", "training.warm_start=true")
    pairs = ("strategy=entropy", "budget.cycles=2", *later)
    own = start(tmp_path / "own", *pairs)
    assert start(tmp_path / "taken", *pairs, f"first_cycle={first}") == own


def test_a_kill_while_taking_over_loses_nothing(tmp_path: Path, first: Path) -> None:
    pairs = ("strategy=entropy", "budget.cycles=2", f"first_cycle={first}")
    whole = start(tmp_path / "run", *pairs)
    journal = tmp_path / "run" / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["initial_sha256"] == json.loads(lines[0])["sha256"]
    for kept in range(4):
        journal.write_text("".join(lines[:kept]))
        (tmp_path / "run" / "cycles.jsonl").unlink()  # written once a cycle is evaluated
        assert start(tmp_path / "run", *pairs, resume=True) == whole


def test_a_first_cycle_of_its_own_is_kept(tmp_path: Path, first: Path) -> None:
    pairs = ("strategy=random", "budget.cycles=2")
    whole = start(tmp_path / "run", *pairs)
    journal = (tmp_path / "run" / "journal.jsonl").read_bytes()
    assert start(tmp_path / "run", *pairs, f"first_cycle={first}", resume=True) == whole
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == journal


def test_a_model_that_was_not_kept_is_missed_before_anything_is_made(
    tmp_path: Path, first: Path
) -> None:
    source = shutil.copytree(first, tmp_path / "source")
    (source / "checkpoints" / "cycle_00.pt").unlink()
    with pytest.raises(RunError, match="the model of its first cycle was not kept"):
        start(tmp_path / "run", "strategy=random", f"first_cycle={source}")
    assert not (tmp_path / "run").exists()


def test_what_was_taken_over_is_not_looked_for_again(tmp_path: Path, first: Path) -> None:
    source = shutil.copytree(first, tmp_path / "source")
    pairs = ("strategy=random", f"first_cycle={source}")
    whole = start(tmp_path / "run", *pairs)
    shutil.rmtree(source)
    assert start(tmp_path / "run", *pairs, resume=True) == whole


def test_every_setting_that_differs_is_named(tmp_path: Path, first: Path) -> None:
    with pytest.raises(RunError) as error:
        start(
            tmp_path / "run", f"first_cycle={first}", "training.lr=1", "seed=5", "strategy=random"
        )
    assert len(error.value.problems) == 2
    assert "training.lr = 0.003, here it is 1.0" in str(error.value)


def test_the_initial_set_may_lie_elsewhere_but_not_be_another(tmp_path: Path) -> None:
    here, there, other = (tmp_path / f"{name}.json" for name in ("here", "there", "other"))
    for file, begin in ((here, 0), (there, 0), (other, 1)):
        write_initial(file, [f"pool/{n:06d}" for n in range(begin, begin + 8)])
    first, cycles = tmp_path / "first", "budget.cycles=1"
    start(first, "strategy=random", cycles, f"budget.initial_set={here}")
    pairs = ("strategy=entropy", cycles, f"first_cycle={first}")
    start(tmp_path / "run", *pairs, f"budget.initial_set={there}")
    with pytest.raises(RunError, match=r"computed with budget\.initial_set = '.*here\.json'"):
        start(tmp_path / "wrong", *pairs, f"budget.initial_set={other}")


def test_a_run_without_a_first_cycle_is_refused(tmp_path: Path, first: Path) -> None:
    with pytest.raises(RunError, match=r"none holds no run"):
        start(tmp_path / "a", f"first_cycle={tmp_path / 'none'}", "strategy=random")
    journal = first / "journal.jsonl"
    lines = journal.read_text()
    try:
        journal.write_text("".join(lines.splitlines(keepends=True)[:2]))
        with pytest.raises(RunError, match="its first cycle is not finished yet"):
            start(tmp_path / "b", f"first_cycle={first}", "strategy=random")
    finally:
        journal.write_text(lines)


def test_a_first_cycle_on_other_data_is_refused(tmp_path: Path, first: Path) -> None:
    source = shutil.copytree(first, tmp_path / "source")
    opened = RunDir(source, resolve([stored_layer(source)]))
    opened.update_manifest(dataset={**opened.described(), "fingerprint": "f" * 64})
    with pytest.raises(RunError, match="it was computed on other data"):
        start(tmp_path / "run", "strategy=random", f"first_cycle={source}")
    assert not (tmp_path / "run").exists()
