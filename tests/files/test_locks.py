"""One process at a time, and a look at the lock that disturbs nobody."""

import contextlib
import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from alframe.errors import RunError
from alframe.files import locks
from alframe.files.locks import is_locked, locked, writing_into


def test_a_lock_is_seen_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert not is_locked(path)
    with locked(path):
        assert is_locked(path)
    assert not is_locked(path)


def test_a_lock_is_no_link_to_a_file_of_others(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / ".lock").symlink_to("theirs")
    with pytest.raises(RunError, match=r"\.lock is a link: remove"), locked(tmp_path / ".lock"):
        pass
    assert (tmp_path / "theirs").read_text() == "theirs"


def test_a_held_lock_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.05)
    with (
        locked(tmp_path / ".lock"),
        pytest.raises(RunError, match="is in use by this process: end what uses it"),
        locked(tmp_path / ".lock"),
    ):
        pass
    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with (
            pytest.raises(RunError, match="is in use by another process: wait"),
            locked(tmp_path / ".lock"),
        ):
            pass


FORKING = """
import os, pathlib, sys
from alframe.files.locks import locked
with locked(pathlib.Path(sys.argv[1])):
    if not os.fork():  # the child lives until its input ends
        os.write(1, b"x")
        os.read(0, 1)
        os._exit(0)
    os._exit(0)  # as if it had been killed
"""


def test_a_forked_process_does_not_hold_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORKING, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"x"
        process.wait()
        assert not is_locked(tmp_path / ".lock")


def test_it_is_told_who_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    path = tmp_path / ".lock"
    with locked(tmp_path / ".other"):
        with path.open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(RunError, match="in use by another process"), locked(path):
                pass
        with locked(path), pytest.raises(RunError, match="by this process"), locked(path):
            pass


def test_a_short_look_does_not_keep_a_process_out(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    path.touch()
    with path.open("r") as look:
        fcntl.flock(look, fcntl.LOCK_SH)  # as is_locked does
        assert not is_locked(path), "another look is no lock"
        threading.Timer(0.1, fcntl.flock, (look, fcntl.LOCK_UN)).start()
        started = time.monotonic()
        with locked(path):
            assert time.monotonic() - started >= 0.05


def test_what_is_being_written_stays_while_anyone_writes(tmp_path: Path) -> None:
    torn = tmp_path / ".x.01234567.tmp"
    with contextlib.ExitStack() as first:
        first.enter_context(writing_into(tmp_path))
        with writing_into(tmp_path):
            torn.touch()
            first.close()
            with writing_into(tmp_path):
                assert torn.exists()
    with writing_into(tmp_path):
        assert not torn.exists()


def test_a_pipe_in_the_place_of_a_lock_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".lock")
    code = (
        "import pathlib, sys; from alframe.files.locks import locked\n"
        "with locked(pathlib.Path(sys.argv[1])): pass"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path / ".lock"], timeout=30, capture_output=True
    )
    assert b"OSError" in ended.stderr


def test_a_file_system_without_locks_names_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    path = tmp_path / ".lock"
    path.touch()
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match=r"No locks available: .*\.lock"), locked(path):
        pass
    with pytest.raises(OSError, match=r"No locks available: .*\.lock"):
        is_locked(path)
