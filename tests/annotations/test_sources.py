"""What is read of files of annotations, whoever has made them."""

import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from alframe.annotations.sources import files, opened, read
from alframe.errors import DataError


def test_of_a_zip_as_much_is_unpacked_as_it_says(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", b"0" * 20_000_000)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        (member,) = archive.infolist()
        member.file_size, member.CRC = 5, zlib.crc32(b"00000")  # as a hostile one may say
        tracemalloc.start()
        assert read(zipfile.Path(archive) / "a.json") == b"00000"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_is_packed_otherwise(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a.json", b"[]")
    with (
        pytest.raises(DataError, match="not read: zip it again"),
        opened(tmp_path / "a.zip"),
    ):
        pass


def test_a_member_that_claims_to_be_empty_is_damaged(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"0 0.5 0.5 0.2 0.2\n")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.infolist()[0].file_size = 0
        with pytest.raises(DataError, match="Bad CRC-32"):
            read(zipfile.Path(archive) / "a.txt")


def test_a_folder_is_listed_once_while_it_is_open(tmp_path: Path) -> None:
    def listed() -> list[str]:
        return list(files(tmp_path))

    (tmp_path / "a.txt").touch()
    with opened(tmp_path, lambda name, _: name == "c.txt"):
        assert listed() == ["a.txt"]
        for name in ("b.txt", "c.txt"):
            (tmp_path / name).touch()
        with opened(tmp_path):
            assert listed() == ["a.txt", "b.txt", "c.txt"]
        assert listed() == ["a.txt"]
    assert listed() == ["a.txt", "b.txt", "c.txt"]
