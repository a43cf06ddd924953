"""What a PNG file says of itself behind its pixels, had without decoding them."""

import io
import struct
from typing import IO

_SIGNATURE = 8
_HEAD = struct.Struct(">I4s")
_CHECKSUM = 4
_METADATA = frozenset({b"eXIf", b"iTXt", b"tEXt", b"zTXt"})  # EXIF, and text that may be XMP


def metadata_first(file: IO[bytes]) -> IO[bytes] | None:
    """A PNG without pixels, but with the metadata that follow them; None where none do.

    Args:
        file: its position is kept.
    """
    before = file.tell()
    try:
        return _moved_up(file)
    finally:
        file.seek(before)


def _moved_up(file: IO[bytes]) -> IO[bytes] | None:
    file.seek(0)
    kept = file.read(_SIGNATURE)
    pixels = found = False
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, kind = _HEAD.unpack(head)
        if kind == b"IHDR" or (pixels and kind in _METADATA):
            kept += head + file.read(length + _CHECKSUM)
            found = found or pixels
        else:
            file.seek(length + _CHECKSUM, 1)
        pixels = pixels or kind == b"IDAT"
    return io.BytesIO(kept + _HEAD.pack(0, b"IDAT")) if found else None
