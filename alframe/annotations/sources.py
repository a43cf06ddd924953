"""Where annotations lie: a file, a folder of files, or a zip of either, which is not unpacked."""

import contextlib
import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from alframe.errors import DataError
from alframe.files.presence import is_folder
from alframe.files.reading import COMPRESSIONS, read_bytes, regular
from alframe.files.walking import walked

Source = Path | zipfile.Path
"""Of a zip, whatever lies within: its names are no paths of a disk, and only its bytes are read."""

MOST_BYTES = 1 << 31
"""Of a file, and of all files of annotations in a zip together, once they are unpacked."""
MOST_MEMBERS = 1_000_000
SUFFIXES = (".json", ".xml", ".txt", ".yaml", ".yml", ".names")
"""Of files of annotations, in any case; nothing else of a folder or a zip is read."""
_ALIKE = (".csv", ".jsonl", ".ndjson", ".zip")
"""Of files that may hold annotations, too."""
_TOLD = (".json", ".xml", *_ALIKE)
"""Of files that are told where nobody reads them: others may be lists, names or settings."""

UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
"""What reading raises: a RuntimeError of members that are encrypted or packed otherwise."""

LeftOut = Callable[[str, bytes], bool]
"""Whether a file of a folder is left out: its name without folders, and its content."""


@dataclass(eq=False)
class _Opened:
    """What is known of a source while it is open.

    Attributes:
        without: which files of folders are left out.
        listed: files of folders, which are listed once.
        read: files that have been.
    """

    without: LeftOut | None = None
    listed: dict[str, Sequence[str]] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)


_OPENED: ContextVar[_Opened | None] = ContextVar("opened", default=None)
_CLIMBS = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:")


@contextlib.contextmanager
def opened(path: Path, without: LeftOut | None = None) -> Iterator[Source]:
    """A path, or what is in it where it is a zip.

    Args:
        path: a file, a folder, or a zip of either.
        without: which files are left out of folders.

    Raises:
        DataError: there is nothing, or a zip is damaged, too large, or has members that would lie
            outside of it.
    """
    before = _OPENED.set(_Opened(without))
    try:
        with _opened(path) as source:
            yield source
    finally:
        _OPENED.reset(before)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Source]:
    if is_folder(path):
        yield path
        return
    try:
        with regular(path) as file:
            zipped = zipfile.is_zipfile(file)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {_said(error)}") from error
    if not zipped:
        yield path
        return
    try:
        archive = zipfile.ZipFile(path)
    except (*UNREADABLE, ValueError) as error:
        raise DataError(f"{path} is a damaged zip ({error}): export it again") from error
    with archive:
        _check(path, archive)
        yield zipfile.Path(archive)


