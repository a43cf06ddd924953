"""Runs, and the jobs of a suite, sorted into problems."""

import shutil
from pathlib import Path

import pytest

from alframe.benchmarks.reading.groups import problems_of
from alframe.benchmarks.reading.rundirs import read_runs
from alframe.benchmarks.reading.suite_runs import suite_problems
from alframe.benchmarks.reporting.collect import of_runs, of_suite
from alframe.benchmarks.running.grid import grid_of
from alframe.benchmarks.running.suite import Suite, write
from alframe.benchmarks.running.work import WorkList
from alframe.errors import AlframeError
from alframe.runs.journal import Journal
from tests.benchmarks.fake_runs import write_run
from tests.benchmarks.tiny_suite import tiny_suite


def finished(suite: Suite, folder: Path) -> WorkList:
    """A suite of which every job is done, each kind by a revision of its own."""
    write(suite, folder)
    grid = grid_of(suite)
    work = WorkList(folder, grid)
    work.write()
    for job, config in grid.items():
        values = [0.1, 0.2] if job.kind in ("run", "replay") else [0.3]
        write_run(work.path(job), values, strategy=config.strategy.name, seed=job.seed,
                  manifest={"git": f"rev-{job.kind}"})  # fmt: skip
    return work


def test_detectors_are_kept_apart(tmp_path: Path) -> None:
    for model, strategy in (("retina", "random"), ("ssd", "random"), ("ssd", "entropy")):
        write_run(tmp_path / model / strategy, [0.1], model=model, strategy=strategy)
    write_run(tmp_path / "voc", [0.1], dataset="voc")
    entries = problems_of(read_runs([tmp_path]))
    assert {e.name: list(e.methods) for e in entries} == {
        "shapes, retina": ["random"], "shapes, ssd": ["entropy", "random"], "voc": ["random"],
    }  # fmt: skip
    problems = of_runs(read_runs([tmp_path]), "mAP50").problems
    assert [p.model for p in problems] == ["retina", "ssd", "retina"]
    assert {(c.method, c.against) for p in problems for c in p.comparisons} == {
        ("entropy", "random")
    }


def test_every_job_is_behind_a_number(tmp_path: Path) -> None:
    suite = tiny_suite()
    (entry,) = suite_problems(suite, finished(suite, tmp_path))
    behind = [(name, str(run.path.relative_to(tmp_path))) for name, run in entry.behind()]
    assert behind == [
        ("random", "run/shapes/random/seed-0"),
        ("random", "run/shapes/random/seed-1"),
        ("entropy", "run/shapes/entropy/seed-0"),
        ("entropy", "run/shapes/entropy/seed-1"),
        ("first cycles", "first/shapes/plain/seed-0"),
        ("first cycles", "first/shapes/plain/seed-1"),
        ("full supervision", "full/shapes/plain/seed-0"),
        ("repetition", "replay/shapes/random/seed-0"),
    ]
    found = of_suite(tmp_path)
    assert found.environment["git"] == ["rev-run", "rev-first", "rev-full", "rev-replay"]
    (note,) = [n for n in found.problems[0].notes if "git" in n]
    assert note == (
        "The runs differ in git: rev-run (random, entropy); rev-first (first cycles); "
        "rev-full (full supervision); rev-replay (repetition)"
    )


def test_only_runs_of_a_row_count_as_failed(tmp_path: Path) -> None:
    suite = tiny_suite()
    work, journal = finished(suite, tmp_path), Journal(tmp_path)
    for job in work:
        if job.seed == 0 and (job.method, job.kind) != ("random", "run"):
            shutil.rmtree(work.path(job))
            journal.append("failed", job=job.name, reason="out of memory")
    (entry,) = suite_problems(suite, WorkList(tmp_path, grid_of(suite)))
    assert entry.failed == [("entropy", 0)]


def test_published_rows_of_another_pool_are_no_columns(tmp_path: Path) -> None:
    suite = tiny_suite(problems={"shapes": {"published": "voc-retina"}}, metric="mAP50_11pt")
    finished(suite, tmp_path)
    (problem,) = of_suite(tmp_path).problems
    assert (problem.published, problem.columns) == ((), [10, 20])
    assert any(note.startswith("Published rows are left out") for note in problem.notes)


def test_a_suite_is_compared_with_its_plain_random_whatever_it_is_called(tmp_path: Path) -> None:
    methods = {"random": {"strategy": "entropy"}, "dice": {"strategy": "random"}}
    suite = tiny_suite(methods=methods, replay=None, baselines=["dice"])
    finished(suite, tmp_path)
    (problem,) = of_suite(tmp_path).problems
    assert {(c.method, c.against) for c in problem.comparisons} == {("random", "dice")}
    assert {s.method for s in problem.savings} == {"random"}


def test_all_damaged_runs_are_named_with_what_to_do_in_a_suite(tmp_path: Path) -> None:
    suite = tiny_suite(seeds=[0, 1], full_supervision="none", replay=None)
    jobs = finished(suite, tmp_path)
    broken = [jobs.path(job) for job in jobs if job.kind == "run"][:2]
    for path in broken:
        (path / "config.yaml").write_text("{")
    with pytest.raises(AlframeError) as error:
        suite_problems(suite, jobs)
    assert [problem.partition("; or ")[2] for problem in error.value.problems] == [
        f"remove {path}, and alframe bench does that job again" for path in broken
    ]
