"""The list of jobs in a suite's folder: written, read back, and not believed when damaged."""

import json
from pathlib import Path

import pytest

from alframe.benchmarks.running.grid import grid_of
from alframe.benchmarks.running.jobs import FILE, Job, JobList, status_lines, stored_jobs
from alframe.errors import RunError
from tests.benchmarks.fake_runs import write_run
from tests.benchmarks.tiny_suite import tiny_suite

FIRST = {"kind": "first", "problem": "p", "method": "plain", "seed": 0, "cycles": 1}
RUN = {
    "kind": "run", "problem": "p", "method": "entropy", "seed": 0, "cycles": 2,
    "first": "first/p/plain/seed-0",
}  # fmt: skip


def write(folder: Path, content: object) -> None:
    (folder / FILE).write_text(json.dumps(content))


def test_written_and_read_back(tmp_path: Path) -> None:
    grid = grid_of(tiny_suite())
    JobList(tmp_path, grid).write()
    found = stored_jobs(tmp_path)
    assert list(found) == list(grid)
    assert {j.name: j.cycles for j in found}["full/shapes/plain/seed-0"] == 1
    assert {j.cycles for j in found if j.kind in ("run", "replay")} == {2}


def test_by_hand(tmp_path: Path) -> None:
    write(tmp_path, {"jobs": [FIRST, RUN]})
    first, run = stored_jobs(tmp_path)
    assert run == Job.model_validate(RUN)
    assert first.name == run.first == "first/p/plain/seed-0"


def test_what_remains_is_estimated_by_cycles_that_a_job_has_trained_itself(tmp_path: Path) -> None:
    jobs = [Job.model_validate(job) for job in (FIRST, RUN)]
    for job in jobs:
        path = write_run(tmp_path / job.name, [0.1], finished=job.kind == "first") / "cycles.jsonl"
        path.write_text(path.read_text().replace('"fit": 12.34', '"fit": 600'))
    # the run has one cycle of two, which it took over: another one of 10 min
    *_, remaining = status_lines(JobList(tmp_path, jobs))
    assert remaining.startswith("about 10 min of computing remain")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "jobs: Field required"),
        ({"jobs": {"a": 1}}, "jobs: Input should be a valid list"),
        ({"jobs": []}, "jobs: List should have at least 1 item"),
        ({"jobs": ["a"]}, "jobs.0: Input should be a valid dictionary or"),
        ({"jobs": [FIRST, FIRST]}, "all of it: Value error, a job is there twice"),
        ({"jobs": [RUN]}, "all of it: Value error, there is no job 'first/p/plain/seed-0'"),
        ({"jobs": [FIRST | {"kind": "last"}]}, "jobs.0.kind: Input should be 'first', 'run',"),
        (
            {"jobs": [FIRST | {"method": ".."}]},
            "jobs.0.method: Value error, it cannot be the name of",
        ),
        (
            {"jobs": [FIRST | {"problem": "a/../../b"}]},
            "jobs.0.problem: Value error, it cannot be the",
        ),
        (
            {"jobs": [FIRST | {"seed": -1}]},
            "jobs.0.seed: Input should be greater than or equal to 0",
        ),
        ({"jobs": [FIRST | {"config": {}}]}, "jobs.0.config: Extra inputs are not permitted"),
        ([], "expected an object, got []"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, content: object, message: str) -> None:
    write(tmp_path, content)
    with pytest.raises(RunError) as error:
        stored_jobs(tmp_path)
    (text,) = error.value.problems
    assert text.startswith(f"{tmp_path / FILE} is damaged, {message}")
    assert text.endswith("let 'alframe bench' with the suite and this --output write it anew")


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    JobList(tmp_path, grid_of(tiny_suite())).write()
    path = tmp_path / FILE
    path.write_text(path.read_text().replace('"cycles": 2', '"cycles": 3', 1))
    with pytest.raises(RunError, match="its checksum does not match"):
        stored_jobs(tmp_path)


def test_one_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot read .*jobs\.json: No such file"):
        stored_jobs(tmp_path)
