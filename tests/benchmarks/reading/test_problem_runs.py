"""Which runs have a curve, and which a whole one."""

from pathlib import Path

import pytest

from alframe.benchmarks.reading.groups import ProblemRuns
from alframe.benchmarks.reading.rundirs import Run, read_run
from tests.benchmarks.fake_runs import write_run

NAN = float("nan")


def run(path: Path, values: list[float | None], **details: object) -> Run:
    return read_run(write_run(path, values, **details))  # type: ignore[arg-type]


@pytest.fixture
def entry(tmp_path: Path) -> ProblemRuns:
    """Random as it should be; entropy with a hole in a cycle of each seed but the first."""
    of_entropy = {
        0: [0.2, 0.3, 0.7],
        1: [0.2, 0.3, NAN],
        2: [None, 0.3, 0.7],
        3: [0.2, None, 0.6],
        4: [None, None, None],
    }
    random = [run(tmp_path / f"r{s}", [0.1, 0.2, 0.6], seed=s) for s in of_entropy]
    entropy = [
        run(tmp_path / f"e{s}", values, seed=s, strategy="entropy")
        for s, values in of_entropy.items()
    ]
    return ProblemRuns("a", {"random": random, "entropy": entropy}, failed=[("entropy", 5)])


def test_curves_have_what_there_is(entry: ProblemRuns) -> None:
    found = {c.seed: (c.images, c.values) for c in entry.curves("mAP50") if c.method == "entropy"}
    assert found == {
        0: ((10, 20, 30), (0.2, 0.3, 0.7)),
        1: ((10, 20), (0.2, 0.3)),
        2: ((20, 30), (0.3, 0.7)),
        3: ((10, 30), (0.2, 0.6)),
    }


def test_of_two_runs_of_a_seed_the_first_counts(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(n), [value]) for n, value in enumerate((0.1, 0.3))]
    assert [c.values for c in ProblemRuns("a", {"random": runs}).curves("mAP50")] == [(0.1,)]


def test_whole_curves_have_both_ends(entry: ProblemRuns) -> None:
    found = {c.seed: c.values for c in entry.curves("mAP50", whole=True) if c.method == "entropy"}
    assert found == {0: (0.2, 0.3, 0.7), 3: (0.2, 0.6)}


def test_failures_are_what_was_run_and_has_no_curve(entry: ProblemRuns) -> None:
    assert entry.failures("mAP50") == [("a", "entropy", 5), ("a", "entropy", 4)]


def test_a_run_that_goes_on_has_neither_curve_nor_failure(tmp_path: Path) -> None:
    entry = ProblemRuns("a", {"random": [run(tmp_path / "1", [0.1, 0.2], finished=False)]})
    assert entry.curves("mAP50") == entry.curves("mAP50", whole=True) == []
    assert entry.failures("mAP50") == []
