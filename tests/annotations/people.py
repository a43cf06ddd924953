"""Simulated people: they see the truth, and answer in the files that tools export."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from PIL import Image

from alframe.datasets.base import Dataset, Target
from alframe.datasets.photos import photos

Truth = Mapping[str, Target]
Objects = Sequence[tuple[str, tuple[float, ...]]]
"""Names and boxes, x1 y1 x2 y2, of an image."""


def photographs(
    root: Path, ids: Sequence[str], classes: Sequence[str] = ("cat", "dog"), **options: Any
) -> Dataset:
    """A folder of pictures of 40 x 20 pixels as the dataset ``photos``."""
    for number, item in enumerate(ids):
        path = root / item
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 20), (number * 7 % 256, 90, 200)).save(path)
    return photos(str(root), classes=list(classes), **options)


def asked(run: Path, cycle: int) -> list[dict[str, Any]]:
    """The images of a query."""
    content = json.loads((run / f"queries/cycle_{cycle:02d}/query.json").read_text())
    found: list[dict[str, Any]] = content["images"]
    return found


def classes_of(run: Path, cycle: int) -> list[str]:
    """The classes of a query."""
    content = json.loads((run / f"queries/cycle_{cycle:02d}/query.json").read_text())
    found: list[str] = content["classes"]
    return found


def seen(image: Mapping[str, Any], truth: Truth, classes: Sequence[str]) -> Objects:
    """What there is in an image."""
    target = truth[image["id"]]
    rows = zip(target.require_boxes().tolist(), target.labels.tolist(), strict=True)
    return [(classes[label], tuple(box)) for box, label in rows]


def coco(
    path: Path,
    images: Sequence[Mapping[str, Any]],
    objects: Mapping[str, Objects],
    classes: Sequence[str],
    ignored: Sequence[str] = (),
    suffix: str = "",
) -> Path:
    """A file of COCO instances."""
    rows: list[dict[str, Any]] = []
    listed = []
    for number, image in enumerate(images, 1):
        size = {"width": image["width"], "height": image["height"]}
        row = {"id": number, "file_name": image["id"] + suffix, **size}
        listed.append(row | ({"ignored": 1} if image["id"] in ignored else {}))
        for name, (x1, y1, x2, y2) in objects.get(image["id"], ()):
            box = {"bbox": [x1, y1, x2 - x1, y2 - y1], "category_id": classes.index(name) + 1}
            rows.append({"id": len(rows) + 1, "image_id": number, **box})
    categories = [{"id": n, "name": name} for n, name in enumerate(classes, 1)]
    content = {"images": listed, "annotations": rows, "categories": categories}
    path.write_text(json.dumps(content))
    return path


def cvat(
    path: Path,
    images: Sequence[Mapping[str, Any]],
    objects: Mapping[str, Objects],
    suffix: str = "",
) -> Path:
    """CVAT for images 1.1: what a task exports."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations><version>1.1</version>"]
    for number, image in enumerate(images):
        size = f'width="{image["width"]}" height="{image["height"]}"'
        lines.append(f'<image id="{number}" name={quoteattr(image["id"] + suffix)} {size}>')
        for name, (x1, y1, x2, y2) in objects.get(image["id"], ()):
            corners = f'xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}"'
            lines.append(f'<box label={quoteattr(name)} source="manual" occluded="0" {corners}/>')
        lines.append("</image>")
    path.write_text("\n".join([*lines, "</annotations>"]))
    return path


def yolo(
    folder: Path,
    images: Sequence[Mapping[str, Any]],
    objects: Mapping[str, Objects],
    classes: Sequence[str],
) -> Path:
    """A folder with ``data.yaml`` and a label file for each image."""
    (folder / "labels").mkdir(parents=True)
    names = json.dumps(list(classes))
    (folder / "data.yaml").write_text(f"path: .\ntrain: images\nval: images\nnames: {names}\n")
    for image in images:
        width, height = image["width"], image["height"]
        lines = [
            f"{classes.index(name)} {(x1 + x2) / 2 / width} {(y1 + y2) / 2 / height} "
            f"{(x2 - x1) / width} {(y2 - y1) / height}\n"
            for name, (x1, y1, x2, y2) in objects.get(image["id"], ())
        ]
        place = (folder / "labels" / image["id"]).with_suffix(".txt")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(lines))
    return folder


def region(name: str, box: Sequence[float], image: Mapping[str, Any]) -> dict[str, Any]:
    """One rectangle as Label Studio has it."""
    x1, y1, x2, y2 = box
    across, down = 100 / image["width"], 100 / image["height"]
    sides = {"width": (x2 - x1) * across, "height": (y2 - y1) * down, "rotation": 0}
    return {
        "id": "a",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": image["width"],
        "original_height": image["height"],
        "image_rotation": 0,
        "value": {"x": x1 * across, "y": y1 * down, "rectanglelabels": [name], **sides},
    }


def label_studio(
    path: Path,
    images: Sequence[Mapping[str, Any]],
    objects: Mapping[str, Objects],
    ignored: Sequence[str] = (),
) -> Path:
    """The full export of a project: skipped tasks are cancelled, each took 12 seconds."""
    tasks = []
    for number, image in enumerate(images, 1):
        result = [region(*each, image) for each in objects.get(image["id"], ())]
        done = {"id": number, "result": result, "was_cancelled": image["id"] in ignored}
        done |= {"lead_time": 12.0, "created_at": "2026-01-01T00:00:00Z"}
        data = {"image": f"/data/local-files/?d=photos/{image['id']}", "alframe_id": image["id"]}
        tasks.append({"id": number, "annotations": [done], "predictions": [], "data": data})
    path.write_text(json.dumps(tasks))
    return path
