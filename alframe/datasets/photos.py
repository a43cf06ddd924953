"""Photos: any folder of pictures, annotated in part or not at all."""

from collections.abc import Sequence
from pathlib import Path

from alframe.annotations.query_folders import read_annotated
from alframe.annotations.vocabulary import Annotations
from alframe.annotations.yolo import named_by
from alframe.config.path_options import Place
from alframe.datasets.assemble import Found, assemble
from alframe.datasets.base import Dataset, OnBadItem
from alframe.datasets.bulk import uncollected
from alframe.datasets.files import home_of
from alframe.datasets.folders import below, no_image_in
from alframe.datasets.held_out import hold_out
from alframe.datasets.listing import Listing
from alframe.datasets.name_matching import Pictures
from alframe.datasets.problems import Problems
from alframe.datasets.unannotated import Unannotated
from alframe.errors import DataError
from alframe.files.home import expanded
from alframe.files.presence import exists
from alframe.words import named, plural


@uncollected()
def photos(
    root: str,
    *,
    annotations: Place | None = None,
    listed: Unannotated | None = None,
    classes: Sequence[str] | None = None,
    test: Place | int | float | None = None,
    test_seed: int = 0,
    on_bad_item: OnBadItem = "error",
) -> Dataset:
    """Read a folder of pictures, and what is known of them.

    Ids are the paths of the pictures below ``root``, with their suffix: ``holiday/IMG_0001.jpg``.
    An image that the annotations do not speak of is unannotated, never empty.

    Args:
        root: a folder, of which all folders below are looked through.
        annotations: a file, folder or zip of annotations in any format that is read, recognised
            by its content: COCO, Pascal VOC, YOLO, CVAT, Label Studio.
        listed: what images are that the annotations list without an object, as COCO and CVAT list
            also those that nobody has looked at: ``empty`` or ``unlabelled``. By default they are
            empty, with a note, as long as others have objects.
        classes: names of the classes, in the order of their labels. By default those that the
            annotations declare; without annotations they have to be named.
        test: what to evaluate on: a text file with an id in each line, or a share of the annotated
            images such as ``20%``, which is drawn. By default nothing yet: ``budget.test=40`` has
            people annotate 40 images that are drawn for it.
        test_seed: other seeds draw another share.
        on_bad_item: ``skip`` leaves out pictures with an unusable annotation, and notes it; and
            unannotated ones where nobody is asked.

    Raises:
        DataError: there are no pictures; or with every problem found.
    """
    home = home_of(root, "one with pictures")
    listing = Listing()
    names, notes = below(home, listing)
    if not names:
        raise DataError(no_image_in(home, notes))
    if classes is None and annotations is None:
        raise DataError(
            "dataset.classes: nothing is annotated yet, so expected the names of the classes that "
            "people will annotate, as dataset.classes=[cat,dog]; or what is known already, as "
            "dataset.annotations=PATH"
        )
    found = Found(
        home, Problems(on_bad_item), tested=test is not None, notes=notes, listing=listing
    )
    found.files = {name: home / name for name in names}
    known = frozenset[str]()
    with found.problems.gathering():
        known = frozenset(_take(found, annotations, classes, listed) if annotations else ())
    found.bare = {name: name for name in names if name not in known}
    found.pool = list(found.files)
    if test is not None:
        hold_out(found, str(test), test_seed)
    found.check_tested("annotate it (dataset.annotations), or take it out of the list")
    return assemble("photos", found, classes)


def _take(
    found: Found, annotations: str, classes: Sequence[str] | None, choice: Unannotated | None
) -> list[str]:
    """What is known already; ids of the annotated pictures."""
    path = expanded(annotations)
    if not exists(path):
        raise DataError(
            f"dataset.annotations={annotations}: nothing lies there; expected a file, a folder or "
            "a zip of annotations"
        )
    pictures = Pictures(found.files, found.size, found.files.get)
    said = _numbered(read_annotated(path, pictures, found.problems), classes, path)
    bad = found.problems.items
    found.problems.look({thing.owner for thing in said.objects} - bad, found.size)
    found.known += said.classes
    found.notes += [*said.notes, *pictures.notes()]
    found.objects += said.objects
    if given_up := sorted(said.ignored - bad):
        what = f"{plural(len(given_up), 'image')} that an annotator gave up: {named(given_up)}"
        found.notes.append(f"left out {what}")
        for item in given_up:
            del found.files[item]
    if not said.listed:
        return said.images
    annotated = {thing.owner for thing in said.objects} | said.ignored | bad
    bare = [item for item in said.images if item not in annotated]
    found.notes += _about_listed(said.images, bare, choice)
    return [item for item in said.images if choice != "unlabelled" or item in annotated]


def _about_listed(
    images: Sequence[str], bare: Sequence[str], choice: Unannotated | None
) -> list[str]:
    """A sentence on listed images without objects, unless it is chosen what they are.

    Raises:
        DataError: no image has an object.
    """
    if not bare or choice:
        return []
    what = f"{plural(len(bare), 'image')} of {len(images):,} that the annotations list"
    if len(bare) == len(images):
        raise DataError(
            f"{what}, all without an object: {named(bare)}; set dataset.listed=empty if they were "
            "looked at and show none, or dataset.listed=unlabelled if nobody has annotated them yet"
        )
    return [
        f"took {what} without an object for empty: {named(bare)}; if nobody looked at them, set "
        "dataset.listed=unlabelled"
    ]


def _numbered(said: Annotations, classes: Sequence[str] | None, path: Path) -> Annotations:
    """Annotations whose classes have names, by the order of ``dataset.classes`` if need be."""
    if said.numbered and classes is None:
        raise DataError(
            f"{path} has numbers for classes and no names: expected a data.yaml or classes.txt "
            "beside the labels, or set dataset.classes=[NAME, ...] in their order"
        )
    return named_by(said, classes or (), path)
