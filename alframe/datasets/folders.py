"""The pictures in files and folders that a user names, and what is left out of them."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from alframe.datasets.listing import Listing
from alframe.datasets.names import SUFFIXES, has_picture_suffix, is_line
from alframe.datasets.pictures import OF_ANY_SIZE, header_size, is_picture
from alframe.datasets.problems import BadItemError, sentences
from alframe.errors import DataError
from alframe.files.presence import is_folder
from alframe.files.walking import OF_SYSTEMS
from alframe.grouping import by_key
from alframe.words import named, plural, tallied

REMEDY = "give the path of an image"
_GIVEN = replace(OF_ANY_SIZE, remedy=REMEDY)
SYSTEM = f"of a system ({', '.join(sorted(OF_SYSTEMS))})"
HIDDEN = "with a name that begins with a dot"
FOREIGN_NAME = "with a name that is no line of UTF-8 (rename it)"
NO_PICTURE = "without an image in it"
RUN = "of a run of alframe"
QUERY = "of a query of alframe (to take it, give the folder of the pictures itself)"
DRAWN = "of pictures that were drawn (to take them, give that folder itself)"
DRAWN_HERE = ".alframe-drawn"
"""What is put into a folder of pictures that were drawn, by which it is known."""
FOREIGN = "of a format that is not read (convert it to JPEG or PNG)"

_FOREIGN = frozenset(
    {".heic", ".heif", ".hif", ".jxl", ".svg", ".psd", ".eps", ".ai", ".pdf"}
    | {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".pef", ".srw", ".raw"}
)
"""Of what people call pictures; camera files would open, as the small preview in them."""
_TEXTS = frozenset({".xml", ".json", ".jsonl", ".txt", ".csv", ".yaml", ".yml", ".md", ".html"})
"""Of what lies beside pictures by the thousand, and is not opened."""
_OF_A_RUN = frozenset({"journal.jsonl", "manifest.json"})
THUMBNAILS = "thumbnails"
OF_A_QUERY = frozenset({"query.json", "images.txt", "README.txt"})
"""What lies in the folder of a query, whatever its format, beside :data:`THUMBNAILS`."""


class Given(NamedTuple):
    """A picture that a user named.

    Attributes:
        path: its file.
        name: where it lies below the folder that was named.
    """

    path: Path
    name: Path


def pictures_in(paths: Sequence[Path], drawn: Path | None = None) -> tuple[list[Given], list[str]]:
    """The files in ``paths``, and in place of each folder the pictures in it and below, by name.

    A file counts as a picture by its suffix, or else by its content.

    Args:
        paths: files and folders.
        drawn: a folder of our own pictures, which is left out where it lies below one of those.

    Returns:
        Pictures, each once, and a sentence for each reason to leave out others.

    Raises:
        DataError: a file is no picture, or there is none in a folder; all of those.
    """
    pictures: list[Given] = []
    notes: list[str] = []
    bad: list[DataError] = []
    own = None if drawn is None else os.path.realpath(drawn)
    for path in paths:
        if not is_folder(path):
            try:
                header_size(path, _GIVEN)
            except DataError as error:
                bad.append(error)
            pictures.append(Given(path, Path(path.name)))
            continue
        names, said = below(path, Listing(), own)
        notes += said
        pictures += [Given(path / name, Path(name)) for name in names]
        if not names:
            bad.append(DataError(no_image_in(path, said)))
    if bad:
        raise DataError(sentences(bad))
    return list(dict.fromkeys(pictures)), notes


def no_image_in(folder: Path, notes: Iterable[str]) -> str:
    """A sentence on a folder without pictures, with what :func:`below` says of it."""
    return "; ".join([f"{folder} holds no image ({', '.join(sorted(SUFFIXES))})", *notes])


def below(
    folder: Path,
    listing: Listing,
    drawn: str | None = None,
    beside: Callable[[str], str] | None = None,
) -> tuple[list[str], list[str]]:
    """Pictures in a folder and below, as paths relative to it with ``/``.

    Args:
        folder: to look through.
        listing: knows of folders that were looked at.
        drawn: the real path of a folder that is left out.
        beside: the file that belongs to a picture, and is not told of.

    Returns:
        Their names, folder by folder, and a sentence for each reason to leave out others.
    """
    left = by_key((why, name) for name, why in _walk(listing, str(folder), "", set(), drawn))
    pictures = left.pop(None, [])
    known = set(map(beside, pictures)) if beside and left else ()
    told = {reason: [n for n in names if n not in known] for reason, names in left.items()}
    return pictures, [
        f"left out of {folder}: {plural(len(names), 'file')} {reason}: {named(names)}"
        for reason, names in told.items()
        if names
    ]


def beside_splits(
    home: Path, folders: Iterable[Path], taken: Iterable[Path], listing: Listing
) -> list[str]:
    """A sentence on pictures in some folders and below that are in neither split; none without any.

    Args:
        home: the folder of the dataset.
        folders: those to look through.
        taken: the pictures of the splits.
        listing: knows of folders that were looked at.
    """
    real = cache(os.path.realpath)  # by which linked folders are one

    def place(path: str) -> str:
        folder, _, name = path.rpartition(os.sep)
        return f"{real(folder)}/{name}"

    known, left = set(map(place, map(str, taken))), dict[str, str]()
    for folder in folders:
        start = os.path.relpath(folder, home)
        for name in below(folder, listing)[0]:
            if (key := place(f"{folder}/{name}")) not in known:
                left[key] = name if start == os.curdir else f"{start}/{name}"
    if not left:
        return []
    names = sorted(left.values())
    common = os.path.commonpath([name.rpartition("/")[0] for name in names])
    depth = len(common.split("/")) + 1 if common else 1
    within = Counter("/".join(name.split("/")[:depth]) for name in names)
    shown = named(names) if len(within) == len(names) else tallied(within)
    count = plural(len(names), "picture")
    return [f"left out of {home}: {count} beside pool and test split: {shown}"]


def _walk(
    listing: Listing, folder: str, prefix: str, seen: set[str], drawn: str | None
) -> Iterator[tuple[str, str | None]]:
    """Each file below a folder, once even where links lead round in a circle: why it is left out.

    The disk is asked for whole folders and, where suffixes do not tell, about single files.
    """
    real, here = os.path.realpath(folder), listing.folder(folder)
    if real in seen:
        return
    seen.add(real)
    reason = f"that cannot be opened ({here.error})" if here.error else None
    if prefix and (real == drawn or DRAWN_HERE in here.files):
        reason = DRAWN
    elif prefix and here.files.keys() >= _OF_A_RUN:
        reason = RUN
    elif prefix and here.files.keys() >= OF_A_QUERY:
        reason = QUERY
    if reason:
        yield prefix.rstrip("/") or ".", reason
        return
    for name in sorted([*here.files, *here.folders]):
        if name.startswith("."):
            yield prefix + name, HIDDEN
        elif name in OF_SYSTEMS:
            yield prefix + name, SYSTEM
        elif name == THUMBNAILS and here.files.keys() >= OF_A_QUERY:
            yield prefix + name, QUERY
        elif not is_line(name):
            yield prefix + name, FOREIGN_NAME
        elif name in here.files:
            yield prefix + name, _reason(here.files[name])
        else:
            yield from _walk(listing, f"{folder}/{name}", f"{prefix}{name}/", seen, drawn)


def _reason(file: "os.DirEntry[str]") -> str | None:
    """Why a file is left out; None for a picture."""
    if has_picture_suffix(file.name):
        return None
    suffix = os.path.splitext(file.name)[1].lower()  # noqa: PTH122
    if suffix in _FOREIGN or suffix in _TEXTS:
        return FOREIGN if suffix in _FOREIGN else NO_PICTURE
    try:
        return None if is_picture(file.path) else NO_PICTURE
    except BadItemError as error:
        return f"that cannot be read ({error.found[0].cause})"
