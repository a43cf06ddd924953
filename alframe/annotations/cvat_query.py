"""A query as XML of CVAT for images 1.1, and the labels of a task for it."""

import json
from pathlib import Path
from typing import Any

from alframe.annotations.vocabulary import AskedImage, Sheet
from alframe.annotations.xml_files import in_xml
from alframe.files.atomic import write_text

QUERY, LABELS = "annotations.xml", "labels.json"
_RANGE = ("0", "1", "0.001")
"""Of the score: the least, the largest, and a step."""


def write_query(sheet: Sheet, folder: Path) -> Path:
    """All images with their proposals as XML, and labels with the attribute ``score`` as JSON."""
    attribute: dict[str, Any] = {"name": "score", "mutable": False, "input_type": "number"}
    attribute |= {"default_value": _RANGE[0], "values": _RANGE}
    definition = [{"name": name, "attributes": [attribute]} for name in sheet.classes]
    write_text(folder / LABELS, json.dumps(definition, indent=1) + "\n")
    labels = "".join(map(_label, sheet.classes))
    rows = "".join(_image(number, image) for number, image in enumerate(sheet.images))
    path = folder / QUERY
    write_text(
        path,
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta>'
        f"<task><name>{in_xml(sheet.title)}</name><size>{len(sheet.images)}</size>"
        f"<labels>{labels}</labels></task></meta>\n{rows}</annotations>\n",
    )
    return path


def _label(name: str) -> str:
    return (
        f"<label><name>{in_xml(name)}</name><attributes><attribute><name>score</name>"
        "<mutable>False</mutable><input_type>number</input_type><default_value>0</default_value>"
        f"<values>{';'.join(_RANGE)}</values></attribute></attributes></label>"
    )


def _image(number: int, image: AskedImage) -> str:
    boxes = "".join(
        f'<box label="{in_xml(name)}" source="auto" occluded="0" xtl="{box[0]:.2f}" '
        f'ytl="{box[1]:.2f}" xbr="{box[2]:.2f}" ybr="{box[3]:.2f}" z_order="0">'
        f'<attribute name="score">{score:.3f}</attribute></box>\n'
        for name, box, score in image.proposals
    )
    return (
        f'<image id="{number}" name="{in_xml(image.name)}" width="{image.width}" '
        f'height="{image.height}">\n{boxes}</image>\n'
    )
