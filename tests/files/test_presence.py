"""What cannot be looked at is no missing file, whatever the version of Python."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from alframe.files.presence import exists, is_file, is_folder
from tests.cli.test_cli import Alframe, alframe  # noqa: F401


def test_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    found = {
        name: tuple(look(tmp_path / name) for look in (exists, is_folder, is_file))
        for name in ("", "file", "link", "dangling", "circle", "gone", "file/below", "nu\0ll")
    }
    assert found == {
        "": (True, True, False),
        "file": (True, False, True),
        "link": (True, True, False),
        **dict.fromkeys(
            ("dangling", "circle", "gone", "file/below", "nu\0ll"), (False, False, False)
        ),
    }
    for look in (exists, is_folder, is_file):
        with pytest.raises(OSError, match="File name too long"):
            look(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    "command",
    [
        "run --resume --output CLOSED",
        "run --output CLOSED",
        "run --dataset photos --data-root CLOSED",
        "query CLOSED --to coco",
        "report CLOSED",
        "predict CLOSED CLOSED",
        "select --strategy entropy --predictions CLOSED --images photos --budget 1",
        "run --dataset photos --data-root . dataset.annotations=CLOSED oracle=files",
        "run model.weights=CLOSED/w.pt",
        "evaluate CLOSED",
        "bench smoke --output CLOSED",
    ],
)
def test_a_closed_folder_is_not_told_as_missing(
    alframe: Alframe,  # noqa: F811
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed, look = tmp_path / "closed" / "in", os.stat

    def entered(path: object, *args: object, **options: object) -> os.stat_result:
        if str(path).startswith(str(closed)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path, *args, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "stat", entered)
    for name in ("exists", "is_dir", "is_file"):  # as they are since Python 3.14
        monkeypatch.setattr(Path, name, getattr(os.path, name.replace("_", "")))
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("a.png")
    code, _, err = alframe(*command.replace("CLOSED", str(closed)).split())
    assert (code, err.count("\n")) == (2, 1), err
    assert f"{closed}" in err, err
    assert "Permission denied" in err, err
