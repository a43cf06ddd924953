"""Where a YOLO dataset keeps its images and labels: ``data.yaml``, folders and lists of images."""

import os
import reprlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from alframe.datasets.assemble import Found
from alframe.datasets.data_yaml import USUAL, data_yaml, keypoints_in, names_in
from alframe.datasets.files import check_link
from alframe.datasets.folders import below
from alframe.datasets.name_matching import parts_of
from alframe.datasets.voc_list import decoded
from alframe.datasets.yolo_found import LabelFiles
from alframe.errors import AlframeError, DataError, together
from alframe.files.reading import LIST_BYTES, YAML_BYTES, read_bytes

EXPECTED = (
    "expected a folder, a list file (.txt) or a list of them, relative to the file or to its path"
)


class YoloFile:
    """A ``data.yaml``: names of classes, and where the images of each split are.

    Args:
        found: by the reader; takes notes, and what is wrong with the lines of lists.
        labels: finds the label files of images.
        path: of the file; looked for in the folder of the dataset by default.

    Attributes:
        names: of the classes, by number.
        keypoints: how many numbers of them a line of labels has.
        wrong: entries that are neither a folder nor a list file.

    Raises:
        DataError: it is missing or malformed; every problem.
    """

    def __init__(self, found: Found, labels: LabelFiles, path: Path | None) -> None:
        self._found, self._labels, self._home = found, labels, found.home
        self._path = _only_one(found.home) if path is None else path
        self.wrong: list[str] = []
        self._content, self.names, self.keypoints = _read(self._path)
        place = self._content.get("path") or "."
        self._base = self._inside(found.home, place)
        if self._base != found.home:
            self._note(self._base, place, found.home / place)

    def has(self, key: str) -> bool:
        """Whether the file says where the images of a split are."""
        return bool(self._content.get(key))

    def images(self, key: str) -> list[str]:
        """The pictures of a split, ``train``, ``val`` or ``test``, as paths below the dataset."""
        found = dict[str, None]()
        if not self.has(key):
            self.wrong.append(f"{self._path}: {key}: nothing is there; {EXPECTED}")
        for entry in self._entries(key):
            path = self._find(entry)
            if path is None:
                self.wrong.append(f"{self._path}: {key}: nothing at {entry!r:.60}; {EXPECTED}")
                continue
            self._note(path, entry, *self._meant(entry))
            if path.is_dir():
                found |= dict.fromkeys(self._in_folder(path))
            else:
                found |= dict.fromkeys(self._in_list(path))
        return list(found)

    def folders(self, key: str) -> list[Path]:
        """The folders that the file names for a split, of those that are there."""
        places = map(self._find, self._entries(key))
        return [place for place in places if place and place.is_dir()]

    def _entries(self, key: str) -> Sequence[str]:
        entries = self._content.get(key) or ()
        return [entries] if isinstance(entries, str) else entries

    def _in_folder(self, folder: Path) -> Iterator[str]:
        start = os.path.relpath(folder, self._home).replace(os.sep, "/")
        prefix = "" if start == "." else f"{start}/"

        def read(picture: str) -> str:
            """The label file that is taken, seen from the folder where it lies in it."""
            image = f"{prefix}{picture}"
            return (self._labels.of(image) or self._labels.like(image) or "").removeprefix(prefix)

        pictures, notes = below(folder, self._found.listing, beside=read)
        self._found.folders.append(folder)
        self._found.notes += [note for note in notes if note not in self._found.notes]
        return (f"{prefix}{name}" for name in pictures)

    def _in_list(self, path: Path) -> Iterator[str]:
        check_link(path, [self._home])
        try:
            lines = decoded(read_bytes(path, LIST_BYTES)).splitlines()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise DataError(f"{path} cannot be read as a list of images ({why})") from error
        for line in filter(None, map(str.strip, lines)):
            try:
                yield self._listed(path.parent, line)
            except DataError as error:
                self._found.problems.take(f"{path}: {line}", error)

    def _listed(self, folder: Path, line: str) -> str:
        """The picture that a line of a list means: beside it, or below the dataset."""
        for place in dict.fromkeys((folder, self._base, self._home)):
            parts, elsewhere = parts_of(line)
            path = f"{place}/{'/'.join(parts)}"
            if not elsewhere and path in self._found.listing:
                return os.path.relpath(path, self._home).replace(os.sep, "/")
        return self._found.meant.find(self._home, line)

    def _find(self, place: str) -> Path | None:
        """The folder or list file of an entry: below ``path``, the file itself, or the dataset."""
        for path in self._meant(place):
            if _exists(path) and self._is_ours(path):
                return path
        found = self._inside(self._base, place)
        return found if found != self._base else None

    def _meant(self, place: str) -> list[Path]:
        folders = (self._base, self._path.parent, self._home)
        return [Path(os.path.normpath(folder / place)) for folder in folders]

    def _note(self, path: Path, place: str, *meant: Path) -> None:
        """Say what was taken for an entry that means something else as it is written."""
        if path not in meant:
            self._found.notes.append(f"{self._path}: took {path} for {place}")

    def _is_ours(self, path: Path) -> bool:
        """Whether a path lies in the folder of the dataset."""
        return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(self._home))  # noqa: PTH100

    def _inside(self, folder: Path, place: str) -> Path:
        """What a path that may have been written on another machine means below the dataset."""
        parts, _ = parts_of(place)
        for cut in range(len(parts)):
            path = folder.joinpath(*parts[cut:])
            if _exists(path) and self._is_ours(path):
                return path
        return folder


def _read(path: Path) -> tuple[dict[str, Any], tuple[str, ...], int]:
    """The content of the file, and what it says of lines of labels."""
    try:
        content = dict(data_yaml(read_bytes(path, YAML_BYTES), str(path)))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); set dataset.data") from error
    found: list[str] = []
    names: tuple[str, ...] = ()
    keypoints = 0
    try:
        names, keypoints = together(
            partial(names_in, content, str(path)), partial(keypoints_in, content, str(path))
        )
    except AlframeError as error:
        found += error.problems
    for key in ("path", "train", "val", "test"):
        value = content.get(key)
        listed = value if isinstance(value, list) and key != "path" else [value]
        if value is not None and not all(isinstance(each, str) for each in listed):
            found.append(f"{path}: {key}: got {reprlib.repr(value)[:60]}; {EXPECTED}")
    if found:
        raise DataError(found)
    return content, names, keypoints


def _only_one(home: Path) -> Path:
    there = sorted(home.glob("*.y*ml"))
    usual = [path for path in there if path.name in USUAL]
    if len(usual or there) == 1:
        return (usual or there)[0]
    if there:
        names = ", ".join(path.name for path in (usual or there)[:5])
        raise DataError(f"{home} holds {names}: set dataset.data to the one that is meant")
    raise DataError(
        f"{home} holds no data.yaml: expected one with names, train and val; set dataset.root or "
        "dataset.data"
    )


def _exists(path: Path) -> bool:
    """Whether a path exists, which one does not with a name that no disk has."""
    return os.path.exists(path)  # noqa: PTH110
