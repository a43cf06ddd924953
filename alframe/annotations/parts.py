"""What the formats share: joining what several files say, and oddities that are only told."""

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from alframe.annotations.vocabulary import UNSIZED, Annotations, AskedImage, Images, Sheet
from alframe.datasets.base import ImageSource
from alframe.datasets.boxes import misread, written_as
from alframe.datasets.name_matching import OtherFileError, SeveralError
from alframe.datasets.problems import SKIP, BadItemError, Problem, Problems
from alframe.errors import DataError
from alframe.words import named, plural

REMEDY = f"correct the file{SKIP}"
MOST = 10_000
"""Boxes of a file that are looked at."""
NO_BOX = f"the image would count as one without objects: draw boxes{SKIP}"
"""Remedy where the shapes of an image are all such that no object is made of."""


def joined(parts: Mapping[str, Annotations], problems: Problems) -> Annotations:
    """What several files say, by path, as one; an image that two of them list is a problem."""
    if len(parts) == 1:
        return next(iter(parts.values()))
    whole = Annotations(tuple(dict.fromkeys(c for part in parts.values() for c in part.classes)))
    listed: dict[str, str] = {}
    for where, part in parts.items():
        for item in part.images:
            if item in listed:
                cause = f"both {listed[item]} and {where} list the image"
                problems.add(item, Problem(cause, item, "give one of them, or take it out of one"))
        new = set(part.images) - listed.keys()
        whole.images += [item for item in part.images if item in new]
        whole.objects += [thing for thing in part.objects if thing.owner not in listed]
        whole.ignored |= part.ignored & new
        whole.seconds |= {item: took for item, took in part.seconds.items() if item in new}
        whole.notes += part.notes
        whole.numbered |= part.numbered
        whole.listed |= part.listed
        whole.resized |= part.resized
        listed |= dict.fromkeys(new, where)
    return whole


def size_of(item: str, images: Images | ImageSource) -> tuple[int, int]:
    """(height, width) in pixels; UNSIZED of a picture that cannot be read."""
    try:
        return images.size(item)
    except DataError:  # which is told elsewhere
        return UNSIZED


def note_sizes(
    found: Annotations,
    where: str,
    sizes: Mapping[str, tuple[int, int]],
    images: Images,
    *,
    shares: bool = False,
) -> None:
    """Note images that are said to be of another size than they are.

    Args:
        found: takes the note.
        where: that is said.
        sizes: (height, width) by id.
        images: the pictures.
        shares: boxes are shares of their image, which fit all the same.
    """
    shown = {}
    for item, size in sizes.items():
        if (actual := size_of(item, images)) not in (size, UNSIZED):
            shown[item] = f"{item} ({size[1]} x {size[0]}, not {actual[1]} x {actual[0]})"
    if shown:
        found.notes.append(
            f"{where} says another size of {plural(len(shown), 'image')} than the file of the "
            f"picture; were their boxes drawn on pictures of that size?: "
            f"{named(list(shown.values()))}"
        )
    found.resized |= set() if shares else shown.keys()


def note_misread(
    found: Annotations, where: str, images: Images, problems: Problems, written: str
) -> None:
    """Note what the numbers of boxes may have meant instead, where most make no sense.

    Args:
        found: takes the note.
        where: the boxes are, for the note.
        images: the pictures.
        problems: of these images boxes do not count.
        written: how the boxes were, a name of :data:`alframe.datasets.boxes.READINGS`.
    """
    rows = [thing for thing in islice(found.objects, MOST) if thing.owner not in problems.items]
    sizes = {item: size_of(item, images) for item in {thing.owner for thing in rows}}
    rows = [thing for thing in rows if sizes[thing.owner] != UNSIZED]
    boxes = np.array([thing.box for thing in rows], float).reshape(-1, 4)
    frames = np.array([sizes[thing.owner] for thing in rows], float).reshape(-1, 2)
    areas = np.array([thing.area for thing in rows], float)
    if doubt := misread(written_as(boxes, written), frames, written, areas):
        found.notes.append(f"{where}: {doubt}")


def first_found(images: Images, names: Sequence[str], where: str, remedy: str | None = None) -> str:
    """The id of the picture that one of some names means, the first one that means any.

    Args:
        images: the pictures.
        names: at least one; the last is the plainest, and that which messages tell.
        where: the name stands, for messages.
        remedy: what to do where none does; what ``images`` say by default.

    Raises:
        BadItemError: none does.
        OtherFileError: one is the path of another picture.
    """
    for number, name in enumerate(names, 1):
        try:
            return images.find(name)
        except BadItemError as error:
            if number < len(names) and not isinstance(error, OtherFileError):
                continue
            raise type(error)(
                *(
                    Problem(problem.cause, f"{where}: {problem.at}", remedy or problem.remedy)
                    for problem in error.found
                )
            ) from None
    raise ValueError("expected a name at least")


def located(images: Images, where: str) -> Callable[[str], tuple[str, Path]]:
    """:func:`first_found` of one name, as an id and a file.

    Of several pictures that it may mean, the one that lies by it below the folder of the file that
    says it: Roboflow writes a file with bare names beside the pictures of each split.
    """
    folder = Path(where).absolute().parent

    def locate(name: str) -> tuple[str, Path]:
        try:
            item = first_found(images, [name], where)
        except SeveralError:
            if not os.path.isfile(folder / name):  # noqa: PTH113 - also of one that is too long
                raise
            item = first_found(images, [str(folder / name), name], where)
        return item, Path(item)

    return locate


def by_stem(sheet: Sheet) -> Mapping[str, AskedImage]:
    """The images of a sheet by their names without suffix, of formats with a file for each.

    Raises:
        DataError: two have one stem, and so would have one file.
    """
    found: dict[str, AskedImage] = {}
    pairs = []
    for image in sheet.images:
        if image.stem in found:
            pairs.append(f"{found[image.stem].name} and {image.name}")
        found[image.stem] = image
    if pairs:
        raise DataError(
            f"two images would have one file of annotations, as their names differ in the suffix "
            f"alone: {named(pairs)}; rename one of them, or choose another format"
        )
    return found
