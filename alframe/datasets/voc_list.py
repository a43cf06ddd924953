"""One list of images of Pascal VOC, as it was published and as people write it."""

import codecs
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from alframe.datasets.names import likeness, stem
from alframe.words import named, plural, tallied

_FOLDERS = ("jpegimages", "annotations")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_COMMENT = re.compile(r"(^|\s)#.*")
_LABEL = re.compile(r"\s+(-1|0|1)$")
_ANNOTATION = re.compile(r"\s+\S+\.xml$", re.IGNORECASE)


@dataclass
class VocList:
    """The images that a list names.

    Attributes:
        names: each once, in the order of the list, as written but for what was tolerated.
        again: how often a name comes after its first time.
        labelled: how many lines have the label of a class, as the lists of single classes do.
        paths: names with a folder or a suffix.
    """

    names: list[str] = field(default_factory=list)
    again: Counter[str] = field(default_factory=Counter)
    labelled: int = 0
    paths: list[str] = field(default_factory=list)

    def notes(self, split: str) -> list[str]:
        """What was tolerated, of the list of a split."""
        start, again = f"list {split} has", self.again
        labelled, paths = (plural(n, "name") for n in (self.labelled, len(self.paths)))
        notes = {
            f"{start} the label of a class beside {labelled}, which is not used: images without "
            "the class are taken as well": self.labelled,
            f"{start} {plural(again.total(), 'name')} again, each taken once: "
            f"{tallied(again)}": again,
            f"{start} {paths} with a folder or suffix, which is no part of an image's id: "
            f"{named(self.paths)}": self.paths,
        }
        return [note for note, seen in notes.items() if seen]


def decoded(data: bytes) -> str:
    """The text of a list: UTF-8, or UTF-16 as Windows' shell writes it.

    Raises:
        ValueError: it is neither.
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    return data.decode(encoding)


def read_list(text: str, known: Callable[[str], bool]) -> VocList:
    """The names in a list.

    Comments, labels of a class (``000005 -1``) and paths of annotations beside a name are no part
    of it, nor are ``./`` and doubled slashes.

    Args:
        text: of the list.
        known: whether an image has exactly this name, and is thus taken as it is written.
    """
    found = VocList()
    seen: set[str] = set()
    unknown: list[str] = []
    for line in map(str.strip, text.splitlines()):
        name = _normal(line)
        if not known(name):
            name = _normal(_name(line, found))
            unknown.append(name)
        if name in seen:
            found.again[name] += 1
        elif name:
            seen.add(name)
            found.names.append(name)
    found.paths += [name for name in unknown if not known(name) and known(bare(name))]
    return found


def plain(name: str) -> str:
    """A name without folders in front that say where the images or annotations are."""
    parts = name.split("/")
    if len(parts) == 1:
        return name
    where = [n for n, part in enumerate(parts) if likeness(part) in _FOLDERS]
    return "/".join(parts[where[-1] + 1 :]) if where else name


def bare(name: str) -> str:
    """The name of an image that ``name`` is the path or file of."""
    return stem(plain(name))


def is_annotation(name: str) -> bool:
    """Whether a list names an annotation where it should name an image."""
    return name.lower().endswith(".xml")


def is_below(name: str) -> bool:
    """Whether a name leads nowhere but down from a folder."""
    return not name.startswith("/") and ".." not in name.split("/")


def _name(line: str, found: VocList) -> str:
    uncommented = _ANNOTATION.sub("", _COMMENT.sub("", line).rstrip())
    name = _LABEL.sub("", uncommented)
    found.labelled += name != uncommented
    return name


def _normal(name: str) -> str:
    """A path without what says nothing: ``./a//b`` is ``a/b``."""
    if "/" not in name and "\\" not in name:
        return name
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return ("/" if name.startswith(("/", "\\")) else "") + "/".join(parts)
