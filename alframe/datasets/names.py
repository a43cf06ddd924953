"""Names of picture files: the suffixes that count, and in which ways two names mean one file.

Annotations are written by other tools, on other machines. They name files in another case, encoded
as in a URL or in another Unicode form; :mod:`alframe.datasets.meant` finds what they mean.
"""

import html
import unicodedata
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import unquote_plus

SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif",
)  # fmt: skip
"""Of what counts as a picture in a folder, in any case; readers and ``predict`` share them."""


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


SEEN_THROUGH: tuple[Callable[[str], str], ...] = (
    html.unescape,  # a&amp;b.jpg
    unquote_plus,  # a%20b.jpg, a+b.jpg
    unquote_plus,  # a%2520b.jpg
    _composed,  # an accent as a character of its own
    str.casefold,  # A.JPG
    _composed,
    str.strip,
)
"""In which ways two names may differ that mean one file, in the order in which they are undone."""


def likeness(name: str) -> str:
    """What names that may mean one file have in common."""
    for undo in SEEN_THROUGH:
        name = undo(name)
    return name


def is_picture(name: str) -> bool:
    """Whether a name has the suffix of a picture, in any case."""
    return name[name.rfind(".") :].lower() in SUFFIXES


def stem(name: str) -> str:
    """A name or path without the suffix of a picture or of an XML file; others are part of it."""
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in (*SUFFIXES, ".xml") else name
