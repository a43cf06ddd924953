"""Zip archives of tensors that notice a flipped bit: their comment is a checksum of all the rest.

It lies in the file itself, so a kill cannot tear the two apart, and ``torch.load`` and
``numpy.load`` open the file as they would without it. CRC-32 finds every single flipped bit, and
every run of damage up to 32 bits; of anything else it misses one in 2 ** 32.
"""

import contextlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from alframe.atomic import atomic
from alframe.reading import regular

MARK = b"alframe crc32 "
_DIGITS = 8
_COMMENT = len(MARK) + _DIGITS
_UNCOMMENTED = b"\0\0"
"""The last bytes of an archive without a comment: its length, little-endian."""
_CHUNK = 1 << 20


class BrokenSealError(ValueError):
    """A file is not what was written: cut, overwritten, of somebody else, or a bit has flipped."""


class Sealing:
    """What the archive is written to; knows the checksum of what it has passed on."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.checksum = 0

    def write(self, content: bytes) -> int:
        """Pass on and add to the checksum."""
        self.checksum = zlib.crc32(content, self.checksum)
        return self._file.write(content)

    def flush(self) -> None:
        """As of a file."""
        self._file.flush()


@contextlib.contextmanager
def sealed(path: Path) -> Iterator[Sealing]:
    """A file to write a zip archive to, from its beginning to its end; it appears whole."""
    with atomic(path) as file:
        yield (sealing := Sealing(file))
        file.seek(-len(_UNCOMMENTED), 1)
        file.write(_COMMENT.to_bytes(2, "little"))
        file.write(MARK + b"%08x" % sealing.checksum)


@contextlib.contextmanager
def unsealed(path: Path) -> Iterator[IO[bytes]]:
    """The archive, once it has been found to be what was written.

    Raises:
        BrokenSealError: it is not; says why.
        OSError: it cannot be read.
    """
    with regular(path) as file:
        _check(file, path.stat().st_size)
        file.seek(0)
        yield file


def _check(file: IO[bytes], size: int) -> None:
    body = size - _COMMENT - len(_UNCOMMENTED)
    file.seek(max(0, body))
    end = file.read()
    if body < 0 or not end.startswith(_COMMENT.to_bytes(2, "little") + MARK):
        raise BrokenSealError("it ends without its checksum: cut short, or not written by alframe")
    file.seek(0)
    checksum = 0
    for start in range(0, body, _CHUNK):
        checksum = zlib.crc32(file.read(min(_CHUNK, body - start)), checksum)
    if end[-_DIGITS:] != b"%08x" % zlib.crc32(_UNCOMMENTED, checksum):
        raise BrokenSealError("its checksum does not match: some of its bytes have changed")
