"""The chunks of a PNG file that follow its pixels, found without decoding them."""

import struct
from typing import IO

_SIGNATURE = 8
_HEAD = struct.Struct(">I4s")
_CHECKSUM = 4
_METADATA = frozenset({b"eXIf", b"iTXt", b"tEXt", b"zTXt"})


def has_late_metadata(file: IO[bytes]) -> bool:
    """Whether EXIF or text, which may hold XMP, comes after the pixels; keeps the position."""
    before = file.tell()
    try:
        return _late(file)
    finally:
        file.seek(before)


def _late(file: IO[bytes]) -> bool:
    file.seek(_SIGNATURE)
    pixels = False
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, kind = _HEAD.unpack(head)
        if pixels and kind in _METADATA:
            return True
        pixels = pixels or kind == b"IDAT"
        file.seek(length + _CHECKSUM, 1)
    return False
