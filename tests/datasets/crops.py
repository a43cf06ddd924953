"""Photographs of one object each, cut from those of a Pascal VOC folder.

``python -m tests.datasets.crops VOC TO``.
"""

import sys
from pathlib import Path

from PIL import Image

from alframe.datasets.voc import voc

SHORTEST = 24
"""Objects of fewer pixels a side are left out, as are difficult ones."""

MARGIN = 0.1
"""So much of an object's longer side is kept around it."""


def cut(root: Path, to: Path) -> None:
    """Write ``train/CLASS/*.jpg`` of the objects of the pool and ``test/CLASS/*.jpg``."""
    dataset = voc(str(root))
    for split, ids in (("train", dataset.pool), ("test", dataset.test)):
        for item in ids:
            target = dataset.targets[item]
            with Image.open(root / "JPEGImages" / f"{item}.jpg") as photo:
                for number, (box, label) in enumerate(
                    zip(target.boxes, target.labels, strict=True)
                ):
                    sides = box[2:] - box[:2]
                    if target.difficult[number] or sides.min() < SHORTEST:
                        continue
                    start = (box[:2] - MARGIN * sides.max()).clip(0)
                    end = (box[2:] + MARGIN * sides.max()).clip(None, photo.size)
                    folder = to / split / dataset.classes[label]
                    folder.mkdir(parents=True, exist_ok=True)
                    crop = photo.crop([round(float(side)) for side in (*start, *end)])
                    crop.save(folder / f"{item}-{number}.jpg", quality=92)


if __name__ == "__main__":
    cut(*map(Path, sys.argv[1:]))
