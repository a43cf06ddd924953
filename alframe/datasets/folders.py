"""The pictures in files and folders that a user names, and what is left out of them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from alframe.datasets.names import SUFFIXES
from alframe.datasets.pictures import is_picture
from alframe.datasets.problems import BadItemError, Problem, grouped, named, plural
from alframe.errors import DataError

HIDDEN = "with a name that begins with a dot"
NO_PICTURE = "without an image in it"
DRAWN = "of pictures that were drawn"
FOREIGN = "of a format that is not read (convert it to JPEG or PNG)"

_FOREIGN = frozenset(
    {".heic", ".heif", ".hif", ".jxl", ".svg", ".psd", ".eps", ".ai", ".pdf"}
    | {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".pef", ".srw", ".raw"}
)
"""Of what people call pictures; camera files would open, as the small preview in them."""


class Given(NamedTuple):
    """A picture that a user named.

    Attributes:
        path: its file.
        name: where it lies below the folder that was named.
    """

    path: Path
    name: Path


class Left(NamedTuple):
    """A file that is left out, and the reason."""

    path: Path
    reason: str


def pictures_in(paths: Iterable[Path], drawn: Path | None = None) -> tuple[list[Given], list[str]]:
    """The files in ``paths``, and in place of each folder the pictures in it and below, by name.

    A file counts as a picture by its suffix, or else by its content.

    Args:
        paths: files and folders.
        drawn: a folder of our own pictures, which is left out where it lies below one of those.

    Returns:
        Pictures, and a sentence for each reason to leave out others.

    Raises:
        DataError: a folder without pictures, all of those.
    """
    pictures: list[Given] = []
    notes: list[str] = []
    empty: list[str] = []
    own = None if drawn is None else os.path.realpath(drawn)
    for path in paths:
        if not path.is_dir():
            pictures.append(Given(path, Path(path.name)))
            continue
        found = list(_walk(path, set(), own))
        inside = [p for p in found if isinstance(p, Path)]
        said = _said(path, [left for left in found if isinstance(left, Left)])
        notes += said
        pictures += [Given(p, p.relative_to(path)) for p in inside]
        if not inside:
            reasons = "".join(f"; {note}" for note in said)
            empty.append(f"{path} holds no image ({', '.join(sorted(SUFFIXES))}){reasons}")
    if empty:
        raise DataError(empty)
    return pictures, notes


def check_there(paths: Iterable[Path]) -> None:
    """Refuse paths at which nothing lies.

    Raises:
        DataError: all of those.
    """
    missing = [path for path in paths if not path.exists()]
    if missing:
        problems = (Problem("the image is missing", str(path), "give its path") for path in missing)
        raise DataError(grouped(problems))


def _walk(folder: Path, seen: set[str], drawn: str | None) -> Iterator[Path | Left]:
    """Each file below a folder, once even where links lead round in a circle."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        yield Left(folder, f"that cannot be opened ({error.strerror})")
        return
    for entry in entries:
        if entry.name.startswith("."):
            yield Left(entry, HIDDEN)
        elif entry.is_dir() and os.path.realpath(entry) == drawn:
            yield Left(entry, DRAWN)
        elif entry.is_dir():
            yield from _walk(entry, seen, drawn)
        else:
            reason = _reason(entry)
            yield entry if reason is None else Left(entry, reason)


def _reason(file: Path) -> str | None:
    """Why a file is left out; None for a picture."""
    suffix = file.suffix.lower()
    if suffix in SUFFIXES:
        return None
    if suffix in _FOREIGN:
        return FOREIGN
    try:
        return None if is_picture(file) else NO_PICTURE
    except BadItemError as error:
        return f"that cannot be read ({error.found[0].cause})"


def _said(folder: Path, left: Iterable[Left]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for path, reason in left:
        reasons.setdefault(reason, []).append(str(path.relative_to(folder)))
    return [
        f"left out of {folder}: {plural(len(names), 'file')} {reason}: {named(names)}"
        for reason, names in reasons.items()
    ]
