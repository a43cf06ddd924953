"""Which file an annotation means, where it names it otherwise than the file is named."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from alframe.datasets.listing import Listing
from alframe.datasets.names import is_picture, likeness, stem
from alframe.datasets.problems import BadItemError, Problem, named, plural

Kind = Literal["image", "annotation"]

_SKIP = "or set dataset.on_bad_item=skip"
_ADD = {
    "image": f"add the file, take it out of the list, {_SKIP}",
    "annotation": f"add the file, take the image out of the list, {_SKIP}",
}


class Meant:
    """Finds the files that names mean, and remembers the names that are not those of the files.

    Only what exists is returned, so that no name leads out of its folder.

    Args:
        root: of the dataset, below which a missing picture may lie elsewhere.
        listing: what exists.
    """

    def __init__(self, root: Path, listing: Listing) -> None:
        self._root = root
        self._listing = listing
        self._otherwise: dict[str, str] = {}
        self._below: dict[Path, dict[str, str]] = {}

    def find(self, folder: Path, name: str, kind: Kind = "image") -> str:
        r"""The file below ``folder`` that a name means, as a path relative to it.

        Args:
            folder: of the dataset.
            name: as an annotation has it, with ``/`` or ``\``. The suffix of a picture may be
                another one or missing.
            kind: what is looked for.

        Raises:
            BadItemError: there is none, or several may be meant.
        """
        parts, elsewhere = _parts(name)
        exact = "/".join(parts)
        if not elsewhere and f"{folder}/{exact}" in self._listing:
            return exact
        for tail in _tails(parts, folder, elsewhere):
            found = self._like(str(folder), tail, kind)
            if len(found) == 1:
                self._otherwise[name] = found[0]
                return found[0]
            if found:
                raise BadItemError(_ambiguous(folder, exact, found, kind))
        raise BadItemError(self._missing(folder, name, parts, elsewhere, kind))

    def notes(self) -> list[str]:
        """One sentence on the names that are not those of their files."""
        if not self._otherwise:
            return []
        pairs = [f"{name} ({found})" for name, found in self._otherwise.items()]
        verb = "differs from its file" if len(pairs) == 1 else "differ from their files"
        return [
            f"{plural(len(pairs), 'name')} in the annotations {verb} (case, encoding, suffix or "
            f"folder) and can mean no other: {named(pairs)}"
        ]

    def _like(self, folder: str, parts: Sequence[str], kind: Kind) -> list[str]:
        """Files below a folder that may be meant: alike, else a picture of a stem that is alike."""
        here = self._listing.folder(folder)
        head, *rest = parts
        if rest:
            inner = here.folders_alike.get(likeness(head), [])
            return [f"{n}/{f}" for n in inner for f in self._like(f"{folder}/{n}", rest, kind)]
        found = here.alike.get(likeness(head), [])
        if found or kind == "annotation":
            return found
        return here.pictures_alike.get(likeness(stem(head)), [])

    def _missing(
        self, folder: Path, name: str, parts: Sequence[str], elsewhere: bool, kind: Kind
    ) -> Problem:
        if elsewhere:
            return Problem(
                f"the name of an {kind} leaves its folder",
                repr(name),
                f"write its path below {folder}, {_SKIP}",
            )
        path = f"{folder}/{'/'.join(parts)}"
        below = folder if self._listing.folder(folder).pictures else self._root
        there = self._elsewhere(below).get(likeness(stem(parts[-1]))) if kind == "image" else None
        if there:
            return Problem(
                "the image lies elsewhere than its annotation says",
                f"{path} (there is {there})",
                f"write its path below {folder}, move it there, {_SKIP}",
            )
        shown = path if kind == "annotation" or is_picture(path) else f"{path}.jpg"
        return Problem(f"the {kind} is missing", shown, _ADD[kind])

    def _elsewhere(self, folder: Path) -> dict[str, str]:
        """Pictures anywhere below a folder, by the likeness of their stem: one of each."""
        if folder not in self._below:
            self._below[folder] = {
                likeness(stem(name)): f"{inner}/{name}"
                for inner, _, files in os.walk(folder)
                for name in filter(is_picture, files)
            }
        return self._below[folder]


def _parts(name: str) -> tuple[list[str], bool]:
    """The parts of a path, and whether it begins elsewhere: absolute, a URL, or with ``..``."""
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    climbs = len(parts) - parts[::-1].index("..") if ".." in parts else 0
    elsewhere = plain.startswith("/") or bool(parts and parts[0].endswith(":")) or climbs > 0
    return parts[climbs:] or [name], elsewhere


def _tails(parts: Sequence[str], folder: Path, elsewhere: bool) -> Iterator[Sequence[str]]:
    """The whole path, then what is left without folders in front that say nothing new.

    Those are all of a path that begins elsewhere, and else what repeats the end of ``folder``.
    """
    above = [likeness(part) for part in folder.parts]
    for cut in range(len(parts)):
        dropped = [likeness(part) for part in parts[:cut]]
        if elsewhere or above[len(above) - cut :] == dropped:
            yield parts[cut:]


def _ambiguous(folder: Path, name: str, found: Sequence[str], kind: Kind) -> Problem:
    return Problem(
        f"the name of an {kind} may mean several files",
        f"{folder}/{name} ({', '.join(sorted(found))})",
        "write it exactly as its file is named, or rename the others",
    )
