"""Disks and folders that fail in the middle of a run: one line, and nothing is lost."""

import errno
import logging
import os
import runpy
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tensorboard.summary.writer.record_writer import RecordWriter

from alframe.cli import main
from alframe.files import refusals
from alframe.files.atomic import write_text
from alframe.files.refusals import refusal
from alframe.runs.journal import Journal
from alframe.runs.loop import Loop
from alframe.runs.opening import RunLog, stopped
from alframe.runs.tensorboard import TensorBoard

SMALL = (
    "--strategy", "entropy", "dataset.pool=12", "dataset.test=2", "budget.initial=4",
    "budget.per_cycle=2", "budget.cycles=2", "training.iterations=2", "training.batch_size=2",
    "training.warmup=0",
    "data.resize=fit", "data.long=64", "data.short=64", "model.fpn_channels=8",
)  # fmt: skip


def refuse(*_: object) -> None:
    """As a write beyond a limit, which does not know its file."""
    raise OSError(errno.EFBIG, "File too large")


def limited(_: Path) -> None:
    os.fsync = refuse


@pytest.mark.parametrize(
    ("damage", "message", "goes_on"),
    [
        (lambda run: run.rename(run.with_name("moved")), "was moved or deleted while", False),
        (shutil.rmtree, "was moved or deleted while", False),
        (lambda run: shutil.rmtree(run / "scores"), "was moved or deleted while", True),
        (limited, "journal.jsonl: File too large; what is finished is kept: go on with", True),
    ],
)
def test_a_run_that_loses_its_disk(
    damage: Callable[[Path], object],
    message: str,
    goes_on: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, evaluate = tmp_path / "my run", Loop._evaluate
    monkeypatch.setattr(os, "fsync", os.fsync)  # put back afterwards

    def evaluated(self: Loop, cycle: int) -> object:
        damage(run)
        return evaluate(self, cycle)

    monkeypatch.setattr(Loop, "_evaluate", evaluated)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--output", str(run), *SMALL])
    (line,) = [x for x in capsys.readouterr().err.splitlines() if not x.startswith("INFO")]
    assert ended.value.code == 2
    assert message in line
    assert line.startswith(f"error: {run}")
    assert line.endswith(f"alframe run --output '{run}' --resume")
    if goes_on:
        monkeypatch.undo()
        with pytest.raises(SystemExit) as ended:
            main(["run", "--output", str(run), "--resume"])
        assert ended.value.code == 0


def test_what_is_a_bug_is_not_taken_for_a_disk(tmp_path: Path) -> None:
    for name in ("checkpoints", "scores", "tensorboard"):
        (tmp_path / name).mkdir()
    (tmp_path / "config.yaml").write_text("")
    forgotten = OSError(errno.ENOENT, "No such file", str(tmp_path / "new" / "file"))
    assert stopped(forgotten, tmp_path) is None
    assert refusal(OSError(errno.EBADF, "Bad file descriptor", "x")) is None
    assert refusal(OSError("Writer is closed")) is None
    (tmp_path / "scores").rmdir()
    elsewhere = OSError(errno.ENOENT, "No such file", "/elsewhere")
    assert stopped(elsewhere, tmp_path) is None
    assert "was moved or deleted" in str(stopped(forgotten, tmp_path))


@pytest.mark.parametrize(
    "name",
    ["ENOSPC", "EDQUOT", "EFBIG", "EMFILE", "EROFS", "EIO", "ESTALE", "ENAMETOOLONG", "EISDIR"],
)
def test_disks_and_limits_are_named_with_the_file(name: str) -> None:
    number = getattr(errno, name)
    found = refusal(OSError(number, os.strerror(number), "a"))
    assert found
    said, _, remedy = found.partition("; ")
    assert said == f"a: {os.strerror(number)}"
    assert bool(remedy) == (name in ("ENOSPC", "EDQUOT", "EROFS"))


def test_of_a_copy_the_place_that_is_full_is_named() -> None:
    full = refusal(OSError(errno.ENOSPC, "No space left", "a.png", None, "copies/a.png"))
    assert str(full).startswith("copies/a.png: No space left; make room there")
    broken = refusal(OSError(errno.EIO, "Input/output error", "a.png", None, "copies/a.png"))
    assert broken == "a.png: Input/output error"


def test_every_writer_names_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="File too large") as error:
        journal.append("event")
    assert error.value.filename == str(tmp_path / "journal.jsonl")
    with pytest.raises(OSError, match="File too large") as error:
        write_text(tmp_path / "text", "x")
    assert error.value.filename == str(tmp_path / "text")
    with pytest.raises(OSError, match="No such file") as error:
        write_text(tmp_path / "gone" / "text", "x")
    assert error.value.filename == str(tmp_path / "gone" / "text")


def test_the_log_leaves_out_what_the_disk_does_not_take(capsys: pytest.CaptureFixture[str]) -> None:
    log = RunLog("/dev/full")
    log.emit(logging.makeLogRecord({"msg": "x"}))
    with suppress(OSError):
        log.close()
    assert capsys.readouterr().err == ""


def test_tensorboards_thread_fails_in_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = threading.excepthook
    board = TensorBoard(tmp_path / "board")
    monkeypatch.setattr(RecordWriter, "write", refuse)
    board.scalar("loss", 1.0, 0)
    with pytest.raises(OSError, match="File too large") as error:
        board.close()
    assert error.value.filename == str(tmp_path / "board")
    assert threading.excepthook is hook
    assert capsys.readouterr().err == ""


def test_tensorboards_thread_that_fails_at_once_fails_in_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # to be put back
    monkeypatch.setattr(RecordWriter, "write", refuse)
    before = {*threading.enumerate()}
    with pytest.raises(OSError, match="File too large"):
        TensorBoard(tmp_path).close()
    for thread in {*threading.enumerate()} - before:
        thread.join(10)
    assert capsys.readouterr().err == ""


def test_what_failed_first_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def body() -> None:
        with TensorBoard(tmp_path) as board:
            monkeypatch.setattr(RecordWriter, "write", refuse)
            board.scalar("loss", 1.0, 0)
            raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        body()


def test_a_file_where_a_folder_is_to_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError) as found:
        (tmp_path / "file").mkdir()
    expected = f"{tmp_path / 'file'}: expected a folder, but something else is there"
    assert str(refusal(found.value)).startswith(expected)


def test_names_are_told_as_text_where_a_library_gives_bytes(tmp_path: Path) -> None:
    """As TensorBoard does for its files."""
    assert refusal(OSError(errno.EFBIG, "Too large", b"a/b")) == "a/b: Too large"
    gone = OSError(
        errno.ENOENT, "No such file", os.fsencode(tmp_path / "run" / "tensorboard" / "x")
    )
    assert "was moved or deleted" in str(stopped(gone, tmp_path / "run"))


def test_a_system_that_does_not_know_all_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS: nothing starts where a missing one is asked for."""
    monkeypatch.delattr(errno, "EREMOTEIO", raising=False)
    known = runpy.run_path(refusals.__file__)["MENDABLE"]
    assert None not in known
    assert {errno.EIO, errno.ENOTSUP} <= known
