"""The report in markdown: the same sections as the page, without its pictures."""

import re
from collections.abc import Iterable, Sequence

from alframe.benchmarks.findings import Findings
from alframe.benchmarks.page.blocks import Block, Cell, Grid, Head, Pictures, Row, Section, Text
from alframe.benchmarks.page.cycles import cycles
from alframe.benchmarks.page.sections import sections


def markdown(findings: Findings) -> str:
    """The whole text; tables as GitHub reads them."""
    return f"# {_words(findings.title)}\n\n" + "\n".join(map(_section, sections(findings, {})))


def summary(findings: Findings) -> str:
    """The cycle tables alone, for a terminal."""
    tables = ((p, cycles(p, findings.metric)) for p in findings.problems)
    return "\n".join(f"## {p.name}\n\n{_table(table)}" for p, table in tables if table)


def _section(section: Section) -> str:
    parts = [f"## {_words(section.title)}\n"]
    if section.about:
        parts.append(f"{_words(section.about)}\n")
    parts += [text for block in section.blocks if (text := _block(block))]
    return "\n".join(parts)


def _block(block: Block) -> str:
    if isinstance(block, Pictures):
        return ""
    body = _table(block) if isinstance(block, Grid) else _text(block)
    return f"### {_words(block.title)}\n\n{body}"


def _text(block: Text) -> str:
    return f"```\n{block.text}\n```\n" if block.code else f"{_words(block.text)}\n"


def _table(block: Grid) -> str:
    rows = [_row(row) for row in (*block.rows, *block.beneath)]
    words = [head.words for head in block.heads]
    table = grid([_head(head) for head in block.heads], rows, words)
    return table + "".join(f"\n{_words(note)}\n" for note in block.notes)


def _head(head: Head) -> str:
    return f"{head.text} ({head.note})" if head.note else head.text


def _row(row: Row) -> list[str]:
    name = f"{row.name} ({row.tag})" if row.tag else row.name
    return [name, *map(_cell, row.cells)]


def _cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.look == "best" else cell.text
    return f"{text} ({cell.note})" if cell.note else text


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[bool] = ()) -> str:
    """A markdown table; the first column and those of words to the left, the others to the right.

    Args:
        heads: of all columns.
        rows: texts.
        words: for each column whether it holds words; none does by default.
    """
    left = [True, *(words or [False] * len(heads))[1:]]
    rules = ["---" if to_left else "---:" for to_left in left]
    lines = [[_escaped(text) for text in line] for line in (heads, rules, *rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escaped(text: str) -> str:
    return _words(text).replace("|", "\\|").replace("\n", " ")


def _words(text: str) -> str:
    """Text in which nothing is taken for a tag."""
    return re.sub(r"<(?=[A-Za-z/!?])", r"\<", text)
