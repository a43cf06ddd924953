"""JSON of annotation files, in any of its encodings."""

import json
from pathlib import Path
from typing import Any

from alframe.errors import DataError


def parsed(data: bytes, path: Path | str, expected: str = "write or export it again") -> Any:
    """The JSON of a file in any of its encodings, with a byte order mark or without.

    Args:
        data: the whole file.
        path: what messages call it.
        expected: their end, what to do.

    Raises:
        DataError: it is none.
    """
    try:
        return json.loads(data.decode(json.detect_encoding(data)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON ({_reason(error)}); {expected}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError) and not error.doc.strip():
        return "it is empty"
    if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
        return f"a second value begins in line {error.lineno}: JSON Lines are not read"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start:,} is not UTF-8: save it as UTF-8"
    if isinstance(error, ValueError) and "integer string conversion" in str(error):
        return "a number has thousands of digits"
    return str(error)
