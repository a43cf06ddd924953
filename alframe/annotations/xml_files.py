"""XML files told apart by their beginning, and text made fit for XML."""

import re
from itertools import islice
from xml.sax.saxutils import escape

from alframe.annotations.sources import Source, files, head
from alframe.errors import DataError

_ROOT = re.compile(r"<(?:[\w.-]+:)?(annotations?)[\s>/]", re.IGNORECASE)
_FIRST = 50
"""Files that are looked at, as a folder may have one for each of a hundred thousand images."""
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def has_root(source: Source, root: str) -> bool:
    """Whether one of the XML files has a root element of this name."""
    found = islice(files(source, ".xml").values(), _FIRST)
    return any(root_of(file) == root for file in found)


def root_of(file: Source) -> str | None:
    """The root element of a file, one of the two that are annotations, or None."""
    start = head(file)
    is_wide = start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start[:4]
    text = start.decode("utf-16" if is_wide else "utf-8", errors="ignore")
    found = _ROOT.search(text) if text.lstrip().lstrip("\ufeff")[:1] == "<" else None
    return found[1].lower() if found else None


def in_xml(text: object) -> str:
    """Text between the tags of an XML file, or within double quotes.

    Raises:
        DataError: XML cannot hold one of its letters.
    """
    shown = str(text)
    if bad := _NOT_XML.search(shown):
        raise DataError(
            f"{shown!r:.80} cannot be written in XML, which has no {bad[0]!r}: rename it, or "
            "choose a format without XML"
        )
    return escape(shown, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
