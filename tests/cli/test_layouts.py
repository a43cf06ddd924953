"""A run on each layout of files that people have."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from alframe.cli import main
from alframe.datasets.base import Dataset
from alframe.datasets.shapes import shapes
from tests.datasets.builders import xml, xml_object

TINY = (
    "--strategy",
    "random",
    "data.resize=none",
    "detector.fpn_channels=16",
    "training.iterations=2",
    "training.batch_size=4",
    "budget.initial=4",
    "budget.per_cycle=2",
    "budget.cycles=2",
)


def drawn() -> Dataset:
    return shapes(pool=12, test=4, size=64, classes=2)


def devkit(root: Path) -> list[str]:
    """Two years, as VOC 07+12: both trainval lists are the pool, 2007's test list the test."""
    dataset = drawn()
    lists = {"VOC2007/trainval": dataset.pool[:5], "VOC2012/trainval": dataset.pool[5:]}
    for place, ids in {**lists, "VOC2007/test": dataset.test}.items():
        year, split = place.split("/")
        for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (root / year / folder).mkdir(parents=True, exist_ok=True)
        names = [i.replace("/", "_") for i in ids]
        (root / year / "ImageSets/Main" / f"{split}.txt").write_text("\n".join(names) + "\n")
        for item, name in zip(ids, names, strict=True):
            Image.fromarray(dataset.images.read(item)).save(root / year / f"JPEGImages/{name}.jpg")
            target = dataset.targets[item]
            objects = [
                xml_object(dataset.classes[y], [f"{v + 1:.0f}" for v in box])
                for y, box in zip(target.labels, target.boxes, strict=True)
            ]
            (root / year / f"Annotations/{name}.xml").write_text(xml(*objects, size=(64, 64)))
    return ["--dataset", "voc", "--data-root", str(root)]


def coco(root: Path) -> list[str]:
    """Native JSON with sparse category ids and images without objects."""
    dataset = drawn()
    (root / "annotations").mkdir()
    categories = [{"id": 7 * (i + 1), "name": n} for i, n in enumerate(dataset.classes)]
    for split, ids in (("train2017", dataset.pool), ("val2017", dataset.test)):
        (root / split).mkdir()
        images, annotations = [], []
        for number, item in enumerate(ids):
            name = f"{number:012d}.jpg"
            Image.fromarray(dataset.images.read(item)).save(root / split / name)
            images.append({"id": number, "file_name": name, "height": 64, "width": 64})
            target = dataset.targets[item]
            for y, (x1, y1, x2, y2) in zip(target.labels, target.boxes.tolist(), strict=True):
                sides = [x2 - x1, y2 - y1]
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": categories[int(y)]["id"],
                        "bbox": [x1, y1, *sides],
                        "area": sides[0] * sides[1],
                        "iscrowd": 0,
                    }
                )
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / f"annotations/instances_{split}.json").write_text(json.dumps(content))
    # Some images of shapes show none.
    return ["--dataset", "coco", "--data-root", str(root), "dataset.unannotated=empty"]


@pytest.mark.parametrize("layout", [devkit, coco])
def test_a_run_on_files(layout: Callable[[Path], list[str]], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    args = layout(tmp_path / "data")
    with pytest.raises(SystemExit) as exit_:
        main(["run", "--output", str(tmp_path / "run"), *args, *TINY])
    assert exit_.value.code == 0
    lines = (tmp_path / "run" / "cycles.jsonl").read_text().splitlines()
    cycles = [json.loads(line) for line in lines]
    assert [c["labelled"] for c in cycles] == [4, 6]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())["dataset"]
    assert (manifest["pool"], manifest["test"]) == (12, 4)
    assert sorted(manifest["classes"]) == ["circle", "square"]
    prefixes = {i.split("/")[0] for i in cycles[0]["selected"]}
    assert prefixes <= {"VOC2007", "VOC2012", "train2017"}
