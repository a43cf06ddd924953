"""The report in markdown: the same chapters as the page, without its pictures."""

from collections.abc import Iterator

from alframe.benchmarks.reporting.findings import Findings
from alframe.benchmarks.reporting.method_tables import cycles
from alframe.benchmarks.reporting.page import Chapter, chapters
from alframe.benchmarks.reporting.tables import Cells, Images, Table, TableCell
from alframe.text import markdown as words
from alframe.text import markdown_code


def markdown(findings: Findings) -> str:
    """The whole text; tables as GitHub reads them."""
    parts = "\n".join("\n".join(_chapter(each)) for each in chapters(findings, {}))
    return f"# {words(findings.title)}\n\n{parts}"


def summary(findings: Findings) -> str:
    """The cycle tables alone, for a terminal."""
    tables = ((p, cycles(p, findings.metric)) for p in findings.problems)
    return "\n".join(f"## {words(p.name)}\n\n{table_text(table)}" for p, table in tables if table)


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {words(chapter.title)}\n"
    if chapter.about:
        yield f"{words(chapter.about)}\n"
    for block in chapter.blocks:
        if isinstance(block, Table):
            yield f"### {words(block.title)}\n\n{table_text(block)}"
        elif not isinstance(block, Images):
            text = markdown_code(block.text) if block.code else f"{words(block.text)}\n"
            yield f"### {words(block.title)}\n\n{text}"


def table_text(table: Table) -> str:
    """The first column and those of words to the left, numbers to the right, the best in bold."""
    left = [i == 0 or head.look == "words" for i, head in enumerate(table.heads)]
    lines = [_line(row) for row in (table.heads, *table.rows, *table.beneath)]
    lines.insert(1, f"| {' | '.join('---' if one else '---:' for one in left)} |\n")
    return "".join(lines) + "".join(f"\n{words(note)}\n" for note in table.notes)


def _line(row: Cells) -> str:
    return f"| {' | '.join(map(_cell, row))} |\n"


def _cell(cell: TableCell) -> str:
    text = f"**{words(cell.text)}**" if cell.look == "best" else words(cell.text)
    return f"{text} ({words(cell.note)})" if cell.note else text
