"""A query as XML files of Pascal VOC, in whole pixels."""

from pathlib import Path

from alframe.annotations.parts import by_stem
from alframe.annotations.vocabulary import AskedImage, Sheet
from alframe.annotations.xml_files import in_xml
from alframe.files.atomic import write_text
from alframe.text import printable

CLASSES = "classes.txt"


def write_query(sheet: Sheet, folder: Path) -> Path:
    """An XML file for each image with proposals, and ``classes.txt``.

    Raises:
        DataError: two images would have one file.
    """
    path, names = folder / "Annotations", folder / CLASSES
    for name, image in by_stem(sheet).items():
        if image.proposals:
            file = path / f"{name}.xml"
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, _xml(image))
    write_text(names, "".join(f"{printable(name)}\n" for name in sheet.classes))
    return path if path.exists() else names


def _xml(image: AskedImage) -> str:
    objects = ""
    for name, (left, top, right, bottom), _ in image.proposals:
        (x1, x2), (y1, y2) = _whole(left, right, image.width), _whole(top, bottom, image.height)
        objects += (
            f"<object>\n<name>{in_xml(name)}</name>\n<difficult>0</difficult>\n<bndbox>"
            f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
            "</bndbox>\n</object>\n"
        )
    return (
        f"<annotation>\n<filename>{in_xml(image.name.rpartition('/')[2])}</filename>\n"
        f"<size><width>{image.width}</width><height>{image.height}</height><depth>3</depth></size>"
        f"\n{objects}</annotation>\n"
    )


def _whole(low: float, high: float, most: int) -> tuple[int, int]:
    """Both ends in whole pixels, one at least apart."""
    first = min(round(low), most - 1)
    return first, max(round(high), first + 1)
