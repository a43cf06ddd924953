"""Tables, and what else a report is made of, before it is written as HTML, markdown or LaTeX.

All texts are plain: whatever writes them escapes them. Metrics are fractions in findings and
percent here.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from alframe.text import markdown

CellLook = Literal["", "best", "better", "worse", "faint", "tint", "bar", "words"]


@dataclass(frozen=True)
class TableCell:
    """A cell of a table.

    Attributes:
        text: what it says.
        value: what it is sorted by; None lies last in a column of numbers.
        note: small print beneath.
        look: how it is marked; a head of ``words`` has a column that is set to the left and sorts
            by the alphabet.
        share: in 0..1, how strong the tint or how long the bar is.
        tick: in 0..1, where a line crosses the bar.
        link: the address that the text leads to.
    """

    text: str
    value: float | None = None
    note: str = ""
    look: CellLook = ""
    share: float = 0.0
    tick: float = 0.0
    link: str = ""


Cells = Sequence[TableCell]
EMPTY = TableCell("\N{EN DASH}", look="faint")


@dataclass(frozen=True)
class Table:
    """A table, for all of its readers.

    Attributes:
        title: above it.
        heads: of all columns, that of the names first.
        rows: to be sorted; each begins with its name, whose note is a remark set apart from it.
        beneath: rows that stay below the others.
        notes: paragraphs under the table.
        sortable: by pressing a head.
    """

    kind: ClassVar[str] = "table"
    title: str
    heads: Cells
    rows: Sequence[Cells]
    beneath: Sequence[Cells] = ()
    notes: Sequence[str] = ()
    sortable: bool = True


@dataclass(frozen=True)
class EmbeddedImage:
    """An image: its bytes as a data URI, what it shows in words, and what stands beneath."""

    source: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class ImageBlock:
    """Images side by side, or a single large one on a white card."""

    kind: ClassVar[str] = "images"
    title: str
    images: Sequence[EmbeddedImage]
    large: bool = False


@dataclass(frozen=True)
class Text:
    """A paragraph, or something to copy."""

    kind: ClassVar[str] = "text"
    title: str
    text: str
    code: bool = False


Block = Table | ImageBlock | Text


def heads(*names: str, words: Sequence[str] = ()) -> list[TableCell]:
    """Heads of columns; those of ``words`` are set to the left."""
    return [TableCell(name, look="words" if name in words else "") for name in names]


def numbered(
    value: float | None, text: Callable[[float], str], scale: float = 1.0, note: str = ""
) -> TableCell:
    """A number by its text and, times ``scale``, what it is sorted by; empty for None."""
    return EMPTY if value is None else TableCell(text(value), scale * value, note)


def table_text(table: Table) -> str:
    """As markdown: words to the left, numbers to the right, what is best in bold."""
    left = [i == 0 or head.look == "words" for i, head in enumerate(table.heads)]
    lines = [_line(row) for row in (table.heads, *table.rows, *table.beneath)]
    lines.insert(1, f"| {' | '.join('---' if one else '---:' for one in left)} |\n")
    return "".join(lines) + "".join(f"\n{markdown(note)}\n" for note in table.notes)


def _line(row: Cells) -> str:
    return f"| {' | '.join(map(_cell, row))} |\n"


def _cell(cell: TableCell) -> str:
    text = f"**{markdown(cell.text)}**" if cell.look == "best" else markdown(cell.text)
    text = f"[{text}]({cell.link})" if cell.link else text
    return f"{text} ({markdown(cell.note)})" if cell.note else text


def merged(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What runs that differ say, entry by entry: one value, or all there are."""
    found: dict[str, list[Any]] = {}
    for entry in entries:
        for name, value in entry.items():
            if value not in found.setdefault(name, []):
                found[name].append(value)
    return {name: vs[0] if len(vs) == 1 else vs for name, vs in found.items()}


def data_uri(content: bytes, kind: str) -> str:
    """A file as an address: an SVG in it can neither run scripts nor clash in its ids."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


MINUS = "\N{MINUS SIGN}"


def percent(fraction: float, digits: int = 2, sign: str = "") -> str:
    """Without the sign for percent; ``sign`` is ``+`` for differences in percentage points."""
    return f"{100 * fraction:{sign}z.{digits}f}".replace("-", MINUS)


def spread(mean: float, sd: float | None) -> str:
    """``mean ± sd``; the bare mean of a single run."""
    return percent(mean) if sd is None else f"{percent(mean)} ± {percent(sd)}"


def share(fraction: float, digits: int = 0) -> str:
    """``43 %``."""
    return f"{percent(fraction, digits)} %"


def size(fraction: float) -> str:
    """A share with one decimal where there is one: ``7.5 %``, ``5 %``."""
    return f"{100 * fraction:.1f}".removesuffix(".0") + " %"


def p_value(p: float) -> str:
    """Three digits, for exact tests of few seeds differ in the fourth decimal."""
    return "< 0.001" if p < 0.001 else f"{p:.3g}"
