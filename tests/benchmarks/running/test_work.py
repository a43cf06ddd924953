"""The work list: order, repetition, failure, interruption."""

import fcntl
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click
import pytest

from alframe.benchmarks.running.bench import _finish
from alframe.benchmarks.running.grid import grid_of
from alframe.benchmarks.running.jobs import failures, status_lines
from alframe.benchmarks.running.work import Ended, Outcome, WorkList, last_said
from alframe.errors import RunError
from tests.benchmarks.tiny_suite import FakeEngine, tiny_suite, write_finished

GRID = grid_of(tiny_suite())
JOBS = list(GRID)


def by_state(work: WorkList) -> dict[str, list[str]]:
    states: dict[str, list[str]] = {}
    for job in work:
        states.setdefault(work.state(job), []).append(job.name)
    return states


@pytest.mark.parametrize("slots", [1, 3, 20])
def test_every_job_once_and_none_before_what_it_waits_for(tmp_path: Path, slots: int) -> None:
    work, engine = WorkList(tmp_path, GRID), FakeEngine(slots=slots)
    ended: list[str] = []
    for outcome in work.run(engine):
        assert outcome.ended.state == "finished"
        assert outcome.job.first in {None, *ended}
        ended.append(outcome.job.name)
    assert sorted(ended) == sorted(j.name for j in GRID)
    assert len(engine.calls) == len(GRID)
    assert set(by_state(work)) == {"finished"}
    assert list(WorkList(tmp_path, GRID).run(FakeEngine())) == []


def test_a_job_whose_cycles_are_gone_is_resumed(tmp_path: Path) -> None:
    work = WorkList(tmp_path, GRID)
    list(work.run(FakeEngine()))
    job = next(iter(work))
    (work.path(job) / "cycles.jsonl").unlink()
    assert by_state(work)["unfinished"] == [job.name]


def test_a_damaged_journal_of_a_suite_can_be_done_without(tmp_path: Path) -> None:
    list(WorkList(tmp_path, GRID).run(FakeEngine()))
    (tmp_path / "journal.jsonl").write_text("nonsense\n")
    with pytest.raises(RunError, match="Restore it, or remove it: it says which jobs failed"):
        WorkList(tmp_path, GRID)
    (tmp_path / "journal.jsonl").unlink()
    assert set(by_state(WorkList(tmp_path, GRID))) == {"finished"}


def test_jobs_are_started_in_the_order_of_the_list(tmp_path: Path) -> None:
    engine = FakeEngine()
    list(WorkList(tmp_path, GRID).run(engine))
    assert [name for name, _ in engine.calls] == [j.name for j in GRID]


def test_a_job_that_fails_is_tried_once_more(tmp_path: Path) -> None:
    tried: list[str] = []

    def fails_at_first(name: str) -> int:
        tried.append(name)
        return int(tried.count(name) == 1)

    ends = {o.ended.state for o in WorkList(tmp_path, GRID).run(FakeEngine(fails_at_first))}
    assert ends == {"finished"}
    assert len(tried) == 2 * len(GRID)


def test_one_that_fails_twice_is_listed_and_the_others_go_on(tmp_path: Path) -> None:
    broken = "run/shapes/entropy/seed-1"
    engine = FakeEngine(lambda name: 2 * (name == broken))
    reasons = _reasons(WorkList(tmp_path, GRID).run(engine))
    assert reasons == {broken: f"{broken} has failed"}
    work = WorkList(tmp_path, GRID)
    assert by_state(work)["failed"] == [broken]
    (line,) = [line for line in status_lines(work) if line.startswith("failed")]
    assert line.startswith(f"failed: {broken}: {broken} has failed (")
    assert f"to begin a job anew, remove its folder in {tmp_path}; the others stay" in [
        *status_lines(work)
    ]
    assert [o.job.name for o in work.run(FakeEngine())] == [broken]
    assert set(by_state(work)) == {"finished"}


def test_unfinished_jobs_are_resumed(tmp_path: Path) -> None:
    started = JOBS[2]
    write_finished(tmp_path / started.name, GRID[started])
    (tmp_path / started.name / "manifest.json").write_text("{}")
    work, engine = WorkList(tmp_path, GRID), FakeEngine()
    assert by_state(work)["unfinished"] == [started.name]
    list(work.run(engine))
    assert dict(engine.calls) == {j.name: j is started for j in GRID}


