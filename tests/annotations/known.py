"""A stand-in for the pictures of a dataset, and a query for them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from alframe.annotations.formats import read_annotations
from alframe.annotations.vocabulary import Annotations, AskedImage, Proposal, Sheet
from alframe.datasets.names import likeness, stem
from alframe.datasets.problems import BadItemError, Problem, Problems

CLASSES = ("disc", "box")


class Known:
    """Finds names by their likeness, with folders more or fewer in front, without suffix too."""

    def __init__(self, *items: str, size: tuple[int, int] = (240, 320)) -> None:
        self._items, self._size = items, size

    def find(self, name: str) -> str:
        if name in self._items:
            return name
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", "..")]
        for cut in range(len(parts)):
            tail = likeness("/".join(parts[cut:]))
            whole = [(item, likeness(item), likeness(stem(item))) for item in self._items]
            found = [item for item, *alike in whole if tail in alike]
            if cut == 0 and not found:
                found = [i for i, *a in whole if any(one.endswith(f"/{tail}") for one in a)]
            if len(found) == 1:
                return found[0]
            if found:
                raise BadItemError(Problem("may mean several", name, "rename"))
        raise BadItemError(Problem("there is no such image", name, "add it"))

    def doubts(self, items: Any) -> tuple[()]:
        return ()

    def size(self, item: str) -> tuple[int, int]:
        return self._size


def read(path: Path, images: Known, name: str | None = None) -> Annotations:
    """What a file without any problem says."""
    problems = Problems("error")
    found = read_annotations(path, images, problems, name)
    problems.settle()
    return found


def boxes(found: Annotations) -> list[tuple[str, str, list[float]]]:
    """Owner, class and box to 1e-4 pixels of each object."""
    return [(t.owner, t.name, [round(v, 4) for v in t.box]) for t in found.objects]


def zipped(path: Path, members: Mapping[str, str]) -> Path:
    with ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def sheet(
    proposals: Mapping[str, Sequence[Proposal]],
    classes: Sequence[str] = CLASSES,
    *,
    size: tuple[int, int] = (240, 320),
    proposed: bool = True,
    scores: Sequence[float | None] | None = None,
    root: Path = Path("/data/photos"),
) -> Sheet:
    """A query for images, whose file is their id below ``root``."""
    given = scores or [None] * len(proposals)
    images = [
        AskedImage(item, root / item, *size, score=score, why="entropy", proposals=tuple(found))
        for (item, found), score in zip(proposals.items(), given, strict=True)
    ]
    return Sheet("cycle 2", tuple(classes), tuple(images), proposed)