def _check(path: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if climbing := [m.filename for m in members if _CLIMBS.search(m.filename)]:
        raise DataError(
            f"{path}: {climbing[0]!r} of the zip would lie outside of it; no tool writes that: "
            "export it again"
        )
    wanted = [member for member in members if _is_read(member.filename)]
    if odd := [m.filename for m in wanted if m.compress_type not in COMPRESSIONS]:
        raise DataError(
            f"{path}: {odd[0]!r} is encrypted or compressed in a way that is not read: zip it again"
        )
    size = sum(member.file_size for member in wanted)
    if size > MOST_BYTES or len(members) > MOST_MEMBERS:
        raise DataError(
            f"{path}: the zip holds {size:,} bytes of annotations in {len(members):,} files; "
            f"expected at most {MOST_BYTES:,} in {MOST_MEMBERS:,}"
        )


def read(source: Source) -> bytes:
    """The bytes of a file.

    Raises:
        DataError: it cannot be read, or is too large.
    """
    _mark(source)
    return _bytes(source)


def stream(source: Source) -> IO[bytes]:
    """A file, to be read in parts.

    Raises:
        OSError: it cannot be opened; or what else is :data:`UNREADABLE`.
    """
    _mark(source)
    return _stream(source)


def _mark(source: Source) -> None:
    if known := _OPENED.get():
        known.read.add(str(source))


def _stream(source: Source) -> IO[bytes]:
    return regular(source) if isinstance(source, Path) else source.open("rb")


def _bytes(source: Source) -> bytes:
    try:
        if isinstance(source, Path):
            return read_bytes(source, MOST_BYTES)
        with source.open("rb") as file:
            size = source.root.getinfo(source.at).file_size
            return file.read(size) + file.read(1)  # of one that claims to be empty, the checksum
    except UNREADABLE as error:
        again = "" if isinstance(source, Path) else "; export the zip again"
        raise DataError(f"{source} cannot be read: {_said(error)}{again}") from error


def sha256_of(data: bytes) -> str:
    """SHA-256 of the bytes of a file, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def head(source: Source, size: int = 1 << 16) -> bytes:
    """The first bytes of a file; none where it cannot be read, which reading it will tell."""
    try:
        with _stream(source) as file:
            return file.read(size)
    except UNREADABLE:
        return b""


class Files(Mapping[str, Source]):
    """Files by their path below a source, made when they are asked for.

    Args:
        source: a folder; or a file, which is then the only one.
        names: their paths, sorted.
    """

    def __init__(self, source: Source, names: Sequence[str]) -> None:
        self._source, self._names = source, names
        self._alone = not source.is_dir()

    def __getitem__(self, name: str) -> Source:
        if self._alone:
            return self._source
        if isinstance(self._source, Path):
            return Path(f"{self._source}/{name}")
        return self._source / name

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def only(self, wanted: Callable[[str], bool]) -> "Files":
        """Those whose path is wanted."""
        return Files(self._source, list(filter(wanted, self._names)))


def files(source: Source, *suffixes: str) -> Files:
    """Files of annotations with one of some suffixes.

    Args:
        source: a folder, of which all folders below are looked through; or a file, which is taken
            whatever its name is.
        suffixes: in small letters; all of :data:`SUFFIXES` by default.
    """
    if not source.is_dir():
        return Files(source, [source.name])
    wanted = suffixes or SUFFIXES
    return Files(source, [name for name in _listed(source) if name.lower().endswith(wanted)])


def unread(source: Source) -> list[str]:
    """Files of an open folder or zip that may hold annotations, and that nobody has read."""
    known = _OPENED.get() or _Opened()
    found = files(source, *_TOLD) if source.is_dir() else {}
    return [name for name, file in found.items() if str(file) not in known.read]


def _listed(source: Source) -> Sequence[str]:
    """Files that may hold annotations below a folder, sorted; those of an open one listed once."""
    known = _OPENED.get() or _Opened()
    key = str(source)
    if key in known.listed:
        return known.listed[key]
    if isinstance(source, Path):
        above = len(key.rstrip(os.sep)) + 1 if key != os.curdir else 2
        names = [
            f"{inner[above:]}/{name}".lstrip("/").replace(os.sep, "/")
            for inner, found in walked(source)
            for name in found
        ]
    else:
        names = source.root.namelist()
    listed = sorted({name for name in names if _is_shown(name, (*SUFFIXES, *_ALIKE))})
    if without := known.without:
        found = Files(source, listed)
        listed = [
            name
            for name in listed
            if not (_is_read(name) and _is_left_out(name, found[name], without))
        ]
    known.listed[key] = listed
    return listed


def _is_left_out(name: str, file: Source, without: LeftOut) -> bool:
    try:
        return without(name.rpartition("/")[2], _bytes(file))
    except DataError:  # which reading it will tell
        return False


def folder_of(source: Source) -> Source:
    """The folder or zip that a source is, or the folder that it lies in."""
    return source.parent if isinstance(source, Path) and not source.is_dir() else source


def called(source: Source) -> str:
    """What messages call a source."""
    return str(source).rstrip("/") or "/"


def _is_read(name: str) -> bool:
    return _is_shown(name, SUFFIXES)


def _is_shown(name: str, suffixes: tuple[str, ...]) -> bool:
    """Has one of some suffixes, and is not what file managers and notebooks leave behind."""
    hidden = any(part.startswith(".") and part != "." for part in name.split("/"))
    return name.lower().endswith(suffixes) and not hidden


def _said(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()
