"""A query as tasks of Label Studio, and the configuration of a project for them."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alframe.annotations.vocabulary import AskedImage, Sheet
from alframe.annotations.xml_files import in_xml
from alframe.files.atomic import write_text

QUERY, CONFIG = "tasks.json", "labels.xml"
OURS, RUN = "alframe_id", "alframe_run"
"""Fields of a task's data: our id of its image, and the mark of the run that made it."""
SERVED = "/data/local-files/?d="
"""What the address of a picture begins with that the server reads from a folder of its own."""


def write_query(sheet: Sheet, folder: Path) -> Path:
    """Tasks, each with one prediction of all its proposals, and the configuration of labels.

    Label Studio's uncertainty sampling shows the smallest score of a prediction first.

    Args:
        sheet: what is asked.
        folder: where to.
    """
    write_text(folder / CONFIG, configuration(sheet.classes))
    path = folder / QUERY
    content = tasks(sheet, lambda image: SERVED + quote(_address(image)))
    write_text(path, json.dumps(content, indent=1) + "\n")
    return path


def tasks(
    sheet: Sheet, address: Callable[[AskedImage], str], run: str | None = None
) -> list[Mapping[str, Any]]:
    """A task for each image of a sheet, which the server shows at its ``address``.

    Args:
        sheet: what is asked.
        address: where the server shows a picture.
        run: the mark of a run, where tasks are told apart by it.
    """
    least, mark = _least(sheet), {} if run is None else {RUN: run}
    return [
        _task(image, least[image.item], {"image": address(image), OURS: image.item, **mark}, sheet)
        for image in sheet.images
    ]


def configuration(classes: Sequence[str]) -> str:
    """The labelling configuration of a project: an image, and a rectangle for each class."""
    labels = "".join(f'    <Label value="{in_xml(name)}"/>\n' for name in classes)
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <RectangleLabels name="label" toName="image">\n{labels}  </RectangleLabels>\n</View>\n'
    )


def _least(sheet: Sheet) -> Mapping[str, float]:
    """1 - uncertainty of each image, where that is its score; else its place in the order."""
    scores = [image.score for image in sheet.images]
    if all(score is not None and 0 <= score <= 1 for score in scores):
        return {image.item: 1 - (image.score or 0) for image in sheet.images}
    return {image.item: n / len(scores) for n, image in enumerate(sheet.images)}


def _task(
    image: AskedImage, score: float, data: Mapping[str, str], sheet: Sheet
) -> Mapping[str, Any]:
    if not sheet.proposed:
        return {"data": data}
    result = [
        _region(number, *proposal, image) for number, proposal in enumerate(image.proposals, 1)
    ]
    one = {"model_version": sheet.title, "score": score, "result": result}
    return {"data": data, "predictions": [one]}


def _address(image: AskedImage) -> str:
    """The path of a picture from the folder that is above its root."""
    if image.file is None:
        return image.name
    path = image.file.absolute().as_posix()
    if path.endswith(f"/{image.name}"):
        return f"{path.removesuffix(image.name).rstrip('/').rpartition('/')[2]}/{image.name}"
    return "/".join(path.split("/")[-2:])


def _region(
    number: int, name: str, box: Sequence[float], score: float, image: AskedImage
) -> Mapping[str, Any]:
    x1, y1, x2, y2 = box
    right, down = 100 / image.width, 100 / image.height
    value = {"x": x1 * right, "y": y1 * down, "rotation": 0, "rectanglelabels": [name]}
    value |= {"width": (x2 - x1) * right, "height": (y2 - y1) * down}
    return {
        "id": f"p{number}",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": image.width,
        "original_height": image.height,
        "image_rotation": 0,
        "score": score,
        "value": value,
    }
