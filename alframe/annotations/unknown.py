"""What a file or folder is that holds no annotations of a known format, in words."""

import json
from collections import Counter

from alframe.annotations.sources import Source, head
from alframe.datasets import coco_kinds
from alframe.datasets.problems import tallied


def what_it_is(source: Source) -> str:
    """``an empty file``, ``LabelMe's JSON of one image``, ``a folder of .csv (3)``."""
    if source.is_dir():
        return _folder(source)
    start = head(source, 1 << 20)
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
    names = [entry.name for entry in source.iterdir() if not entry.name.startswith(".")]
    suffixes = Counter("." + name.rpartition(".")[2] if "." in name else name for name in names)
    return f"a folder of {tallied(suffixes)}" if names else "an empty folder"
