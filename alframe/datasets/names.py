"""Names of picture files: the suffixes that count, and in which ways two names mean one file.

Annotations are written by other tools, on other machines. They name files in another case, encoded
as in a URL or in another Unicode form; :mod:`alframe.datasets.name_matching` finds what they mean.
"""

import html
import unicodedata
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Literal
from urllib.parse import unquote_plus

from alframe.grouping import by_key

Kind = Literal["image", "annotation"]

SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif",
)  # fmt: skip
"""Of what counts as a picture in a folder, in any case; readers and ``predict`` share them."""
_BY_CONTENT = (".avif", ".jp2", ".mpo", ".pbm", ".pgm", ".pnm", ".ppm", ".tga")
"""Of what may be a picture, too; where it is one, its content tells."""
_TAKEN_OFF = frozenset({*SUFFIXES, *_BY_CONTENT, ".xml"})


def composed(name: str) -> str:
    """A name with each accent and its letter in one character, where there is such a one."""
    return unicodedata.normalize("NFC", name)


SEEN_THROUGH: tuple[Callable[[str], str], ...] = (
    html.unescape,  # a&amp;b.jpg
    unquote_plus,  # a%20b.jpg, a+b.jpg
    unquote_plus,  # a%2520b.jpg
    composed,  # an accent as a character of its own
    str.casefold,  # A.JPG
    composed,
    str.strip,
)
"""In which ways two names may differ that mean one file, in the order in which they are undone."""


def likeness(name: str) -> str:
    """What names that may mean one file have in common."""
    if name.isascii() and not any(sign in name for sign in "&%+"):  # most are: it is far quicker
        return name.casefold().strip()
    for undo in SEEN_THROUGH:
        name = undo(name)
    return name


def has_picture_suffix(name: str) -> bool:
    """Whether a name has the suffix of a picture, in any case."""
    return name[name.rfind(".") :].lower() in SUFFIXES


def is_utf8(name: str) -> bool:
    """Whether a name of a file is text; others can be neither written nor annotated."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def is_line(name: str) -> bool:
    """Whether a name is one line of text, as lists of names have it."""
    return name.splitlines() == [name] and "\0" not in name and is_utf8(name)


def stem(name: str) -> str:
    """A name or path without the suffix of a picture or of an XML file; others are part of it."""
    dot = name.rfind(".")
    begins = dot < 1 or name[dot - 1] == "/"  # a hidden file has no suffix
    return name if begins or name[dot:].lower() not in _TAKEN_OFF else name[:dot]


class Names:
    """Index of paths by what else they may be called.

    Args:
        paths: relative ones, with ``/``.
        counts: whether a path may also be meant by a name with another suffix, or none.
    """

    def __init__(
        self, paths: Iterable[str], counts: Callable[[str], bool] = has_picture_suffix
    ) -> None:
        every = list(paths)
        self._alike = by_key((_plain(path), path) for path in every)
        self._stems = by_key((_plain(stem(path)), path) for path in every if counts(path))

    def like(self, name: str, kind: Kind = "image") -> list[str]:
        """Paths that are alike; without any, those of pictures whose stem is alike."""
        found = self._alike.get(_plain(name), [])
        return found or (self._stems.get(_plain(stem(name)), []) if kind == "image" else [])

    def ending(self, name: str) -> list[str]:
        """Paths with a last part like that of ``name``, that share most of the folders before it.

        Of those with another suffix or the same, the latter.
        """
        parts, suffix = _plain(stem(name)).split("/"), _plain(name[len(stem(name)) :])
        tails = ("/".join(parts[cut:]) for cut in range(len(parts)))
        found = next((self._by_tail[tail] for tail in tails if tail in self._by_tail), [])
        return [path for path in found if _plain(path).endswith(suffix)] or found

    def numbered(self, name: str) -> list[str]:
        """Paths whose last part is the same number, with other zeros in front: 000005 of 5."""
        plain = _plain(stem(name))
        return self._by_number.get(plain.lstrip("0"), []) if plain.isdecimal() else []

    @cached_property
    def _by_number(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for plain, paths in self._stems.items():
            last = plain.rpartition("/")[2]
            if last.isdecimal():
                found.setdefault(last.lstrip("0"), []).extend(paths)
        return found

    @cached_property
    def _by_tail(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for plain, paths in self._stems.items():
            tail = plain
            while tail:
                found.setdefault(tail, []).extend(paths)
                _, _, tail = tail.partition("/")
        return found


def _plain(path: str) -> str:
    """What paths that may mean one file have in common."""
    return "/".join(map(likeness, path.split("/"))) if "/" in path else likeness(path)
