"""COCO instances and results; also the form in which a run keeps its answers."""

from functools import partial
from typing import Any

from alframe.annotations.coco_results import read_results
from alframe.annotations.coco_writing import PREDICTED, QUERY, write_query
from alframe.annotations.json_files import content_of, json_files
from alframe.annotations.parts import joined, located, note_misread, note_sizes
from alframe.annotations.sources import Source, called
from alframe.annotations.vocabulary import Annotations, Format, Images
from alframe.datasets.boxes import SIDES
from alframe.datasets.bulk import uncollected
from alframe.datasets.coco_json import CocoFile, read_instances
from alframe.datasets.coco_kinds import EXPECTED, kind_of
from alframe.datasets.problems import Problems
from alframe.errors import DataError, together
from alframe.words import named, plural


def recognises(source: Source) -> bool:
    """Whether there is a file of instances or of results."""
    return bool(json_files(source, "instances", "results"))


def read_coco(source: Source, images: Images, problems: Problems) -> Annotations:
    """All files of instances.

    Raises:
        DataError: a file is malformed, or is of what a model found.
    """
    found = _instances(source, images, problems)
    if found.objects and all(thing.score > 0 for thing in found.objects):
        found.notes.append(
            f"{called(source)}: every annotation has a score, as what a model found does; taken as "
            "answers of people"
        )
    return found


@uncollected()
def _instances(source: Source, images: Images, problems: Problems) -> Annotations:
    files = json_files(source, "instances")
    each = together(*(partial(content_of, file) for file in files.values()))
    contents = dict(zip(map(str, files.values()), each, strict=True))
    other = {where: kind for where, content in contents.items() if (kind := kind_of(content))}
    if len(other) < len(contents):
        contents = {where: content for where, content in contents.items() if where not in other}
    results = [str(file) for file in json_files(source, "results").values()]
    if predicted := [*results, *filter(lambda file: _info(contents[file]) == PREDICTED, contents)]:
        raise DataError(
            f"{named(predicted)}: what a model found is no answer of people; {EXPECTED}"
        )
    # Some tools write a list of the images alone beside instances.
    told = {w: c for w, c in contents.items() if c.get("categories") or c.get("annotations")}
    parts = {}
    for where, content in (told or contents).items():
        found = read_instances(content, where, located(images, where), problems)
        parts[where] = part = _annotations(where, found, content, images)
        note_misread(part, where, images, problems, SIDES)
    taken = joined(parts, problems)
    taken.notes += [
        f"{where}: left out, as it has no categories and no annotations"
        for where in contents
        if told and where not in told
    ]
    taken.notes += [f"{where}: left out, as it holds {kind}" for where, kind in other.items()]
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
    if not json_files(source, "results", "empty"):
        return _instances(source, images, problems)
    found = read_results(source, images, problems)
    said = _annotations(found.where, found.file, found.content, images)
    if said.objects and not found.content["categories"]:
        said.notes.append(
            f"{source}: classes are called by their numbers: the file of instances that they are "
            "of, beside it, would give their names"
        )
    note_misread(said, found.where, images, problems, SIDES)
    return said


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
