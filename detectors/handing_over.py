"""What somebody's own detector is given, as files: what is labelled, and what to predict."""

from collections import Counter
from collections.abc import Iterator, Mapping
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
    (folder / "yolo").mkdir(parents=True, exist_ok=True)
    asked = tuple(asked_images(labelled, classes, names, pictures))
    write_query(Sheet(folder.name, classes, asked), folder / "yolo")
    write_instances(labelled, classes, names, done)


def asked_images(
    labelled: LabelledSet, classes: tuple[str, ...], names: Mapping[str, str], folder: Path
) -> Iterator[AskedImage]:
    """Images under other names, with the objects that are trained on as proposals."""
    for item, name in names.items():
        if item in labelled.targets:
            objects = _objects(labelled, classes, item, name)
            shown = [(t.name, t.box) for t in objects if not (t.difficult or t.crowd)]
            proposals = tuple(Proposal(thing, box, 1.0) for thing, box in shown)
            size = labelled.images.size(item)
            yield AskedImage(name, folder / name, *size, proposals=proposals)


def write_instances(
    labelled: LabelledSet, classes: tuple[str, ...], names: Mapping[str, str], path: Path
) -> None:
    """Write COCO instances of images under other names; crowds and difficult objects are marked."""
    ids = [item for item in names if item in labelled.targets]
    sizes = {names[item]: labelled.images.size(item) for item in ids}
    objects = [t for item in ids for t in _objects(labelled, classes, item, names[item])]
    known = Pictures(sizes, sizes.__getitem__)
    write_answers(Annotations(classes, list(sizes), objects), known, path)


def _objects(
    labelled: LabelledSet, classes: tuple[str, ...], item: str, name: str
) -> Iterator[Annotated]:
    target = labelled.targets[item]
    rows = zip(
        target.require_boxes().tolist(), target.labels.tolist(), target.difficult.tolist(),
        target.crowd.tolist(), target.area.tolist(), strict=True,
    )  # fmt: skip
    for (x1, y1, x2, y2), label, difficult, crowd, area in rows:
        yield Annotated(name, classes[label], (x1, y1, x2, y2), difficult, crowd, area)


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
