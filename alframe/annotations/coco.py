"""COCO instances and results; also the form in which a run keeps its answers."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from alframe.annotations.coco_writing import PREDICTED, QUERY, write_query
from alframe.annotations.json_files import json_files
from alframe.annotations.json_rows import parts_in
from alframe.annotations.packed import Packed
from alframe.annotations.parts import first_found, joined, note_sizes, size_of
from alframe.annotations.sources import Source, folder_of, read
from alframe.annotations.vocabulary import UNSIZED, Annotations, Format, Images
from alframe.datasets.boxes import SIDES, misread, written_as
from alframe.datasets.bulk import uncollected
from alframe.datasets.coco_json import CocoFile, Results, read_instances
from alframe.datasets.coco_kinds import EXPECTED
from alframe.datasets.coco_loading import parsed
from alframe.datasets.problems import Problem, Problems
from alframe.errors import DataError
from alframe.words import named, plural


def recognises(source: Source) -> bool:
    """Whether there is a file of instances or of results."""
    return bool(json_files(source, "instances", "results"))


@uncollected()
def read_coco(source: Source, images: Images, problems: Problems) -> Annotations:
    """All files of instances.

    Raises:
        DataError: a file is malformed, or is of what a model found.
    """
    found = json_files(source, "instances")
    contents = {str(file): parsed(read(file), str(file)) for file in found.values()}
    results = [str(file) for file in json_files(source, "results").values()]
    if predicted := [*results, *filter(lambda file: _info(contents[file]) == PREDICTED, contents)]:
        raise DataError(
            f"{named(predicted)}: what a model found is no answer of people; {EXPECTED}"
        )
    # Some tools write a list of the images alone beside instances.
    told = {w: c for w, c in contents.items() if c.get("categories") or c.get("annotations")}
    taken = _read(told or contents, source, images, problems)
    taken.notes += [
        f"{where}: left out, as it has no categories and no annotations"
        for where in contents
        if told and where not in told
    ]
    return taken


@uncollected()
def read_predictions(source: Source, images: Images, problems: Problems) -> Annotations:
    """Instances with scores, or lists of ``image_id category_id bbox score``.

    The numbers in such lists are those of the file of instances that lies beside them; without one,
    or where that is of other images, an ``image_id`` is the name of a picture, and classes are
    called by their numbers. A row may have ``scores``, one for each class in the order of the
    categories' numbers.

    Raises:
        DataError: a file is malformed, or there are several of instances beside lists.
    """
    results = json_files(source, "results", "empty")
    if not results:
        return read_coco(source, images, problems)
    beside = {str(file): parsed(read(file), str(file)) for file in _instances_of(source)}
    rows = next(chain.from_iterable(map(parts_in, results.values())), []) if beside else []
    own = {where: content for where, content in beside.items() if _is_of(content, rows, images)}
    if len(own) > 1:
        raise DataError(
            f"{source} is a list of results, whose image_id and category_id are numbers of a file "
            f"of instances: expected that one beside it, got {named(list(own))}; put the results "
            "with theirs into a folder of their own"
        )
    parts = chain.from_iterable(map(parts_in, results.values()))
    meant = partial(_meant, str(source), images)
    listed = Results(parts, meant, Packed(), str(source))
    nothing: Any = {"images": [], "annotations": [], "categories": []}
    found = _read(own or {str(source): nothing}, source, images, problems, listed)
    found.notes += [
        f"{source}: {where} is not what its numbers are of: most of its images, or of its classes, "
        "are not there"
        for where in beside
        if where not in own
    ]
    return found


def _instances_of(source: Source) -> list[Source]:
    """Files of instances beside results, or in the nearest folders below."""
    below = json_files(folder_of(source), "instances")
    nearest = min((name.count("/") for name in below), default=0)
    return [file for name, file in below.items() if name.count("/") == nearest]


def _is_of(content: Any, rows: Sequence[Any], images: Images) -> bool:
    """Whether results are of a file of instances, and not of pictures that they name themselves.

    An answers file beside them, say, has few of the pictures, or of the classes.
    """
    try:
        ids, kinds = ({str(row["id"]) for row in content[t]} for t in ("images", "categories"))
        names = {str(row.get("file_name") or row["image_id"]) for row in rows}
        if names & ids or not ids:
            return True
        listed = {images.find(row["file_name"]) for row in content["images"]}
        found = {images.find(name) for name in names}
        shown = {str(row["category_id"]) for row in rows}
        return _mostly(found, listed) and _mostly(shown, kinds)
    except (LookupError, TypeError, AttributeError, DataError):
        return True  # reading them tells what is wrong


def _mostly(some: set[str], known: set[str]) -> bool:
    return 2 * len(some & known) >= len(some)


def _meant(where: str, images: Images, name: str) -> str:
    remedy = "image_id has to be the name of a picture, or put the file of instances beside it"
    return first_found(images, [name], where, remedy)


def _read(
    contents: Mapping[str, Any],
    source: Source,
    images: Images,
    problems: Problems,
    results: Results | None = None,
) -> Annotations:
    def located(where: str, name: str) -> tuple[str, Path]:
        item = first_found(images, [name], where)
        return item, Path(item)

    parts = {}
    for where, content in contents.items():
        found = read_instances(content, where, partial(located, where), problems, results=results)
        part = _annotations(where, found, content, images)
        if results:
            _check_listed(results.path, found, problems)
        elif doubt := _doubt(part, images, problems):
            part.notes.append(f"{where}: {doubt}")
        parts[where] = part
    return joined(parts, problems)


def _annotations(where: str, found: CocoFile, content: Any, images: Images) -> Annotations:
    listed = found.images
    notes, sizes = list(found.notes), {i.item: i.size for i in listed if i.size}
    if _info(content, "contributor") == "Label Studio":
        listed = [image for image in listed if image.item in found.annotated]
        if without := len(found.images) - len(listed):
            notes.append(
                f"{where}: Label Studio's COCO export does not tell images without objects from "
                f"those that nobody annotated, and leaves out skipped ones: "
                f"{plural(without, 'image')} not taken; export JSON"
            )
    said = Annotations(
        tuple(found.categories),
        [image.item for image in listed] or sorted(found.annotated),
        found.objects,
        {image.item for image in listed if image.ignored},
        {image.item: image.seconds for image in listed if image.seconds is not None},
        notes,
        new=frozenset(str(row["name"]) for row in content["categories"] if row.get("new")),
        listed=True,
    )
    note_sizes(said, where, sizes, images)
    return said


def _check_listed(where: str, found: CocoFile, problems: Problems) -> None:
    """Results are of images that the file of instances has, where there is one."""
    listed = {image.item for image in found.images} or found.annotated
    for item in sorted(found.annotated - listed - problems.items):
        cause = "an image_id is that of no image in the file of instances"
        problems.add(item, Problem(cause, f"{where}: {item}", "give the file that it is of"))


def _doubt(found: Annotations, images: Images, problems: Problems) -> str | None:
    """What the numbers of boxes may have meant instead, where most make no sense."""
    rows = [thing for thing in found.objects if thing.owner not in problems.items]
    sizes = {item: size_of(item, images) for item in {thing.owner for thing in rows}}
    rows = [thing for thing in rows if sizes[thing.owner] != UNSIZED]
    boxes = np.array([thing.box for thing in rows], float).reshape(-1, 4)
    frames = np.array([sizes[thing.owner] for thing in rows], float).reshape(-1, 2)
    areas = np.array([thing.area for thing in rows], float)
    return misread(written_as(boxes, SIDES), frames, SIDES, areas)


def _info(content: Any, name: str = "description") -> Any:
    info = content.get("info") if isinstance(content, dict) else None
    return info.get(name) if isinstance(info, dict) else None


COCO = Format(
    "coco",
    "COCO instances, a JSON file",
    recognises,
    read_coco,
    write_query,
    (
        f"{QUERY} is a file of COCO instances[; proposals are annotations with a score].",
        "CVAT: make a task of the images[, then Upload annotations > COCO 1.0].",
        "FiftyOne: COCODetectionDataset with this file as labels_path.",
        "Export the annotations as COCO instances. Leave out images that nobody looked at: an "
        "image that is listed without annotations shows nothing.",
    ),
    read_predictions,
)
