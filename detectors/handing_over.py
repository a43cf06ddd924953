"""What is labelled, as files to train somebody's own detector on."""

from pathlib import Path

from PIL import Image

from alframe.annotations.base import UNSIZED, Annotations, AskedImage, Proposal, Sheet
from alframe.annotations.coco_writing import write_answers
from alframe.annotations.yolo_query import write_query
from alframe.datasets.base import LabelledSet, file_of
from alframe.datasets.meant import Pictures
from alframe.datasets.objects import Annotated


def write_labelled(labelled: LabelledSet, classes: tuple[str, ...], folder: Path) -> None:
    """Write ``yolo/`` (images are links, or drawn ones PNG) and ``coco.json``, once.

    Objects that are not trained on, difficult or crowds, are left out of YOLO's files, which have
    no word for them.
    """
    done = folder / "coco.json"
    if done.exists():  # which is written last
        return
    images, objects = [], []
    for item, target in labelled.targets.items():
        rows = zip(
            target.require_boxes().tolist(), target.labels.tolist(), target.trainable(),
            target.difficult.tolist(), target.crowd.tolist(), target.area.tolist(), strict=True,
        )  # fmt: skip
        shown = []
        for box, label, trained, difficult, crowd, area in rows:
            name, corners = classes[label], (box[0], box[1], box[2], box[3])
            objects.append(Annotated(item, name, corners, difficult, crowd, area))
            shown += [Proposal(name, corners, 1.0)] if trained else []
        file = _picture(labelled, item, folder / "yolo" / "images")
        images.append(AskedImage(item, file, *labelled.images.size(item), proposals=tuple(shown)))
    (folder / "yolo").mkdir(parents=True, exist_ok=True)
    write_query(Sheet(folder.name, classes, tuple(images)), folder / "yolo")
    known = Pictures(labelled.ids, labelled.images.size)
    write_answers(Annotations(classes, list(labelled.ids), objects), known, done)


def write_categories(classes: tuple[str, ...], folder: Path) -> None:
    """Write ``instances.json``, whose categories are the numbers of results of COCO."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "instances.json"
    if not path.exists():
        write_answers(Annotations(classes), Pictures((), lambda _: UNSIZED), path)


def _picture(labelled: LabelledSet, item: str, folder: Path) -> Path:
    """A link to the picture of an item, or a drawn one as PNG."""
    file = file_of(labelled.images, item)
    shown = AskedImage(item, file or Path(f"{item}.png"), *UNSIZED)
    place = folder / shown.name
    place.parent.mkdir(parents=True, exist_ok=True)
    if file and not place.is_symlink():
        place.symlink_to(file.absolute())
    elif not file:
        Image.fromarray(labelled.images.read(item)).save(place)
    return place
