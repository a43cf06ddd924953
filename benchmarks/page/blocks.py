"""What a section of the page is made of. All texts are plain: the templates escape them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True)
class Cell:
    """A cell of a grid.

    Attributes:
        text: what it says.
        value: what it is sorted by; None lies last in a column of numbers.
        note: small print beneath.
        look: how it is marked.
        share: in 0..1, how strong the tint or how long the bar is.
        tick: in 0..1, where a line crosses the bar.
    """

    text: str
    value: float | None = None
    note: str = ""
    look: Literal["", "best", "better", "worse", "faint", "tint", "bar"] = ""
    share: float = 0.0
    tick: float = 0.0


EMPTY = Cell("\N{EN DASH}", look="faint")


@dataclass(frozen=True)
class Head:
    """Head of a column.

    Attributes:
        text: what it says.
        note: small print beneath.
        words: the column holds words, to the left, and sorts by the alphabet.
    """

    text: str
    note: str = ""
    words: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a grid: its name, a remark set apart from it, and the other cells."""

    name: str
    cells: tuple[Cell, ...]
    tag: str = ""


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        title: above it.
        heads: of all columns, that of the names first.
        rows: to be sorted.
        beneath: rows that stay below the others.
        notes: paragraphs under the table.
        sortable: by pressing a head.
    """

    template: ClassVar[str] = "grid.html"
    title: str
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    beneath: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    sortable: bool = True


@dataclass(frozen=True)
class Picture:
    """An image: its bytes as a data URI, what it shows in words, and what stands beneath."""

    source: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Pictures:
    """Images side by side, or a single large one on a white card."""

    template: ClassVar[str] = "pictures.html"
    title: str
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...] = ()
    large: bool = False


@dataclass(frozen=True)
class Text:
    """A paragraph, or something to copy."""

    template: ClassVar[str] = "text.html"
    title: str
    text: str
    code: bool = False


Block = Grid | Pictures | Text


@dataclass(frozen=True)
class Section:
    """A part of the page; one without blocks is not shown."""

    title: str
    blocks: Sequence[Block]
    about: str = ""


def data_uri(content: bytes, kind: str) -> str:
    """A file as an address: an SVG in it can neither run scripts nor clash in its ids."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
