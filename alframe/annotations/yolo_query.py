"""A query as label files of YOLO."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from alframe.annotations.parts import by_stem
from alframe.annotations.vocabulary import AskedImage, Sheet
from alframe.annotations.yolo_names import PREDICTED
from alframe.files.atomic import write_text
from alframe.text import printable

NAMES, CLASSES = "data.yaml", "classes.txt"
HOME = "images/"
"""The folder of the pictures, for whose last occurrence in a path a tool puts ``labels/``."""


def below_images(sheet: Sheet) -> Sheet:
    """The sheet with pictures called as below :data:`HOME`, which their ids may begin with, too.

    With a second one in the path, Ultralytics would look for labels among the pictures.
    """
    below = [replace(image, item=image.item.removeprefix(HOME)) for image in sheet.images]
    count = Counter(image.stem for image in below)
    pairs = zip(below, sheet.images, strict=True)
    return replace(sheet, images=tuple(b if count[b.stem] == 1 else image for b, image in pairs))


def write_query(sheet: Sheet, folder: Path, *, scores: bool = False) -> Path:
    """Label files of the images with proposals, ``data.yaml`` and ``classes.txt``.

    Args:
        sheet: what is asked.
        folder: where to.
        scores: whether lines end with the score, which tools for annotating do not expect; then
            an image without proposals has an empty file: it was predicted.

    Raises:
        DataError: two images would have one label file.
    """
    numbers = {name: number for number, name in enumerate(sheet.classes)}
    for stem, image in by_stem(sheet).items():
        if image.proposals or scores:
            path = folder / "labels" / f"{stem}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, "".join(_lines(image, numbers, scores=scores)))
    path = folder / NAMES
    # Without "path", which Ultralytics would look for where it is started.
    content = {"train": "images", "val": "images", "names": list(sheet.classes)}
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    write_text(path, f"{PREDICTED}\n{text}" if scores else text)
    write_text(folder / CLASSES, "".join(f"{printable(name)}\n" for name in sheet.classes))
    return path


def _lines(image: AskedImage, numbers: Mapping[str, int], *, scores: bool) -> list[str]:
    lines = []
    for name, (x1, y1, x2, y2), score in image.proposals:
        w, h = image.width, image.height
        shares = (x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h
        values = " ".join(f"{share:.8f}" for share in shares)
        lines.append(f"{numbers[name]} {values}{f' {score:.9g}' if scores else ''}\n")
    return lines
