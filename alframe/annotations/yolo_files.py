"""Which files of a folder are labels of YOLO, and of which images."""

import re
from functools import lru_cache

from alframe.annotations.sources import Files, Source, files, head, read
from alframe.annotations.yolo_names import LISTS, last_part
from alframe.datasets.name_matching import SPLITS

_LABEL = re.compile(rb"(?:\xef\xbb\xbf)?\s*\d+(?:\.0*)?(?:\s+[-+.\deE]+){4}")
_NOT_LABELS = {*LISTS, "train.txt", "val.txt", "test.txt", "images.txt", "readme.txt"}


def recognises(source: Source) -> bool:
    """Whether a file begins with a line of labels, all are empty, or there are names for them."""
    texts = label_files(source)
    starts = (head(file, 256) for file in texts.values())
    if any(_LABEL.match(start) for start in starts):
        return True
    if texts and source.is_dir() and not any(head(file, 1) for file in texts.values()):
        return True
    listed = any(name.rpartition("/")[2] in ("data.yaml", *LISTS) for name in files(source))
    return listed and (source.is_dir() or not texts) and bool(texts or files(source, ".yaml"))


def label_files(source: Source) -> Files:
    """Label files: those below ``labels``, or all texts that are no lists of other things."""
    texts = files(source, ".txt")
    if not source.is_dir():
        return texts.only(lambda name: name.lower().endswith(".txt"))
    below = texts.only(
        lambda name: "labels" in name.split("/")[:-1] and last_part(name) not in LISTS
    )
    return below or texts.only(lambda name: last_part(name) not in _NOT_LABELS)


def beside_labels(source: Source, labels: Files) -> list[str]:
    """Files of a folder that begin with a line of labels and do not lie below ``labels``."""
    below = set(labels)
    others = files(source, ".txt").only(lambda name: name not in below)
    return [name for name, file in others.items() if _LABEL.match(head(file, 256))]


def image_names(name: str) -> list[str]:
    """What the image of a label file may be called: beside it, in ``images``, in no such folder.

    Nor in that of a split, which CVAT adds.
    """
    folder, _, last = name[: -len(".txt")].rpartition("/")
    return [f"{way}{last}" for way in _image_folders(folder)]


@lru_cache(maxsize=1024)
def _image_folders(labels: str) -> tuple[str, ...]:
    folders = labels.split("/") if labels else []
    swapped = ["images" if folder == "labels" else folder for folder in folders]
    without = [f for f in folders if f not in ("labels", "images", "obj_train_data")]
    below = without[1:] if without[:1] and without[0] in SPLITS else without
    ways = (swapped, folders, without, below)
    return tuple(dict.fromkeys("".join(f"{folder}/" for folder in way) for way in ways))


def is_of_label_studio(source: Source) -> bool:
    """Whether Label Studio exported it."""
    notes = files(source, "notes.json") if source.is_dir() else {}
    return any(b'"Label Studio"' in read(file) for file in notes.values())
