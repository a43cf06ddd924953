"""Writes tiny datasets, of which a test may then break a part."""

import json
from pathlib import Path

from PIL import Image

BOX = (11, 21, 31, 51)
"""x1 y1 x2 y2 as written into an XML file."""


def image(path: Path, size=(100, 80), colour=(200, 30, 60), mode="RGB", **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path, **options)
    return path


def xml_object(name="cat", box=BOX, difficult: object = 0) -> str:
    corners = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    inner = "".join(f"<{tag}>{value}</{tag}>" for tag, value in corners)
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{inner}</bndbox></object>"
    )


def xml(*objects: str, size: tuple[object, object] | None = (100, 80)) -> str:
    frame = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    return f"<annotation>{frame}{''.join(objects)}</annotation>"


def voc_item(folder: Path, stem: str, annotation: str | None = None, suffix=".jpg") -> None:
    image(folder / "JPEGImages" / f"{stem}{suffix}")
    (folder / "Annotations").mkdir(exist_ok=True)
    text = xml(xml_object()) if annotation is None else annotation
    (folder / "Annotations" / f"{stem}.xml").write_text(text)


def voc_folder(folder: Path, **lists: list[str]) -> Path:
    """A VOC folder in which every listed image shows a cat."""
    main = folder / "ImageSets" / "Main"
    main.mkdir(parents=True)
    for name, stems in lists.items():
        (main / f"{name}.txt").write_text("\n".join(stems) + "\n")
        for stem in stems:
            voc_item(folder, stem)
    return folder


def coco_content(images: int = 2, **changes: object) -> dict:
    """Images 1.jpg, 2.jpg, ... with one object each; categories with gaps between their ids."""
    content = {
        "images": [
            {"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 80}
            for n in range(1, images + 1)
        ],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 90, "bbox": [10, 20, 20, 30], "iscrowd": 0}
            for n in range(1, images + 1)
        ],
        "categories": [{"id": 90, "name": "apple"}, {"id": 3, "name": "zebra"}],
    }
    return content | changes


def coco_root(root: Path, pool: dict | None = None, test: dict | None = None) -> Path:
    for name, content in (("train2017", pool), ("val2017", test)):
        content = coco_content() if content is None else content
        path = root / "annotations" / f"instances_{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        for row in content["images"]:
            if ".." not in row["file_name"]:
                image(root / name / row["file_name"])
    return root


def photo_folder(root: Path, names=("a.jpg", "b.PNG", "sub/c.jpeg")) -> Path:
    for name in names:
        image(root / name, format="PNG" if name.lower().endswith("png") else "JPEG")
    return root


LABEL = "0 0.5 0.5 0.2 0.25\n"
"""A cat of 20 x 20 pixels in the middle of a picture of 100 x 80."""


def yolo_root(root: Path, labels: dict[str, str | None] | None = None, **content: object) -> Path:
    """Pictures with labels by the path below ``images``; None for a picture without label file."""
    usual: dict[str, str | None] = {"train/1": LABEL, "train/2": "", "val/3": LABEL}
    for name, text in (usual if labels is None else labels).items():
        image(root / "images" / f"{name}.jpg")
        (root / "labels" / name).parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            (root / "labels" / f"{name}.txt").write_bytes(text.encode())
    about = {"train": "images/train", "val": "images/val", "names": ["cat", "dog"]} | content
    (root / "data.yaml").write_text(json.dumps(about))
    return root
