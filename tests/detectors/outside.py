"""A program that knows nothing of alframe: trains torchvision's Faster R-CNN on COCO files.

python outside.py LABELLED PICTURES CATEGORIES OUTPUT: train on a folder as ``labelled/cycle_NN``,
write COCO results of all pictures.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.models import detection
from torchvision.transforms.functional import pil_to_tensor

STEPS, BATCH = 4, 2


def pixels(file: Path) -> Tensor:
    with Image.open(file) as image:
        return pil_to_tensor(image.convert("RGB")) / 255


def annotated(folder: Path) -> list[tuple[Tensor, dict[str, Tensor]]]:
    content = json.loads((folder / "coco.json").read_text())
    found = []
    for image in content["images"]:
        rows = [row for row in content["annotations"] if row["image_id"] == image["id"]]
        boxes = torch.tensor([row["bbox"] for row in rows]).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]  # x y w h -> x1 y1 x2 y2
        labels = torch.tensor([row["category_id"] for row in rows], dtype=torch.int64)
        picture = pixels(folder / "yolo" / "images" / image["file_name"])
        found.append((picture, {"boxes": boxes, "labels": labels}))
    return found


def trained(images: list[tuple[Tensor, dict[str, Tensor]]], classes: int) -> Any:
    torch.manual_seed(0)
    model = detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=1 + classes, min_size=64, max_size=64,
        box_detections_per_img=10, box_score_thresh=0.001,
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for step in range(STEPS):
        batch = [images[(BATCH * step + n) % len(images)] for n in range(BATCH)]
        loss = sum(model(*map(list, zip(*batch, strict=True))).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def main(labelled: Path, pictures: Path, categories: Path, output: Path) -> None:
    classes = json.loads(categories.read_text())["categories"]
    model, rows = trained(annotated(labelled), len(classes)), []
    for file in sorted(pictures.iterdir()):
        with torch.no_grad():
            (found,) = model([pixels(file)])
        for (x1, y1, x2, y2), label, score in zip(
            *(found[name].tolist() for name in ("boxes", "labels", "scores")), strict=True
        ):
            row = {"image_id": file.stem, "category_id": label, "score": score}
            rows.append(row | {"bbox": [x1, y1, x2 - x1, y2 - y1]})
    output.write_text(json.dumps(rows))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
