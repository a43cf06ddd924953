"""What keeps rows from being compared as they stand is said."""

from pathlib import Path

from alframe.benchmarks.entry import Entry
from alframe.benchmarks.notes import notes
from alframe.benchmarks.runs import Run, read_run
from tests.benchmarks.fake_runs import write_run


def run(path: Path, values: list[float | None], **details: object) -> Run:
    return read_run(write_run(path, values, **details))  # type: ignore[arg-type]


def test_nothing_is_said_of_runs_that_can_be_compared(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(seed), [0.1, 0.2], seed=seed) for seed in range(2)]
    full = run(tmp_path / "full", [0.3])
    assert list(notes(Entry("a", {"random": runs}, {"plain": [full]}), "mAP50")) == []


def test_a_metric_that_is_not_a_number(tmp_path: Path) -> None:
    runs = [run(tmp_path / "1", [0.1, float("nan"), None]), run(tmp_path / "2", [None], seed=1)]
    assert list(notes(Entry("a", {"random": runs}), "mAP50")) == [
        f"random, seed 0: mAP50 is not a number in cycles 1, 2, left out of every mean, "
        f"{tmp_path / '1'}",
        f"random, seed 1: mAP50 is not a number in cycle 0, left out of every mean, "
        f"{tmp_path / '2'}",
    ]


def test_several_precisions(tmp_path: Path) -> None:
    single, half = ({"precision": p} for p in ("fp32", "bf16"))
    methods = {
        "random": [run(tmp_path / "1", [0.1], settings=single)],
        "miaod": [run(tmp_path / "2", [0.1], settings=half)],
        "entropy": [run(tmp_path / "3", [0.1], settings=single)],
    }
    assert list(notes(Entry("a", methods), "mAP50")) == [
        "The runs differ in training.precision: fp32 (random, entropy), bf16 (miaod)"
    ]


def test_full_supervision_of_another_recipe(tmp_path: Path) -> None:
    methods = {
        "slow": [run(tmp_path / "1", [0.1])],
        "fast": [run(tmp_path / "2", [0.1], settings={"lr": 1.0}, strategy="entropy")],
    }
    full = {"plain": [run(tmp_path / "3", [0.3], seed=1, settings={"new": 1})]}
    assert list(notes(Entry("a", methods, full), "mAP50")) == [
        "fast: full supervision of its learner was run with other training.lr"
    ]
