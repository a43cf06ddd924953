"""A page to look at: what people are asked, or what they answered, beside what a model found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from alframe.annotations.vocabulary import AskedImage, Proposal, Sheet
from alframe.captions import apart
from alframe.colours import OKABE_ITO
from alframe.datasets.bulk import in_threads, processors
from alframe.datasets.folders import THUMBNAILS
from alframe.datasets.objects import Annotated
from alframe.datasets.pictures import Reading, thumbnail
from alframe.errors import DataError
from alframe.files.atomic import atomic, write_text
from alframe.grouping import by_key
from alframe.text import printable
from alframe.words import plural

SIDE = 320
"""The longest side of a thumbnail in pixels."""
NAMED = 8
"""So many proposals of an image have their names drawn; below it all are listed."""
WIDE = 0.62
"""Of a letter, over the height of its line, about; the browser's font is not known."""


@dataclass(frozen=True)
class _Caption:
    """Text beside a box: where its baseline begins, or ends; in pixels of the image."""

    text: str
    x: float
    y: float
    at_end: bool
    size: float


@dataclass(frozen=True)
class _Card:
    """One image: its place in the order, its thumbnail, or what is wrong with its file."""

    rank: int
    image: AskedImage
    captions: Sequence[_Caption]
    source: str | None
    problem: str | None


@dataclass(frozen=True)
class SecondLook:
    """Answers that are shown beside the proposals that they contradict.

    Attributes:
        objects: what was annotated, by id of the image, and whether it is what is suspected.
        remarks: why to look again, by id of the image.
    """

    objects: Mapping[str, Sequence[tuple[Annotated, bool]]]
    remarks: Mapping[str, Sequence[str]]


def write_gallery(sheet: Sheet, folder: Path, look: SecondLook | None = None) -> Path:
    """Write ``index.html`` and ``thumbnails/``, to be opened from disk, without any network.

    A picture that cannot be read is told in its place.

    Args:
        sheet: the images, with the proposals to be drawn.
        folder: where to.
        look: at answers; None for a page of what is asked.

    Returns:
        The path of the page.
    """
    (folder / THUMBNAILS).mkdir(parents=True, exist_ok=True)
    ranks = {image.item: rank for rank, image in enumerate(sheet.images, 1)}
    images = {image.item: image for image in sheet.images}
    draw = partial(_thumbnail, images, ranks, folder)
    drawn = in_threads(list(images), draw, min(8, processors()), "thumbnails")
    cards = [
        _Card(ranks[item], images[item], _captions(images[item], look), *found)
        for item, found in drawn
    ]
    colours = {name: OKABE_ITO[n % len(OKABE_ITO)] for n, name in enumerate(sheet.classes)}
    path = folder / "index.html"
    about = _about(sheet, look)
    page = _template(colours).render(sheet=sheet, cards=cards, about=about, look=look)
    write_text(path, page)
    return path


def _about(sheet: Sheet, look: SecondLook | None) -> str:
    """A sentence or two beneath the title."""
    images = plural(len(sheet.images), "image")
    if look:
        answers = plural(sum(map(len, look.remarks.values())), "answer")
        return (
            f"{answers} worth a second look in {images}, the surest first. Solid: what was "
            "annotated; dashed: what the model is sure of. They are taken as they are; what is "
            "wrong, correct in your tool, and annotate again before the run goes on."
        )
    found = ", with what the model found" if sheet.proposed else ""
    classes = ", ".join(map(printable, sheet.classes))
    told_apart = len({image.score for image in sheet.images}) > 1
    order = ", the most worth labelling first" if told_apart else ""
    return f"{images} to annotate{order}{found}. Classes: {classes}."


def _captions(image: AskedImage, look: SecondLook | None) -> list[_Caption]:
    """Names of suspected answers at the tops of their boxes, and of proposals.

    The latter are at the bottoms where there are both. What does not fit beside the left edge of a
    box that begins far to the right ends at its right edge.
    """
    objects = look.objects.get(image.item, ()) if look else ()
    texts = [(thing.name, thing.box, False) for thing, suspected in objects if suspected]
    for name, box, score in image.proposals[:NAMED]:
        texts.append((f"{name} {score:.2f}", box, look is not None))
    size = max(image.width / 24, image.height * 20 / 24 / 24)  # of a frame of 20 x 24 rem
    spans, tops, at_end = [], [], []
    for text, (x1, y1, x2, y2), below in texts:
        at_end.append(x1 > 0.55 * image.width)
        width = WIDE * size * len(text)
        left = min(x2, image.width) - size / 5 - width if at_end[-1] else max(x1, 0) + size / 5
        spans.append((left, left + width))
        tops.append(min(y2, image.height) - size * 1.25 if below else max(y1, 0))
    placed = apart(spans, tops, size * 1.2, image.height)
    return [
        _Caption(text, span[end], top + size, end, size)
        for (text, *_), span, top, end in zip(texts, spans, placed, at_end, strict=True)
    ]


def _thumbnail(
    images: Mapping[str, AskedImage], ranks: Mapping[str, int], folder: Path, item: str
) -> tuple[str | None, str | None]:
    """The address of a thumbnail, or what is wrong with the picture."""
    file = images[item].file
    if file is None:
        return None, "the image is no file"
    name = f"{THUMBNAILS}/{ranks[item]:04d}.jpg"
    try:
        small = thumbnail(file, SIDE, Reading(remedy="put a picture there"))
    except DataError as error:
        return None, "; ".join(error.problems)
    with atomic(folder / name) as target:
        small.save(target, "JPEG", quality=80)
    return name, None


def _template(colours: Mapping[str, str]) -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["printable"] = printable
    environment.filters["colour"] = lambda name: colours.get(name, OKABE_ITO[0])
    environment.filters["summary"] = _summary
    return environment.from_string(
        (files("alframe.annotations") / "gallery.html").read_text("utf-8")
    )


def _summary(proposals: tuple[Proposal, ...]) -> list[tuple[str, list[float]]]:
    """Scores by class, the class of the best one first."""
    return list(by_key((one.name, one.score) for one in proposals).items())
