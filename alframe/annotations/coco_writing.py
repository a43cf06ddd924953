"""COCO instances written: a query, and the form in which a run keeps its answers."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.annotations.vocabulary import Annotations, Images, Sheet
from alframe.datasets.objects import Annotated, Box
from alframe.files.atomic import write_text

QUERY = "coco.json"
RESULTS = "predictions.json"
PREDICTED = f"images and categories of {RESULTS}, what a model found"
"""Description of a file whose images without annotations are no answers."""


def write_query(sheet: Sheet, folder: Path) -> Path:
    """Images and categories, with proposals as annotations that have a score in both places."""
    owners, asked = _listed(sheet)
    proposed = (
        (owners[image.item], name, box, _of_model(box, score))
        for image in sheet.images
        for name, box, score in image.proposals
    )
    path = folder / QUERY
    write_text(path, json.dumps(_instances(asked, sheet.classes, proposed), indent=1) + "\n")
    return path


def write_results(sheet: Sheet, folder: Path) -> Path:
    """Proposals as a list of COCO results, and beside it images and categories without objects."""
    owners, asked = _listed(sheet)
    listed = {"info": {"description": PREDICTED}, **_instances(asked, sheet.classes, ())}
    write_text(folder / QUERY, json.dumps(listed, indent=1) + "\n")
    numbers = {category["name"]: category["id"] for category in listed["categories"]}
    rows = [
        {
            "image_id": owners[image.item],
            "category_id": numbers[name],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": score,
        }
        for image in sheet.images
        for name, (x1, y1, x2, y2), score in image.proposals
    ]
    write_text(folder / RESULTS, json.dumps(rows) + "\n")
    return folder / RESULTS


def _listed(sheet: Sheet) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """The number of each image by id, and the list of images."""
    owners = {image.item: number for number, image in enumerate(sheet.images, 1)}
    asked = [
        {"id": owners[i.item], "file_name": i.name, "width": i.width, "height": i.height}
        for i in sheet.images
    ]
    return owners, asked


def write_answers(found: Annotations, images: Images, path: Path) -> None:
    """The form in which a run keeps answers: instances, whose ``file_name`` are ids.

    :func:`alframe.annotations.coco.read_coco` gives the same back, but for notes, coordinates to
    1e-9 pixels. Images have our ``ignored`` and ``seconds``, objects ``difficult`` and ``score``,
    categories ``new``, where these are there.
    """
    owners, rows = {item: number for number, item in enumerate(found.images, 1)}, []
    for item, number in owners.items():
        height, width = images.size(item)
        row = {"id": number, "file_name": item, "width": width, "height": height}
        row |= {"ignored": 1} if item in found.ignored else {}
        row |= {"seconds": found.seconds[item]} if item in found.seconds else {}
        rows.append(row)
    objects = ((owners[t.owner], t.name, t.box, _others(t)) for t in found.objects)
    content = _instances(rows, found.classes, objects)
    for category in content["categories"]:
        category.update({"new": 1} if category["name"] in found.new else {})
    write_text(path, json.dumps(content) + "\n")


def _of_model(box: Box, score: float) -> dict[str, Any]:
    area = (box[2] - box[0]) * (box[3] - box[1])
    return {"area": area, "iscrowd": 0, "score": score, "attributes": {"score": score}}


def _others(thing: Annotated) -> dict[str, Any]:
    own = {} if math.isnan(thing.area) else {"area": thing.area}
    own |= {} if math.isnan(thing.score) else {"score": thing.score}
    return own | {name: 1 for name in ("difficult",) if thing.difficult} | {"iscrowd": +thing.crowd}


def _instances(
    images: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    objects: Iterable[tuple[int, str, Box, Mapping[str, Any]]],
) -> Mapping[str, Any]:
    objects = list(objects)
    names = dict.fromkeys([*classes, *(name for _, name, _, _ in objects)])
    numbers = {name: number for number, name in enumerate(names, 1)}
    rows = []
    for number, (owner, name, (x1, y1, x2, y2), others) in enumerate(objects, 1):
        sides = [x1, y1, x2 - x1, y2 - y1]
        row = {"id": number, "image_id": owner, "category_id": numbers[name], "bbox": sides}
        rows.append(row | dict(others))
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    return {"images": images, "categories": categories, "annotations": rows}
