"""The report in markdown: the same sections as the page, without its pictures."""

from collections.abc import Iterable, Sequence

from alframe.benchmarks.findings import Findings
from alframe.benchmarks.page.blocks import Block, Cell, Grid, Head, Pictures, Row, Section, Text
from alframe.benchmarks.page.cycles import cycles
from alframe.benchmarks.page.sections import sections
from alframe.text import markdown as words
from alframe.text import markdown_code


def markdown(findings: Findings) -> str:
    """The whole text; tables as GitHub reads them."""
    return f"# {words(findings.title)}\n\n" + "\n".join(map(_section, sections(findings, {})))


def summary(findings: Findings) -> str:
    """The cycle tables alone, for a terminal."""
    tables = ((p, cycles(p, findings.metric)) for p in findings.problems)
    return "\n".join(f"## {words(p.name)}\n\n{_table(table)}" for p, table in tables if table)


def _section(section: Section) -> str:
    parts = [f"## {words(section.title)}\n"]
    if section.about:
        parts.append(f"{words(section.about)}\n")
    parts += [text for block in section.blocks if (text := _block(block))]
    return "\n".join(parts)


def _block(block: Block) -> str:
    if isinstance(block, Pictures):
        return ""
    body = _table(block) if isinstance(block, Grid) else _text(block)
    return f"### {words(block.title)}\n\n{body}"


def _text(block: Text) -> str:
    return markdown_code(block.text) if block.code else f"{words(block.text)}\n"


def _table(block: Grid) -> str:
    to_left = [head.words for head in block.heads]
    rows = [_row(row) for row in (*block.rows, *block.beneath)]
    table = grid([_head(head) for head in block.heads], rows, to_left)
    return table + "".join(f"\n{words(note)}\n" for note in block.notes)


def _head(head: Head) -> str:
    return f"{head.text} ({head.note})" if head.note else head.text


def _row(row: Row) -> list[str | Cell]:
    return [f"{row.name} ({row.tag})" if row.tag else row.name, *row.cells]


def grid(
    heads: Sequence[str], rows: Iterable[Sequence[str | Cell]], to_left: Sequence[bool] = ()
) -> str:
    """A markdown table; the first column and those of words to the left, the others to the right.

    Args:
        heads: of all columns.
        rows: texts, or cells, of which the best are bold.
        to_left: for each column whether it holds words; none does by default.
    """
    left = [True, *(to_left or [False] * len(heads))[1:]]
    rules = ["---" if one else "---:" for one in left]
    lines = [list(map(words, heads)), rules, *(list(map(_cell, row)) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(cell: str | Cell) -> str:
    if isinstance(cell, str):
        return words(cell)
    text = f"**{words(cell.text)}**" if cell.look == "best" else words(cell.text)
    return f"{text} ({words(cell.note)})" if cell.note else text
