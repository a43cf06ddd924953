"""The label check: answers that contradict what a model was sure of, for a second look."""

import csv
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alframe.annotations.answers import by_image
from alframe.annotations.gallery import SecondLook, write_gallery
from alframe.annotations.sheets import answers_file, query_folder
from alframe.annotations.vocabulary import Annotations, AskedImage, Proposal, Sheet
from alframe.datasets.objects import Annotated, Box
from alframe.files.atomic import write_text
from alframe.grouping import by_key
from alframe.text import csv_text

CONFIDENT = 0.7
"""Score of a proposal that an answer should not contradict without a reason."""
OVERLAP = 0.5
"""Intersection over union from which two boxes are of one object."""


@dataclass(frozen=True)
class Suspect:
    """An answer worth a second look; it is taken as it is.

    Attributes:
        item: id of the image.
        score: of the proposal that it contradicts.
        what: in a few words.
        box: of the proposal, x1 y1 x2 y2 in pixels.
    """

    item: str
    score: float
    what: str
    box: Box


def suspects(sheet: Sheet, found: Annotations) -> list[Suspect]:
    """Answers that swap the class of a confident proposal, leave it out, or see nothing at all.

    Returns:
        The most confident proposals first.
    """
    objects, answered = by_image(found), set(found.images) - found.ignored
    each = (
        suspect
        for image in sheet.images
        if image.item in answered
        for suspect in _of_image(image, objects.get(image.item, []))
    )
    return sorted(each, key=lambda suspect: (-suspect.score, suspect.item, suspect.box))


def _of_image(image: AskedImage, objects: Sequence[Annotated]) -> Iterator[Suspect]:
    sure = [proposal for proposal in image.proposals if proposal.score >= CONFIDENT]
    if sure and not objects:
        best = max(sure, key=lambda proposal: proposal.score)
        yield _suspect(image, best, f"nothing is annotated, the model sees {best.name!r}")
        return
    for proposal in sure:
        over = [thing for thing in objects if overlap(thing.box, proposal.box) >= OVERLAP]
        if not over:
            yield _suspect(image, proposal, f"{proposal.name!r} is left out")
        elif proposal.name not in {thing.name for thing in over}:
            closest = max(over, key=lambda thing: overlap(thing.box, proposal.box))
            what = f"annotated as {closest.name!r}, the model sees {proposal.name!r}"
            yield _suspect(image, proposal, what)


def _suspect(image: AskedImage, proposal: Proposal, what: str) -> Suspect:
    return Suspect(image.item, proposal.score, what, proposal.box)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, x1 y1 x2 y2."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / (area - both) if area > both else 0.0


def suspects_page(run: Path, cycle: int) -> Path:
    """Where the suspects of a cycle are shown."""
    return query_folder(run, cycle) / "suspects" / "index.html"


def suspects_list(run: Path, cycle: int) -> Path:
    """Where they are listed."""
    return answers_file(run, cycle).with_name(f"cycle_{cycle:02d}_suspects.csv")


def counted(run: Path) -> dict[int, int]:
    """How many suspects each cycle of a run has that has some."""
    found, cycle = dict[int, int](), 0
    while answers_file(run, cycle).exists():
        if (path := suspects_list(run, cycle)).exists():
            rows = csv.reader(path.read_text("utf-8", "replace").splitlines())
            found[cycle] = sum(1 for _ in rows) - 1
        cycle += 1
    return found


def write_suspects(sheet: Sheet, answers: Annotations, run: Path, cycle: int) -> list[Suspect]:
    """Write the suspects of a cycle as a list and as a page; without any, both go.

    Returns:
        The suspects.
    """
    found, page = suspects(sheet, answers), suspects_page(run, cycle)
    listed = suspects_list(run, cycle)
    if found:
        write_text(listed, _list(found))
        write_gallery(_shown(sheet, found), page.parent, _look(found, answers))
    else:
        listed.unlink(missing_ok=True)
        shutil.rmtree(page.parent, ignore_errors=True)
    return found


def _shown(sheet: Sheet, found: Sequence[Suspect]) -> Sheet:
    """The images of suspects, with the proposals that they contradict."""
    boxes = by_key((each.item, (each.box, each.score)) for each in found)
    images = {image.item: image for image in sheet.images}
    kept = (
        replace(
            images[item],
            proposals=tuple(p for p in images[item].proposals if (p.box, p.score) in own),
        )
        for item, own in boxes.items()
    )
    return replace(sheet, title=f"{sheet.title}, second look", images=tuple(kept))


def _look(found: Sequence[Suspect], answers: Annotations) -> SecondLook:
    remarks = by_key((each.item, f"{each.what} ({each.score:.2f})") for each in found)
    boxes = by_key((each.item, each.box) for each in found)
    objects = {
        item: [(thing, any(overlap(thing.box, box) >= OVERLAP for box in own)) for thing in things]
        for item, things in by_image(answers).items()
        if (own := boxes.get(item))
    }
    return SecondLook(objects, remarks)


def _list(found: Sequence[Suspect]) -> str:
    rows = ((each.item, each.score, each.what, *each.box) for each in found)
    return csv_text([("image", "score", "what", "x1", "y1", "x2", "y2"), *rows])
