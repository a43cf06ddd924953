"""HTML as a tree, by the standard library's parser; tags that do not balance are an error."""

from html.parser import HTMLParser
from xml.etree.ElementTree import Element, TreeBuilder

VOID = {"meta", "img", "br", "hr", "link", "input"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.builder = TreeBuilder()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in VOID:
            self.builder.end(tag)
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> crosses another tag"
        self.builder.end(tag)

    def handle_data(self, data):
        self.builder.data(data)


def parse(html: str) -> Element:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open, f"never closed: {reader.open}"
    return reader.builder.close()


def text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def titles(page: Element) -> list[str]:
    """Of all blocks, in order."""
    return [text(title) for title in page.iter("h3")]


def block(page: Element, title: str) -> Element:
    """The first block of that title."""
    blocks = [b for b in page.iter("div") if b.get("class") == "block"]
    return next(b for b in blocks if text(b.find("h3")) == title)


def table(page: Element, title: str) -> list[list[str]]:
    """Texts of a block's table, heads first."""
    return [[text(cell) for cell in row] for row in block(page, title).iter("tr")]


def cell(page: Element, title: str, row: str, column: int) -> Element:
    """Of the first row whose name starts so; column 0 holds the names."""
    rows = [list(r) for r in block(page, title).iter("tr")]
    return next(cells for cells in rows if text(cells[0]).startswith(row))[column]
