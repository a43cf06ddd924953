"""Rows of a problem with runs that lack a number, worked by hand."""

from pathlib import Path

import pytest

from alframe.benchmarks.reading.groups import ProblemRuns
from alframe.benchmarks.reading.rundirs import read_run
from alframe.benchmarks.reporting.collect import method_rows
from alframe.benchmarks.statistics import Costs
from tests.benchmarks.fake_runs import write_run


def test_a_curve_without_an_end_cuts_nobodys_area(tmp_path: Path) -> None:
    of_entropy: list[list[float | None]] = [
        [0.2, None, 0.6], [0.2, 0.3, 0.7], [0.2, 0.3, None], [None, 0.3, 0.7],
    ]  # fmt: skip
    paths = [write_run(tmp_path / f"r{s}", [0.1, 0.2, 0.6], seed=s) for s in range(4)]
    holes = [write_run(tmp_path / f"e{s}", v, seed=s) for s, v in enumerate(of_entropy)]
    entry = ProblemRuns(
        "a", {"random": list(map(read_run, paths)), "entropy": list(map(read_run, holes))}
    )
    random, entropy = method_rows(entry, "mAP50", Costs())
    # over 10 to 30: (.1 + .2) / 2 and (.2 + .6) / 2, the mean of both
    assert (random.area["images"].n, random.area["images"].mean) == (4, pytest.approx(0.275))
    # seed 0, its hole bridged: .4; seed 1: (.25 + .5) / 2
    assert entropy.area["images"].n == 2
    assert entropy.area["images"].mean == pytest.approx((0.4 + 0.375) / 2)
    # the cycle table has every number, at 30 images those of seeds 0, 1, 3, in order of sizes
    assert [(p.labelled, p.value.n) for p in entropy.points] == [(10, 3), (20, 3), (30, 3)]
