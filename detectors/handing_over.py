"""What somebody's own detector is given, as files: what is labelled, and what to predict."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from alframe.annotations.coco_writing import write_answers
from alframe.annotations.vocabulary import UNSIZED, Annotations, AskedImage, Proposal, Sheet
from alframe.annotations.yolo_query import write_query
from alframe.datasets.base import ImageSet, LabelledSet, file_of
from alframe.datasets.name_matching import Pictures
from alframe.datasets.names import stem
from alframe.datasets.objects import Annotated
from alframe.files.atomic import atomic

READ = frozenset({".bmp", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"})
"""Suffixes of what Ultralytics reads as pictures; a GIF is a video to it, others are nothing."""


def write_labelled(
    labelled: LabelledSet, classes: tuple[str, ...], folder: Path, names: Mapping[str, str]
) -> None:
    """Write ``yolo/`` (images are links, or PNG) and ``coco.json``, once.

    Objects that are not trained on, difficult or crowds, are left out of YOLO's files, which have
    no word for them. The ``file_name`` of ``coco.json`` is one in ``yolo/images``.

    Args:
        labelled: images and what is known of them.
        classes: names, by number.
        folder: where to.
        names: of the pictures, by id; see :func:`side_by_side`. In folders of their own, one of
            which may be called ``images``, Ultralytics would look for the labels elsewhere.
    """
    done, pictures = folder / "coco.json", folder / "yolo" / "images"
    written = done.exists()  # which is last
    for item in labelled.targets:
        place = pictures / names[item]
        if not written or place.is_symlink():  # again: the dataset may have moved
            _picture(labelled, item, place)
    if written:
        return
    images, objects, sizes = [], [], {}
    for item, target in labelled.targets.items():
        rows = zip(
            target.require_boxes().tolist(), target.labels.tolist(), target.trainable(),
            target.difficult.tolist(), target.crowd.tolist(), target.area.tolist(), strict=True,
        )  # fmt: skip
        shown, picture = [], names[item]
        for box, label, trained, difficult, crowd, area in rows:
            name, corners = classes[label], (box[0], box[1], box[2], box[3])
            objects.append(Annotated(picture, name, corners, difficult, crowd, area))
            shown += [Proposal(name, corners, 1.0)] if trained else []
        sizes[picture] = height, width = labelled.images.size(item)
        place = pictures / picture
        images.append(AskedImage(picture, place, height, width, proposals=tuple(shown)))
    (folder / "yolo").mkdir(parents=True, exist_ok=True)
    write_query(Sheet(folder.name, classes, tuple(images)), folder / "yolo")
    known = Pictures(sizes, sizes.__getitem__)
    write_answers(Annotations(classes, list(sizes), objects), known, done)


def write_categories(classes: tuple[str, ...], folder: Path) -> None:
    """Write ``instances.json``, whose categories are the numbers of results of COCO."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "instances.json"
    if not path.exists():
        write_answers(Annotations(classes), Pictures((), lambda _: UNSIZED), path)


def write_pictures(images: ImageSet, folder: Path, names: Mapping[str, str]) -> None:
    """Write all pictures under their names, as links, or as PNG: see :data:`READ`."""
    for item, name in names.items():
        _picture(images, item, folder / name)


def side_by_side(images: ImageSet) -> Mapping[str, str]:
    """The name of each picture in one folder: its own, or with its folders where two share one.

    Names differ in more than the suffix: detectors write a file for each, and of a second ``a``
    Ultralytics makes ``a-2``.
    """
    whole = {item: _name(images, item) for item in images.ids}
    own = {item: name.rpartition("/")[2] for item, name in whole.items()}
    shared = Counter(stem(name).casefold() for name in own.values())
    taken = {name for name, count in shared.items() if count == 1}
    for item, name in own.items():
        if shared[stem(name).casefold()] > 1:
            long = stem(whole[item].replace("/", "_"))
            while long.casefold() in taken or long.casefold() in shared:
                long += "_"
            taken.add(long.casefold())
            own[item] = long + name[len(stem(name)) :]
    return own


class HandedOver(Pictures):
    """Pictures that are also called as :func:`write_pictures` calls them."""

    def __init__(self, images: ImageSet) -> None:
        super().__init__(images.ids, images.images.size)
        names = side_by_side(images).items()
        self._renamed = {stem(n): i for i, n in names if stem(n) != stem(i).rpartition("/")[2]}

    def find(self, name: str) -> str:
        """The id of the picture that a file calls ``name``; see :class:`.Pictures`."""
        item = self._renamed.get(stem(name.rpartition("/")[2]))
        if item is None:
            return super().find(name)
        self._certain.add(item)
        return item


def _name(images: ImageSet, item: str) -> str:
    """What files call a picture: its id with a suffix."""
    file = file_of(images.images, item) or Path("drawn.png")
    name = AskedImage(item, file, *UNSIZED).name
    return name if file.suffix.lower() in READ else f"{stem(name)}.png"


def _picture(images: ImageSet, item: str, place: Path) -> None:
    """A link to the picture of an item, or a PNG of one that is drawn or of another kind, once."""
    file = file_of(images.images, item)
    file = file if file and file.suffix.lower() in READ else None
    place.parent.mkdir(parents=True, exist_ok=True)
    if file and not (place.is_symlink() and place.readlink() == file.absolute()):
        place.unlink(missing_ok=True)  # of a dataset that has moved
        place.symlink_to(file.absolute())
    elif not file and not place.exists():
        with atomic(place) as stream:
            Image.fromarray(images.images.read(item)).save(stream, "PNG")
