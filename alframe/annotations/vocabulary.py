"""What files of annotation tools say and are told: one vocabulary for every format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from alframe.annotations.sources import Source
from alframe.datasets.held_out import Finder
from alframe.datasets.objects import Annotated, Box, Collected
from alframe.datasets.problems import Problems

UNSIZED = (1, 1)
"""Size of a picture that is no file here: what files give as shares of it stays that."""


class Images(Finder, Protocol):
    """The pictures that annotations are about."""

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) in pixels."""
        ...


@dataclass
class Annotations:
    """What a file says.

    Attributes:
        classes: names that it declares, in their order; where it declares none, those found.
        images: ids of the pictures that it has an entry for, also one without objects.
        objects: of these pictures; boxes are x1 y1 x2 y2 in pixels, 0-based, as they are written.
        ignored: ids of pictures that an annotator gave up.
        seconds: what annotating a picture took, where the tool knows.
        notes: what was tolerated, one sentence each.
        new: names of classes that answers may have besides those of the dataset.
        numbered: whether ``classes`` are numbers of a list of names that the file does not have;
            see :func:`alframe.annotations.yolo.named_by`.
        listed: whether ``images`` are a list that tools also fill with images that nobody has
            looked at, so that one without objects may be one of these.
        resized: ids of pictures that are said to be of another size than they are, so that boxes in
            pixels may be those of other pictures.
    """

    classes: tuple[str, ...]
    images: list[str] = field(default_factory=list)
    objects: Collected = field(default_factory=list[Annotated])
    ignored: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    numbered: bool = False
    new: frozenset[str] = frozenset()
    listed: bool = False
    resized: set[str] = field(default_factory=set)


class Proposal(NamedTuple):
    """An object that a model proposes, for people to correct.

    Attributes:
        name: its class.
        box: x1 y1 x2 y2 in pixels, 0-based.
        score: of the model, 0..1.
    """

    name: str
    box: Box
    score: float


@dataclass(frozen=True)
class AskedImage:
    """A picture that people are asked to annotate.

    Attributes:
        item: its id.
        file: where it lies; None where it is no file.
        height: in pixels, as is ``width``.
        width: see there.
        score: by the strategy, the larger the more worth labelling; None where it has none.
        why: why it is asked for: ``test``, ``initial`` or the name of the strategy.
        proposals: to start from, best first.
    """

    item: str
    file: Path | None
    height: int
    width: int
    score: float | None = None
    why: str = ""
    proposals: tuple[Proposal, ...] = ()

    @property
    def name(self) -> str:
        """What files call the picture: its id, with the suffix of its file."""
        suffix = self.file.suffix if self.file else ""
        return self.item if self.item.lower().endswith(suffix.lower()) else self.item + suffix

    @property
    def stem(self) -> str:
        """Its name without suffix, for files beside it."""
        return str(PurePosixPath(self.name).with_suffix("")) if self.file else self.item


@dataclass(frozen=True)
class Sheet:
    """What people are asked in one go.

    Attributes:
        title: what to call it.
        classes: names that annotators may use.
        images: the most worth labelling first.
        proposed: whether a model was asked for proposals.
    """

    title: str
    classes: tuple[str, ...]
    images: tuple[AskedImage, ...]
    proposed: bool = False


@dataclass(frozen=True)
class Format:
    """One format of annotation files, read and written.

    Attributes:
        name: what ``--to`` and settings call it.
        summary: for lists of formats.
        recognises: whether a file, a folder or a zip holds it, by content.
        read: answers in it; problems of single entries go to ``problems``.
        write: the query of a sheet with its proposals, into a folder; returns what a tool is to
            be given.
        howto: lines that say what to do with it in that tool; in brackets what is about proposals.
        predictions: likewise of a model, where they lie apart from answers; else ``read`` finds
            either, and objects have scores.
        called: the sheet as the files call its pictures, where that is not by their ids.
        beside: names of files of a query that hold no annotations, but the names of classes.
    """

    name: str
    summary: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source, Images, Problems], Annotations]
    write: Callable[[Sheet, Path], Path]
    howto: Sequence[str]
    predictions: Callable[[Source, Images, Problems], Annotations] | None = None
    called: Callable[[Sheet], Sheet] = lambda sheet: sheet
    beside: frozenset[str] = frozenset()
