"""``queries/cycle_NN/query.json``: what people are asked, whatever tool they will use."""

import contextlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from alframe.annotations.vocabulary import AskedImage, Proposal, Sheet
from alframe.errors import RunError
from alframe.files.checked import read_object, write_object

NAME = "query.json"
REMEDY = "restore the file; without it, resuming the run writes it anew, without proposals"

Locate = Callable[[str], Path | None]
"""Where the picture of an id lies; None where it is no file."""


def query_folder(run: Path, cycle: int) -> Path:
    """Where a run keeps what it asks for a cycle."""
    return run / "queries" / f"cycle_{cycle:02d}"


def answers_file(run: Path, cycle: int) -> Path:
    """Where a run keeps the answers for a cycle: COCO instances."""
    return run / "answers" / f"cycle_{cycle:02d}.json"


def write_sheet(sheet: Sheet, folder: Path) -> None:
    """Write ``query.json``, with a checksum."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "title": sheet.title,
        "classes": list(sheet.classes),
        "proposed": sheet.proposed,
        "images": [_row(rank, image) for rank, image in enumerate(sheet.images, 1)],
    }
    write_object(folder / NAME, content)


def read_sheet(folder: Path, locate: Locate) -> Sheet:
    """What :func:`write_sheet` wrote.

    Raises:
        RunError: the file is missing or damaged.
    """
    path = folder / NAME
    content = read_object(path, REMEDY)
    try:
        images = tuple(_image(row, locate) for row in content["images"])
        return Sheet(content["title"], tuple(content["classes"]), images, content["proposed"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error!r}): {REMEDY}") from error


def sizes_noted(run: Path, ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """(height, width) in pixels of images that a run has asked for or been answered.

    Raises:
        RunError: a query is damaged.
    """
    folders = [path.parent for path in sorted((run / "queries").glob(f"*/{NAME}"))]
    asked = (image for folder in folders for image in read_sheet(folder, lambda _: None).images)
    found = {image.item: (image.height, image.width) for image in asked if image.item in ids}
    for path in sorted((run / "answers").glob("cycle_*.json")):
        with contextlib.suppress(OSError, LookupError, TypeError, ValueError):  # told elsewhere
            rows = json.loads(path.read_text(encoding="utf-8"))["images"]
            sizes = {row["file_name"]: (row["height"], row["width"]) for row in rows}
            found |= {item: size for item, size in sizes.items() if item in ids}
    return found


def _row(rank: int, image: AskedImage) -> Mapping[str, Any]:
    return {
        "id": image.item,
        "rank": rank,
        "why": image.why,
        "score": image.score,
        "width": image.width,
        "height": image.height,
        "proposals": [
            {"class": each.name, "box": list(each.box), "score": each.score}
            for each in image.proposals
        ],
    }


def _image(row: Mapping[str, Any], locate: Locate) -> AskedImage:
    proposals = [Proposal(p["class"], tuple(p["box"]), p["score"]) for p in row["proposals"]]
    return AskedImage(
        item=row["id"],
        file=locate(row["id"]),
        height=row["height"],
        width=row["width"],
        score=row["score"],
        why=row["why"],
        proposals=tuple(proposals),
    )
