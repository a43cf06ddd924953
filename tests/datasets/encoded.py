"""Picture files that Pillow cannot write: 16-bit colours, metadata behind the pixels."""

import struct
import zlib

import numpy as np
from PIL import Image


def chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(values: np.ndarray, colour_type: int, *behind: bytes) -> bytes:
    """A PNG of 16 bits, [H, W, C]; chunks may follow the pixels."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + b"".join(behind)
    return b"\x89PNG\r\n\x1a\n" + chunks + chunk(b"IEND", b"")


def png_header(width: int, height: int) -> bytes:
    """A PNG whose pixels are missing, of any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))


def behind_pixels(content: bytes, orientation: int, *, xmp: bool) -> bytes:
    """The PNG ``content`` with an orientation after its pixels."""
    exif = Image.Exif()
    exif[274] = orientation
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp_of(orientation)
    added = chunk(b"iTXt", text) if xmp else chunk(b"eXIf", exif.tobytes()[6:])
    end = content.rindex(b"IEND") - 4
    return content[:end] + added + content[end:]


def xmp_of(orientation: int) -> bytes:
    return f'<rdf:Description tiff:Orientation="{orientation}"/>'.encode()


def tiff(
    values: np.ndarray,
    *,
    order: str = "<",
    planes: bool = False,
    photometric: int = 2,
    sample_format: int = 1,
    packed: bool = False,
    alpha: int = 2,
    tags: tuple[tuple[int, int], ...] = (),
) -> bytes:
    """A TIFF of one strip (or one for each plane), [H, W, C] in the bits of its dtype."""
    height, width, channels = values.shape
    ordered = values.transpose(2, 0, 1) if planes else values
    pixels = ordered.astype(values.dtype.newbyteorder(order)).tobytes()
    pixels = zlib.compress(pixels) if packed else pixels
    strips = channels if planes else 1
    length = len(pixels) // strips
    bits = values.dtype.itemsize * 8
    entries: list[tuple[int, str, list[int]]] = [
        (256, "I", [width]), (257, "I", [height]), (258, "H", [bits] * channels),
        (259, "H", [8 if packed else 1]), (262, "H", [photometric]),
        (273, "I", [8 + n * length for n in range(strips)]), (277, "H", [channels]),
        (278, "I", [height]), (279, "I", [length] * strips), (284, "H", [2 if planes else 1]),
        (339, "H", [sample_format] * channels), *((tag, "H", [value]) for tag, value in tags),
    ]  # fmt: skip
    if channels in (2, 4):
        entries.append((338, "H", [alpha]))
    return _file(sorted(entries), pixels, order)


def _file(entries: list[tuple[int, str, list[int]]], pixels: bytes, order: str) -> bytes:
    pixels += b"\0" * (len(pixels) % 2)
    start = 8 + len(pixels)
    beyond, directory, rest = start + 2 + 12 * len(entries) + 4, b"", b""
    for tag, kind, values in entries:
        content = struct.pack(order + kind * len(values), *values)
        if len(content) > 4:
            content, rest = struct.pack(order + "I", beyond + len(rest)), rest + content
        code = {"H": 3, "I": 4}[kind]
        directory += struct.pack(order + "HHI", tag, code, len(values)) + content.ljust(4, b"\0")
    counted = struct.pack(order + "H", len(entries)) + directory + b"\0" * 4
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HI", 42, start) + pixels + counted + rest
