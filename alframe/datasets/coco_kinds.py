"""JSON files of COCO and others that are no annotations of instances: told apart, to be named."""

from collections.abc import Mapping
from typing import Any

EXPECTED = "expected instances: an object with images, annotations and categories"


def _first(rows: Any) -> Mapping[str, Any]:
    row = rows[0] if isinstance(rows, list) and rows else None
    return row if isinstance(row, dict) else {}


_LISTS = {
    "caption": "captions",
    "keypoints": "results: found keypoints",
    "score": "results: what a detector found",
    "bbox": "annotations alone (results of a model have a score in each row)",
    "file_name": "images alone",
    "annotations": "Label Studio's tasks (export its COCO format)",
}
"""What a list is of, by a field of its first element."""

_ROWS = {
    "segments_info": "panoptic segments",
    "caption": "captions",
    "question_id": "questions",
}
"""What annotations are, by a field of the first one."""

_TASK = "one task of Label Studio (its JSON export is a list of them)"
_OBJECTS = {
    "shapes": "one image by LabelMe",
    "_via_img_metadata": "the VGG Image Annotator",
    "features": "geographic features (GeoJSON)",
    "lead_time": "one annotation of Label Studio (its JSON export is a list of tasks)",
}
"""What an object is, by one of its fields."""


def kind_of(content: Any) -> str | None:
    """What a file holds that is none of instances, in words; None where it looks like one."""
    if isinstance(content, list):
        return _told(_LISTS, _first(content)) or "a list"
    if not isinstance(content, dict):
        return f"a single value ({str(content)[:20]})"
    if kind := _told(_ROWS, _first(content.get("annotations"))):
        return kind
    if "annotations" in content:
        return _TASK if isinstance(content.get("data"), dict) else None
    return "images without annotations" if "images" in content else _told(_OBJECTS, content)


def _told(kinds: Mapping[str, str], fields: Mapping[str, Any]) -> str | None:
    return next((what for field, what in kinds.items() if field in fields), None)


def has_keypoints(content: Mapping[str, Any]) -> bool:
    """Whether the annotations are keypoints, which have boxes too, but of people alone."""
    return "keypoints" in _first(content.get("annotations"))
