"""JSON of annotation files, in any of its encodings."""

import json
from pathlib import Path
from typing import Any

from alframe.datasets.coco_kinds import EXPECTED
from alframe.errors import DataError
from alframe.files.reading import regular


def load(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: it is missing or no JSON.
    """
    try:
        with regular(path) as file:  # of any size: there are datasets of gigabytes
            return parsed(file.read(), path)
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing: expected COCO instances in JSON; set dataset.root, "
            "dataset.pool_annotations or dataset.test_annotations; dataset.test=20% draws a test "
            "split from the pool"
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read as JSON ({error}); {EXPECTED}") from None


def parsed(data: bytes, path: Path | str) -> Any:
    """The JSON of a file in any of its encodings, with a byte order mark or without.

    Raises:
        DataError: it is none.
    """
    try:
        return json.loads(data.decode(json.detect_encoding(data)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON ({_reason(error)}); {EXPECTED}") from None


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
