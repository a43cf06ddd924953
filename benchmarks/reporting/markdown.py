"""The report in markdown: the same chapters as the page, without its pictures."""

from collections.abc import Iterator

from alframe.benchmarks.reporting.findings import Findings
from alframe.benchmarks.reporting.page import Chapter, chapters
from alframe.benchmarks.reporting.tables import ImageBlock, Table, table_text
from alframe.text import markdown as words
from alframe.text import markdown_code


def markdown(findings: Findings) -> str:
    """The whole text; tables as GitHub reads them."""
    parts = "\n".join("\n".join(_chapter(each)) for each in chapters(findings, {}))
    return f"# {words(findings.title)}\n\n{parts}"


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {words(chapter.title)}\n"
    if chapter.about:
        yield f"{words(chapter.about)}\n"
    for block in chapter.blocks:
        if isinstance(block, Table):
            yield f"### {words(block.title)}\n\n{table_text(block)}"
        elif not isinstance(block, ImageBlock):
            text = markdown_code(block.text) if block.code else f"{words(block.text)}\n"
            yield f"### {words(block.title)}\n\n{text}"
