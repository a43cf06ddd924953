"""What a file or folder is that holds no annotations of a known format, in words."""

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from itertools import islice

from alframe.annotations.sources import Source, files, head, read
from alframe.datasets import coco_kinds
from alframe.datasets.problems import tallied

_FIRST = 50
"""Files of a folder that are tried."""


def what_it_is(source: Source) -> str:
    """``an empty file``, ``JSON: one image by LabelMe``, ``a folder of .csv (3)``.

    Raises:
        DataError: a file cannot be read.
    """
    if source.is_dir():
        return _folder(source)
    start = head(source, 1 << 20)
    if b"\0" in start[:64] and start[:2] not in (BOM_UTF16_LE, BOM_UTF16_BE):
        return "a file that is no text"
    text = start.decode("utf-8", errors="replace").lstrip("\ufeff").strip()
    if not text:
        return "an empty file"
    if text[0] in "[{":
        try:
            kind = coco_kinds.kind_of(json.loads(text))
        except (ValueError, RecursionError):
            kind = None
        return f"JSON: {kind}" if kind else "JSON that is none of them"
    if text[0] == "<":
        return f"XML that begins with {text[:40].splitlines()[0]!r}"
    return f"a file that begins with {text[:40].splitlines()[0]!r}"


def _folder(source: Source) -> str:
    for file in islice(files(source).values(), _FIRST):
        read(file)  # else it would be none, though it only cannot be read
    names = [entry.name for entry in source.iterdir() if not entry.name.startswith(".")]
    suffixes = Counter("." + name.rpartition(".")[2] if "." in name else name for name in names)
    return f"a folder of {tallied(suffixes)}" if names else "an empty folder"
