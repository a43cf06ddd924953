"""Pascal VOC: an XML file for each image, in whole pixels."""

from collections.abc import Sequence
from functools import partial

from alframe.annotations.parts import first_found, note_sizes
from alframe.annotations.sources import Source, called, files, read
from alframe.annotations.voc_query import CLASSES, write_query
from alframe.annotations.vocabulary import Annotations, Format, Images
from alframe.annotations.xml_files import has_root
from alframe.datasets.bulk import uncollected
from alframe.datasets.name_matching import OtherFileError
from alframe.datasets.names import likeness, stem
from alframe.datasets.objects import Annotated
from alframe.datasets.problems import BadItemError, Problem, Problems
from alframe.datasets.voc_xml import VocAnnotation, parsed_annotation
from alframe.errors import DataError

_LABEL_STUDIO = b"<name>Label Studio</name>"


@uncollected()
def read_voc(source: Source, images: Images, problems: Problems) -> Annotations:
    """All XML files; one without objects is an image without objects.

    Coordinates are taken as they are: tools write them from 0 on, other than Pascal VOC itself,
    and some cut decimals off.

    Raises:
        DataError: the files are of Label Studio, whose names are not those of the images.
    """
    reader = _Reader(images, problems)
    for name, file in files(source, ".xml").items():
        try:
            data = read(file)
        except DataError as error:
            problems.take(str(file), error)
            continue
        if _LABEL_STUDIO in data:
            raise DataError(
                f"{called(source)} is Label Studio's Pascal VOC export, which renames images, cuts "
                "off decimals and leaves out images without objects: export JSON"
            )
        reader.add(name, str(file), data)
    return reader.end(called(source))


class _Reader:
    """Reads XML files one by one."""

    def __init__(self, images: Images, problems: Problems) -> None:
        self._images, self._problems = images, problems
        self._found, self._places = Annotations(()), dict[str, str]()
        self._sizes: dict[str, tuple[int, int]] = {}

    def add(self, name: str, where: str, data: bytes) -> None:
        """Read one, or note what is wrong with it."""
        item = where
        try:
            annotation = parsed_annotation(data, where)
            item = _item(self._images, name, annotation, where)
            if item in self._places:
                at = f"{where} and {self._places[item]}"
                raise BadItemError(Problem("two files are about one image", at, "remove one"))
            self._places[item] = where
            if annotation.size:
                self._sizes[item] = annotation.size
            self._found.images.append(item)
            self._found.objects += [
                Annotated(item, one.name, one.box, one.difficult) for one in annotation.objects
            ]
        except BadItemError as error:
            self._problems.take(item, error)

    def end(self, where: str) -> Annotations:
        """All that was read."""
        self._found.classes = tuple(sorted({thing.name for thing in self._found.objects}))
        note_sizes(self._found, where, self._sizes, self._images)
        return self._found


def _item(images: Images, name: str, annotation: VocAnnotation, where: str) -> str:
    """The image of an XML file: the one that it is named for, or of which it says so.

    Raises:
        BadItemError: there is none, or these are two.
    """
    item = _found(images, [annotation.path], where) if annotation.path else None
    told = item is not None and _last(item) == _last(name)  # by labelImg, which writes the path
    try:
        found = _named_item(images, name, annotation.filename, where)
    except BadItemError:
        if item is None or not told:
            raise
        return item
    flat = {*name.split("/")[:-1]} <= {"Annotations"}
    return item if item is not None and told and flat else found


def _named_item(images: Images, name: str, filename: str, where: str) -> str:
    *folders, last = name[: -len(".xml")].split("/")
    if filename and last not in (filename, stem(filename)):
        found = [_found(images, _ways(folders, each), where) for each in (last, filename)]
        named, said = found
        if named and said and named != said and likeness(_last(named)) == likeness(_last(last)):
            cause = "an XML file is named for one image and speaks of another"
            raise BadItemError(Problem(cause, f"{where}: {named}, {said}", "correct <filename>"))
        if item := said or named:
            return item
    return first_found(images, [*_ways(folders, filename or last), last], where)


def _found(images: Images, names: Sequence[str], where: str) -> str | None:
    try:
        return first_found(images, names, where)
    except OtherFileError:
        raise
    except BadItemError:
        return None


def _ways(folders: Sequence[str], last: str) -> list[str]:
    """What an image may be called: beside the file, or in VOC's folder."""
    *inner, _ = last.split("/")  # Datumaro's <filename> has the folders of the file itself
    above = folders[: len(folders) - len(inner)]
    folders = above if [*above, *inner] == folders else folders
    swapped = ["JPEGImages" if folder == "Annotations" else folder for folder in folders]
    without = [folder for folder in folders if folder != "Annotations"]
    ways = ["/".join([*way, last]) for way in (swapped, without)]
    return list(dict.fromkeys([*ways, last]))


def _last(path: str) -> str:
    return stem(path.rpartition("/")[2])


VOC = Format(
    "voc",
    "Pascal VOC, an XML file an image",
    partial(has_root, root="annotation"),
    read_voc,
    write_query,
    (
        "[Annotations/ has an XML file of proposals for each image that has some.]",
        "labelImg and its like: open the folder of the images, save to Annotations/, in the "
        f"format PascalVOC, with {CLASSES} as the list of classes.",
        "Save an image without objects too: a missing file is not annotated yet.",
        "Give back the folder, or a zip of it.",
    ),
    beside=frozenset({CLASSES}),
)
