"""Three separate runs of growing size are one curve."""

import json
from pathlib import Path

import pytest
import yaml

from alframe.benchmarks.reading.rundirs import read_runs
from alframe.benchmarks.reporting.collect import of_runs
from alframe.benchmarks.reporting.findings import Findings
from tests.benchmarks.fake_runs import write_run


def grown(
    path: Path, size: int, value: float, *, seed: int = 0, objects: int = 0,
    pool: int | None = None, strategy: str = "random", test: str = "t" * 64, lr: float = 0.1,
    finished: bool = True,
) -> None:  # fmt: skip
    """A run of one cycle on ``size`` labelled images; of a pool of its own, if it has one."""
    fingerprint = f"{pool:064d}"[::-1] if pool else "f" * 64
    about = {"name": "shapes", "fingerprint": fingerprint, "pool": pool or 200}
    write_run(
        path, [value], seed=seed, strategy=strategy, settings={"lr": lr}, finished=finished,
        manifest={"dataset": about | ({"test_fingerprint": test} if test else {})},
    )  # fmt: skip
    config = yaml.safe_load((path / "config.yaml").read_text())
    config["budget"] = {"initial": size, "per_cycle": 1, "cycles": 1}
    config["dataset"]["root"] = f"data-{size}"
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    line = json.loads((path / "cycles.jsonl").read_text())
    (path / "cycles.jsonl").write_text(
        json.dumps(line | {"labelled": size, "objects": objects or 3 * size, "selected": []}) + "\n"
    )


def findings(folder: Path) -> Findings:
    return of_runs(read_runs([folder]), "mAP50")


@pytest.mark.parametrize("pools", [False, True])
def test_one_table_and_one_curve(tmp_path: Path, pools: bool) -> None:
    """Of one pool, or of one that grew and is labelled as a whole; in whatever order."""
    values = {
        (300, 0): 0.6,
        (100, 0): 0.2,
        (200, 0): 0.4,
        (100, 1): 0.3,
        (200, 1): 0.5,
        (300, 1): 0.6,
    }
    for number, ((size, seed), value) in enumerate(values.items()):
        grown(tmp_path / str(number), size, value, seed=seed, pool=size if pools else None)
    (problem,) = findings(tmp_path).problems
    (method,) = problem.methods
    assert (method.name, problem.pool) == ("random", None if pools else 200)
    assert [(p.labelled, p.value.n) for p in method.points] == [(100, 2), (200, 2), (300, 2)]
    assert [p.value.mean for p in method.points] == pytest.approx([0.25, 0.45, 0.6])
    # heights over 100 .. 300: (.2 + .4) / 2 + (.4 + .6) / 2 = .8, over 2; .4 and .55, over 2
    assert method.area["images"].mean == pytest.approx((0.4 + 0.475) / 2)
    assert method.area["images"].n == 2, "a seed counts once"
    assert problem.notes == (
        f"random, seed 0: a curve of separate runs of one cycle each (100, 200, 300 images), "
        f"{tmp_path / '1'}, {tmp_path / '2'}, {tmp_path / '0'}",
        f"random, seed 1: a curve of separate runs of one cycle each (100, 200, 300 images), "
        f"{tmp_path / '3'}, {tmp_path / '4'}, {tmp_path / '5'}",
    )  # fmt: skip
    assert method.runs[0].place == f"{tmp_path / '1'}, {tmp_path / '2'}, {tmp_path / '0'}"


def test_each_size_with_a_seed_of_its_own_is_one_row(tmp_path: Path) -> None:
    for seed, size in enumerate((100, 200, 300)):
        grown(tmp_path / str(seed), size, 0.1 * size, seed=seed)
    (problem,) = findings(tmp_path).problems
    assert [[p.labelled for p in m.points] for m in problem.methods] == [[100, 200, 300]]


def test_what_differs_in_more_than_size_stays_apart(tmp_path: Path) -> None:
    grown(tmp_path / "1", 100, 0.1)
    grown(tmp_path / "2", 200, 0.2, lr=0.2)
    grown(tmp_path / "3", 300, 0.3, strategy="entropy")
    (problem,) = findings(tmp_path).problems
    assert [len(m.points) for m in problem.methods] == [1, 1, 1]


def test_another_test_split_is_another_problem(tmp_path: Path) -> None:
    grown(tmp_path / "1", 100, 0.1, pool=100, test="a" * 64)
    grown(tmp_path / "2", 200, 0.2, pool=200, test="b" * 64)
    assert len(findings(tmp_path).problems) == 2
    grown(tmp_path / "3", 100, 0.1, pool=101, test="")
    grown(tmp_path / "4", 200, 0.2, pool=201, test="")
    assert len(findings(tmp_path).problems) == 4, "of an older version: nobody knows"


def test_fewer_boxes_in_more_images_are_not_joined(tmp_path: Path) -> None:
    grown(tmp_path / "1", 100, 0.1, objects=500)
    grown(tmp_path / "2", 200, 0.2, objects=400)
    (problem,) = findings(tmp_path).problems
    assert [run.place for m in problem.methods for run in m.runs] == [
        str(tmp_path / "1"), str(tmp_path / "2"),
    ]  # fmt: skip


def test_as_many_boxes_in_more_images_are_joined(tmp_path: Path) -> None:
    for size in (100, 200):
        grown(tmp_path / str(size), size, 0.1, objects=500)
    (problem,) = findings(tmp_path).problems
    assert [len(m.runs) for m in problem.methods] == [1]


def test_a_run_that_goes_on_is_not_joined(tmp_path: Path) -> None:
    grown(tmp_path / "1", 100, 0.1)
    grown(tmp_path / "2", 200, 0.2, finished=False)
    (problem,) = findings(tmp_path).problems
    assert sum(len(m.runs) for m in problem.methods) == 2


def test_a_size_that_was_run_twice_is_said(tmp_path: Path) -> None:
    for number, size in enumerate((100, 200, 200)):
        grown(tmp_path / str(number), size, 0.1 * number)
    (problem,) = findings(tmp_path).problems
    assert any(n.startswith("random: seed 0 was run 2 times") for n in problem.notes)
    assert [p.value.n for p in problem.methods[0].points] == [1, 2]
    assert sum("separate runs" in n for n in problem.notes) == 1, "the one left over is no curve"


def test_runs_of_several_cycles_are_left_alone(tmp_path: Path) -> None:
    write_run(tmp_path / "1", [0.1, 0.2])
    write_run(tmp_path / "2", [0.1, 0.2, 0.3], seed=1)
    (problem,) = findings(tmp_path).problems
    assert [len(m.runs) for m in problem.methods] == [2]
    assert not any("separate runs" in note for note in problem.notes)
