"""Which file an annotation means, where it names it otherwise than the file is named."""

import filecmp
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from alframe.datasets.listing import Listing
from alframe.datasets.names import Kind, Names, has_picture_suffix, likeness, stem
from alframe.datasets.problems import SKIP, BadItemError, Problem
from alframe.words import named, plural

USUAL = frozenset({"images", "labels", "obj_train_data", "JPEGImages", "Annotations"})
"""Folders of YOLO and Pascal VOC, which tell nothing of an image."""
SPLITS = frozenset({"train", "val", "valid", "test"})
"""Folders of YOLO in :data:`USUAL` ones."""
UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the names of uploaded files, once."""
RENAMED = re.compile(r"-\d+$")
"""What Ultralytics puts after the names of pictures in several folders whose names are the same."""


_LOST = "the folders of images are lost, so that a name may mean several"
_WITH_FOLDERS = "give a file of a format that has the folders, or rename the images"


class SeveralError(BadItemError):
    """A name may mean several files."""


class OtherFileError(BadItemError):
    """A name is the path of a file that is not the picture of that name."""


class PictureNames:
    """Pictures of a dataset by what lists and files of annotations call them.

    A name may have folders in front that an id does not have, or lack those that it has, as long as
    one picture alone can be meant.

    Args:
        ids: paths of the pictures, with their suffix or without.
        file: where the picture of an id lies, if anywhere: a path of that file means it.
        asked: ids of those that are asked for, and rather meant than others.
    """

    def __init__(
        self,
        ids: Iterable[str],
        file: Callable[[str], Path | None] = lambda _: None,
        asked: Iterable[str] = (),
    ) -> None:
        self._ids, self._file, self._asked = frozenset(ids), file, frozenset(asked)
        self._otherwise: dict[str, str] = {}
        self._certain = set[str]()
        self._flat = False

    def find(self, name: str) -> str:
        """The id of the picture that a file calls ``name``.

        Raises:
            BadItemError: there is none, or there are several.
        """
        if name in self._ids:
            return name
        if name not in self._otherwise:
            self._otherwise[name] = self._search(name)
        return self._otherwise[name]

    def notes(self) -> list[str]:
        """One sentence on the names that are ids neither with nor without suffix.

        The folders that formats have for images or labels, and for splits in these, do not count,
        nor those in front of a whole path.
        """
        return _differing({n: i for n, i in self._otherwise.items() if not _is_plain(n, i)})

    def doubts(self, items: Collection[str]) -> list[tuple[str, Problem]]:
        """Found pictures that may not be meant: where a file has lost the folders of its pictures.

        It has if a name without folders is that of a picture in one: then ``a.jpg``, though there
        is one, may be ``b/a.jpg`` as well. So it may in a file without any folder, if that one is
        asked for and ``a.jpg`` is not.
        """
        lost = self._flat or not all(_tells_folders(n, i) for n, i in self._otherwise.items())
        unclear = bool(self._asked) and not any("/" in item for item in items)
        doubts = []
        for item in items if lost or unclear else ():
            others = [each for each in self._names.ending(item) if each != item]
            rather = item not in self._asked and not self._asked.isdisjoint(others)
            if others and (lost or rather) and item not in self._certain:
                at = f"{item} (or {', '.join(sorted(others))})"
                doubts.append((item, Problem(_LOST, at, f"{_WITH_FOLDERS}{SKIP}")))
        return doubts

    @cached_property
    def _names(self) -> Names:
        return Names(sorted(self._ids), lambda _: True)

    @cached_property
    def _with_backslash(self) -> list[str]:
        return [item for item in self._ids if "\\" in item]

    def _search(self, name: str) -> str:
        if len(found := _to_the_letter(name, self._with_backslash)) == 1:
            return found[0]
        parts, _ = parts_of(name)
        path = "/".join(parts)
        names = self._names
        exactly = names.like(path, "annotation" if has_picture_suffix(path) else "image")
        found = exactly or names.ending(path) or names.numbered(path)
        found = found or names.ending(UPLOADED.sub("", parts[-1]))
        if len(found) > 1 and len(parts) > 1:  # a bare name says nothing of the folder one is in
            files = {item: self._file(item) for item in found}
            place = Path(name).absolute()
            there = [i for i, file in files.items() if file and file.absolute() == place]
            self._certain.update(there)
            found = there or found
        found = _of_twins(name, found)
        if len(found) == 1:
            self._check_place(name, found[0])
            return found[0]
        if found:
            self._flat |= len(parts) == 1
            raise SeveralError(_ambiguous(name, found, "image"))
        self._flat |= len(names.ending(RENAMED.sub("", stem(parts[-1])))) > 1
        cause = "a name is that of no picture of the dataset"
        raise BadItemError(Problem(cause, repr(name), f"add the picture, take it out{SKIP}"))

    def _check_place(self, name: str, item: str) -> None:
        """Refuse a whole path of this machine at which another picture lies."""
        place, file = Path(name), self._file(item)
        if file is None or not (place.is_absolute() and place.is_file() and file.is_file()):
            return
        if not (place.samefile(file) or filecmp.cmp(place, file, shallow=False)):
            cause, at = "the path is that of another picture", f"{name} (not {file})"
            remedy = "give those of the picture that is meant; of a copy, write its name alone"
            raise OtherFileError(Problem(cause, at, f"{remedy}{SKIP}"))


class Pictures(PictureNames):
    """Pictures with their sizes: :class:`alframe.annotations.vocabulary.Images`.

    Args:
        ids: see :class:`PictureNames`.
        size: (height, width) in pixels of one of them.
        file: see :class:`PictureNames`.
        asked: likewise.
    """

    def __init__(
        self,
        ids: Iterable[str],
        size: Callable[[str], tuple[int, int]],
        file: Callable[[str], Path | None] = lambda _: None,
        asked: Iterable[str] = (),
    ) -> None:
        super().__init__(ids, file, asked)
        self._size = size

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self._size(item)


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
        self._names: dict[str, Names] = {}

    def find(self, folder: Path, name: str) -> str:
        r"""The picture below ``folder`` that a name means, as a path relative to it.

        Args:
            folder: of the dataset.
            name: as an annotation has it, with ``/`` or ``\``. The suffix of a picture may be
                another one or missing.

        Raises:
            BadItemError: there is none, or several may be meant.
        """
        found = self.search(folder, name)
        if found is None:
            raise BadItemError(self._missing(folder, name))
        return found

    def search(self, folder: Path, name: str, kind: Kind = "image") -> str | None:
        """As :meth:`find`, but None where there is no such file."""
        parts, elsewhere = parts_of(name)
        exact = "/".join(parts)
        for said in (name, exact) if "\\" in name else (exact,):
            if not elsewhere and f"{folder}/{said}" in self._listing:
                return said
        for tail in _tails(parts, folder, elsewhere):
            path = "/".join(tail)
            found = _of_twins(path, self._below(folder).like(path, kind))
            if len(found) > 1:
                raise BadItemError(_ambiguous(f"{folder}/{exact}", found, kind))
            if found:
                self._otherwise[name] = found[0]
                return found[0]
        return None

    def notes(self) -> list[str]:
        """One sentence on the names that are not those of their files."""
        return _differing(self._otherwise)

    def _below(self, folder: Path) -> Names:
        key = str(folder)
        if key not in self._names:
            self._names[key] = Names(self._listing.below(key))
        return self._names[key]

    def _missing(self, folder: Path, name: str) -> Problem:
        parts, elsewhere = parts_of(name)
        if elsewhere:
            remedy = f"write its path below {folder}{SKIP}"
            return Problem("the name of an image leaves its folder", repr(name), remedy)
        path = f"{folder}/{'/'.join(parts)}"
        below = folder if self._listing.folder(folder).pictures else self._root
        if there := self._below(below).ending(parts[-1]):
            return Problem(
                "the image lies elsewhere than its annotation says",
                f"{path} (there is {below}/{there[0]})",
                f"write its path below {folder}, move it there{SKIP}",
            )
        shown = path if has_picture_suffix(path) else f"{path}.jpg"
        remedy = f"add the file, take it out of the list{SKIP}"
        return Problem("the image is missing", shown, remedy)


def _tells_folders(name: str, item: str) -> bool:
    """Whether a name ends with the folders of the picture that it was found to mean."""
    parts, folders = parts_of(name)[0][:-1], item.split("/")[:-1]
    said = [likeness(part) for part in parts[len(parts) - len(folders) :]]
    return said == [likeness(folder) for folder in folders]


def _of_twins(name: str, paths: list[str]) -> list[str]:
    """Of paths that are alike but for their letters, those that are as the name is, if any are."""
    if len(paths) < 2 or len({likeness(stem(path)) for path in paths}) > 1:
        return paths
    return _to_the_letter(name, paths) or paths


def _to_the_letter(name: str, paths: Sequence[str]) -> list[str]:
    """Those of some paths that end as a name does, or it as they do; it may lack the suffix."""
    said = name.split("/")
    found = []
    for path in paths:
        own = path.split("/")
        common = min(len(own), len(said))
        *folders, last = own[-common:]
        if said[-common:] in ([*folders, last], [*folders, stem(last)]):
            found.append(path)
    return found


def parts_of(name: str) -> tuple[list[str], bool]:
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


def _is_plain(name: str, item: str) -> bool:
    """Whether a name differs from an id in the suffix and the folders of a format alone.

    Or is a whole path, of this machine or another, that ends with it.
    """
    parts, elsewhere = parts_of(name)
    if elsewhere and "/".join(parts).endswith(f"/{item}"):
        return True
    said, own = _without_usual(name), {item, _without_usual(item)}
    split, _, last = said.partition("/")
    ways = {name, said, last if said != name and split in SPLITS else said}
    if not has_picture_suffix(item):
        ways |= set(map(stem, ways))
    return not ways.isdisjoint(own | set(map(stem, own)))


def _without_usual(name: str) -> str:
    """A name without the folders in front that are a format's."""
    parts = name.split("/")
    own = next((n for n, part in enumerate(parts) if part not in USUAL), len(parts) - 1)
    return "/".join(parts[own:])


def _differing(otherwise: dict[str, str]) -> list[str]:
    if not otherwise:
        return []
    pairs = [f"{name} ({found})" for name, found in otherwise.items()]
    one = len(pairs) == 1
    was, verb = ("is", "differs from its file") if one else ("are", "differ from their files")
    return [
        f"{plural(len(pairs), 'name')} that {was} given {verb} (case, encoding, suffix or "
        f"folder) and can mean no other: {named(pairs)}"
    ]


def _ambiguous(name: str, found: Sequence[str], kind: Kind) -> Problem:
    return Problem(
        f"the name of an {kind} may mean several files",
        f"{name} ({', '.join(sorted(found))})",
        "write it exactly as its file is named, or rename the others",
    )