def test_a_job_that_another_process_holds_is_running(tmp_path: Path) -> None:
    job = JOBS[0]
    write_finished(tmp_path / job.name, GRID[job])
    (tmp_path / job.name / "manifest.json").write_text("{}")
    with (tmp_path / job.name / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert by_state(WorkList(tmp_path, GRID))["running"] == [job.name]


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C is noticed, also where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_an_interruption_stops_the_engine_and_starts_nothing_more(tmp_path: Path) -> None:
    released = threading.Event()

    def hangs(name: str) -> int:
        released.wait(10)
        return 137

    class Stoppable(FakeEngine):
        def stop(self) -> None:
            super().stop()
            released.set()

    engine, work = Stoppable(hangs, slots=2), WorkList(tmp_path, GRID)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        next(work.run(engine))
    assert engine.stopped
    assert len(engine.calls) == 2
    assert not any(work.reason(j) for j in GRID)


def test_the_last_error_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_said(log, "error:") == ""
    log.write_text("cycle 0\n")
    assert last_said(log, "error:") == ""
    log.write_text("cycle 0\nTraceback (most recent call last):\nKeyError: 3\n")
    assert last_said(log, "error:") == "KeyError: 3"
    log.write_text("error: the first\nerror: the last\nwaiting: for that\nlater words\n\n")
    assert last_said(log, "error:") == "the last"
    assert last_said(log, "waiting:") == "for that"
    assert last_said(log, "error:", log.stat().st_size) == ""


def _reasons(outcomes: Iterable[Outcome]) -> dict[str, str]:
    return {o.job.name: o.ended.reason for o in outcomes if o.ended.state == "failed"}


def test_a_job_that_waits_is_listed_and_not_tried_again(tmp_path: Path) -> None:
    class Waits(FakeEngine):
        def call(self, arguments: Sequence[str], log: Path) -> int:
            super().call(arguments, log)
            log.write_text(
                "run      r\nwaiting: cycle 0 waits for r/predictions\nthen: alframe run\n"
            )
            return 3

    (job,) = [j for j in GRID if j.name == "run/shapes/random/seed-0"]
    work = WorkList(tmp_path, {job.model_copy(update={"first": None}): GRID[job]})
    engine = Waits(lambda _: 3)
    (outcome,) = work.run(engine)
    assert str(outcome.ended) == "waiting: cycle 0 waits for r/predictions"
    assert len(engine.calls) == 1
    (line,) = failures(work, work.states())
    assert line.startswith(f"waiting: {job.name}: cycle 0 waits for r/predictions (")
    assert work.state(next(iter(work))) == "waiting"
    with pytest.raises(click.exceptions.Exit) as ended:
        _finish(work)
    assert ended.value.exit_code == 3


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        ((2, -9), "killed by signal 9 (out of memory?)"),
        ((-9, 2), "run/shapes/random/seed-0 has failed"),
        ((2, 3), "exit code 3"),
    ],
)
def test_the_reason_is_what_the_last_attempt_said(
    tmp_path: Path, codes: tuple[int, int], reason: str
) -> None:
    class Loud(FakeEngine):
        """Only an exit code of 2 comes with a message."""

        def call(self, arguments: Sequence[str], log: Path) -> int:
            code = super().call(arguments, log)
            if code != 2:
                log.write_text(log.read_text().rpartition("WARNING")[0])
            return code

    (job,) = [j for j in GRID if j.name == "run/shapes/random/seed-0"]
    given = iter(codes)
    (outcome,) = WorkList(tmp_path, {job.model_copy(update={"first": None}): GRID[job]}).run(
        Loud(lambda _: next(given))
    )
    assert outcome.ended == Ended("failed", reason)


def test_what_waits_for_a_first_cycle_that_failed_is_listed_with_it(tmp_path: Path) -> None:
    first = "first/shapes/plain/seed-0"
    engine = FakeEngine(lambda name: 2 * (name == first))
    reasons = _reasons(WorkList(tmp_path, GRID).run(engine))
    waited = [j.name for j in GRID if j.first == first]
    assert reasons == {first: f"{first} has failed"} | dict.fromkeys(
        waited, f"{first} failed: {first} has failed"
    )
    assert not {name for name, _ in engine.calls} & {*waited}
    work = WorkList(tmp_path, GRID)
    assert sorted(by_state(work)["failed"]) == sorted(reasons)
    assert [o.ended for o in work.run(FakeEngine())] == [Ended()] * len(reasons)


def test_jobs_with_similar_names_have_files_of_their_own(tmp_path: Path) -> None:
    suite = tiny_suite(
        problems={"a": {}, "a-b": {}},
        methods={"b-c": {"strategy": "random"}, "c": {"strategy": "entropy"}},
        seeds=[0], replay=None, baselines=["c"],
    )  # fmt: skip
    grid = grid_of(suite)
    work = WorkList(tmp_path, grid)
    assert [o.ended for o in work.run(FakeEngine())] == [Ended()] * len(grid)
    assert len({work.log(j) for j in grid}) == len(grid)
    assert len(list((tmp_path / "jobs").rglob("*.yaml"))) == len(grid)
