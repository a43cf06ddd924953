"""Arrays in an npz, of which any bit may be wrong."""

import tokenize
import zipfile
import zlib
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, LookupError, RuntimeError, SystemError, ValueError,
)  # fmt: skip
"""What reading one may raise, besides OSError."""


def read_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first index changes fastest, and type of an array; leaves its data.

    Raises:
        ValueError: it has no such header.
    """
    try:
        version = npy.read_magic(member)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(member)
    except (TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise ValueError("the header of an array cannot be read") from error
    if any(isinstance(side, bool) or side < 0 for side in shape):  # which numpy's check lets pass
        raise ValueError("the header of an array has a side that is no number")
    return shape, fortran, dtype
