"""Files that appear whole or not at all, also when the power fails."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from alframe.files.atomic import remove_torn, write_text


def test_content_then_name_then_folder_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        state = os.fstat(handle)
        done.append("folder" if stat.S_ISDIR(state.st_mode) else f"{state.st_size} bytes")
        sync(handle)

    def replaced(path: Path, target: Any) -> Any:
        done.append("name")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_text(tmp_path / "a", "x")
    assert done == ["1 bytes", "name", "folder"]


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127])
def test_names_as_long_as_a_file_system_takes(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "a")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_names_of_files_keep_the_bytes_that_are_no_text(tmp_path: Path) -> None:
    write_text(tmp_path / "a", os.fsdecode(b"caf\xe9.jpg"))
    assert (tmp_path / "a").read_bytes() == b"caf\xe9.jpg"


def test_what_is_torn_in_folders_below_is_removed_where_that_is_wanted(tmp_path: Path) -> None:
    torn, fresh = (tmp_path / "in" / f".x.{digits * 8}.tmp" for digits in "01")
    torn.parent.mkdir()
    for path in (torn, fresh):
        path.touch()
    os.utime(torn, (0, 0))
    remove_torn(tmp_path)
    assert torn.exists()
    remove_torn(tmp_path, deep=True, idle=60)
    assert (torn.exists(), fresh.exists()) == (False, True)


def test_a_file_system_that_syncs_no_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As shared folders of virtual machines; other errors count."""
    numbers = iter([errno.EINVAL, errno.EIO])
    sync = os.fsync

    def synced(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            number = next(numbers)
            raise OSError(number, os.strerror(number))
        sync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    write_text(tmp_path / "a", "x")
    assert (tmp_path / "a").read_text() == "x"
    with pytest.raises(OSError, match="Input/output error"):
        write_text(tmp_path / "a", "y")
