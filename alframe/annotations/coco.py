"""COCO instances and results; also the form in which a run keeps its answers."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.annotations.base import Annotations, Format, Images, Sheet
from alframe.annotations.json_files import json_files
from alframe.annotations.parts import other_sizes, together
from alframe.annotations.sources import Source, files, read
from alframe.datasets.bulk import uncollected
from alframe.datasets.coco_json import CocoFile, parsed, read_instances
from alframe.datasets.coco_kinds import EXPECTED
from alframe.datasets.objects import Annotated, Box
from alframe.datasets.problems import Problems, plural
from alframe.errors import DataError
from alframe.files.atomic import write_text

QUERY = "coco.json"


def recognises(source: Source) -> bool:
    """Whether there is a file of instances or of results."""
    return bool(json_files(source, "instances", "results"))


@uncollected()
def read_coco(source: Source, images: Images, problems: Problems) -> Annotations:
    """All files of instances.

    Raises:
        DataError: a file is malformed, or is none of instances.
    """
    found = json_files(source, "instances")
    if not found and json_files(source, "results"):
        raise DataError(
            f"{source} is a list of results: what a model found is no answer of people; {EXPECTED}"
        )
    found = found or files(source, ".json")
    contents = {str(file): parsed(read(file), str(file)) for file in found.values()}
    return _read(contents, source, images, problems)


@uncollected()
def read_predictions(source: Source, images: Images, problems: Problems) -> Annotations:
    """Instances with scores, or lists of ``image_id category_id bbox score``.

    The numbers in such lists are those of the file of instances that lies beside them.

    Raises:
        DataError: a file is malformed, or there is not one of instances beside lists.
    """
    results = json_files(source, "results")
    if not results:
        return read_coco(source, images, problems)
    beside = source.parent if isinstance(source, Path) and not source.is_dir() else source
    others = list(json_files(beside, "instances").values())
    if len(others) != 1:
        raise DataError(
            f"{source} is a list of results, whose image_id and category_id are numbers of a file "
            f"of instances: expected that one beside it, got {plural(len(others), 'file')} of them"
        )
    rows = [parsed(read(file), str(file)) for file in results.values()]
    content = parsed(read(others[0]), str(others[0]))
    content["annotations"] = [row for part in rows for row in part]
    return _read({str(source): content}, source, images, problems)


def _read(
    contents: Mapping[str, Any], source: Source, images: Images, problems: Problems
) -> Annotations:
    def locate(name: str) -> tuple[str, Path]:
        item = images.find(name)
        return item, Path(item)

    parts = [
        _annotations(where, read_instances(content, where, locate, problems), content, images)
        for where, content in contents.items()
    ]
    return together(parts, str(source), problems)


def _annotations(where: str, found: CocoFile, content: Any, images: Images) -> Annotations:
    listed = found.images
    notes = [
        *found.notes,
        *other_sizes(where, {i.item: i.size for i in listed if i.size}, images),
    ]
    if _is_of_label_studio(content):
        listed = [image for image in listed if image.item in found.annotated]
        if without := len(found.images) - len(listed):
            notes.append(
                f"{where}: Label Studio's COCO export does not tell images without objects from "
                f"those that nobody annotated, and leaves out skipped ones: "
                f"{plural(without, 'image')} not taken; export JSON"
            )
    return Annotations(
        tuple(found.categories),
        [image.item for image in listed],
        found.objects,
        {image.item for image in listed if image.ignored},
        {image.item: image.seconds for image in listed if image.seconds is not None},
        notes,
    )


def _is_of_label_studio(content: Mapping[str, Any]) -> bool:
    info = content.get("info")
    return isinstance(info, dict) and info.get("contributor") == "Label Studio"


def write_query(sheet: Sheet, folder: Path) -> Path:
    """Images and categories, with proposals as annotations that have a score in both places."""
    owners = {image.item: number for number, image in enumerate(sheet.images, 1)}
    asked = [
        {"id": owners[i.item], "file_name": i.name, "width": i.width, "height": i.height}
        for i in sheet.images
    ]
    proposed = (
        (owners[image.item], name, box, _of_model(box, score))
        for image in sheet.images
        for name, box, score in image.proposals
    )
    path = folder / QUERY
    write_text(path, json.dumps(_instances(asked, sheet.classes, proposed), indent=1) + "\n")
    return path


def write_answers(found: Annotations, images: Images, path: Path) -> None:
    """The form in which a run keeps answers: instances, whose ``file_name`` are ids.

    :func:`read_coco` gives the same back, but for notes; coordinates to 1e-9 pixels. Images have
    our ``ignored`` and ``seconds``, objects ``difficult`` and ``score``, where these are there.
    """
    owners, rows = {item: number for number, item in enumerate(found.images, 1)}, []
    for item, number in owners.items():
        height, width = images.size(item)
        row = {"id": number, "file_name": item, "width": width, "height": height}
        row |= {"ignored": 1} if item in found.ignored else {}
        row |= {"seconds": found.seconds[item]} if item in found.seconds else {}
        rows.append(row)
    objects = ((owners[t.owner], t.name, t.box, _others(t)) for t in found.objects)
    write_text(path, json.dumps(_instances(rows, found.classes, objects)) + "\n")


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


COCO = Format(
    "coco",
    "COCO instances in one JSON file, as FiftyOne, CVAT and most programs read them",
    recognises,
    read_coco,
    write_query,
    (
        f"{QUERY} is a file of COCO instances; proposals are annotations with a score.",
        "CVAT: make a task of the images, then Upload annotations > COCO 1.0.",
        "FiftyOne: COCODetectionDataset with this file as labels_path.",
        "Export the annotations as COCO instances. Leave out images that nobody looked at: an "
        "image that is listed without annotations shows nothing.",
    ),
    read_predictions,
)
