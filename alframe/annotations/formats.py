"""The table of formats of annotation tools, and how what somebody has is recognised."""

import contextlib
import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from alframe.annotations import prediction_lines
from alframe.annotations.answers import of_images
from alframe.annotations.coco import COCO
from alframe.annotations.cvat import CVAT
from alframe.annotations.json_files import json_files
from alframe.annotations.label_studio import LABEL_STUDIO
from alframe.annotations.object_columns import UNEVEN, Packed
from alframe.annotations.sheets import NAME
from alframe.annotations.sources import LeftOut, Source, files, head, opened, read, unread
from alframe.annotations.voc import VOC
from alframe.annotations.vocabulary import Annotations, Format, Images, Sheet
from alframe.annotations.yolo import YOLO
from alframe.datasets import coco_kinds
from alframe.datasets.problems import Problems
from alframe.errors import ConfigError, DataError
from alframe.plugins.registered import unknown
from alframe.words import named, plural, tallied

FORMATS: Mapping[str, Format] = MappingProxyType(
    {one.name: one for one in (COCO, VOC, CVAT, LABEL_STUDIO, YOLO)}
)
"""By name."""
MOST_SHOWN = 1 << 20
"""Bytes of a file that are looked at to say what it is."""
_FIRST = 50
"""Files of a folder that are tried."""


def read_annotations(
    path: Path,
    images: Images,
    problems: Problems,
    name: str | None = None,
    without: LeftOut | None = None,
) -> Annotations:
    """What people answered.

    Args:
        path: a file, a folder, or a zip of either.
        images: the pictures that it is about.
        problems: takes what is wrong with single images and objects; these are left out.
        name: of the format; by default it is recognised by content.
        without: which files of a folder are left out.

    Raises:
        ConfigError: there is no format of this name.
        DataError: the path holds none of the formats, or several; or it is malformed as a whole.
    """
    with opened(path, without) as source:
        found = _format(source, path, name).read(source, images, problems)
        _note_unread(found, source, path)
    return _usable(found, images, problems)


def read_predictions(path: Path, images: Images, problems: Problems) -> Annotations:
    """What a model found, with scores: as :func:`read_annotations`, or lines of our own."""
    with opened(path) as source:
        if not files(source):
            raise DataError(
                f"{path} holds no predictions, but {what_it_is(source)}: let the detector "
                "finish, and write what it finds (Ultralytics: save_txt=True save_conf=True "
                "conf=0.001)"
            )
        if prediction_lines.recognises(source):
            found = prediction_lines.read_lines(source, images, problems)
        else:
            nothing = not source.is_dir() and json_files(source, "empty")
            chosen = COCO if nothing else _format(source, path, None)
            with _in_file(path):
                found = (chosen.predictions or chosen.read)(source, images, problems)
                if isinstance(found.objects, Packed):
                    found.objects.columns()
            _note_unread(found, source, path)
    return _usable(found, images, problems)


def _note_unread(found: Annotations, source: Source, path: Path) -> None:
    """Say which other files there are that somebody may have taken for annotations."""
    ours = {NAME, *(name for one in FORMATS.values() for name in one.beside)}
    if left := [name for name in unread(source) if name.rpartition("/")[2] not in ours]:
        found.notes.append(
            f"left out of {path}: {plural(len(left), 'file')} not read: {named(left)}"
        )


@contextlib.contextmanager
def _in_file(path: Path) -> Iterator[None]:
    """Say of which file scores of classes are uneven."""
    try:
        yield
    except DataError as error:
        if error.problems == (UNEVEN,):
            raise DataError(f"{path}: {UNEVEN}") from error
        raise


def write_query(name: str, sheet: Sheet, folder: Path) -> Path:
    """Write what people are asked, in a format.

    Returns:
        What the tool is to be given.

    Raises:
        ConfigError: there is no format of this name.
        DataError: it cannot hold these images.
    """
    chosen = named_format(name)
    folder.mkdir(parents=True, exist_ok=True)
    return chosen.write(chosen.called(sheet), folder)


def named_format(name: str) -> Format:
    """A format.

    Raises:
        ConfigError: there is none of this name; says which there are.
    """
    if name in FORMATS:
        return FORMATS[name]
    raise ConfigError(unknown("format", name, FORMATS))


def _usable(found: Annotations, images: Images, problems: Problems) -> Annotations:
    """Without images that have a problem, of which what is left may be misleading."""
    problems.add_all(images.doubts(found.images))
    return of_images(found, set(found.images) - problems.items) if problems.items else found


def _format(source: Source, path: Path, name: str | None) -> Format:
    if name is not None:
        chosen = named_format(name)
        if not chosen.recognises(source):
            others = [f"{one.name} ({one.summary})" for one in _found(source)]
            raise DataError(
                f"{path} holds no annotations in the format {name} ({chosen.summary}), but "
                f"{' and '.join(others) or what_it_is(source)}"
            )
        return chosen
    found = _found(source)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found)
        raise DataError(
            f"{path} holds several formats: {names}; give one of them alone (annotate: --format)"
        )
    raise DataError(
        f"{path} holds no annotations in a known format ({', '.join(FORMATS)}), but "
        f"{what_it_is(source)}; have your tool export one of these"
    )


def _found(source: Source) -> list[Format]:
    return [one for one in FORMATS.values() if one.recognises(source)]


def what_it_is(source: Source) -> str:
    """``an empty file``, ``JSON: one image by LabelMe``, ``a folder of .csv (3)``.

    Raises:
        DataError: a file cannot be read.
    """
    if source.is_dir():
        return _folder(source)
    start = head(source, MOST_SHOWN)
    if start.startswith(b"PK\x03\x04"):
        return "a zip that is damaged, or lies in another one"
    if b"\0" in start[:64] and start[:2] not in (BOM_UTF16_LE, BOM_UTF16_BE):
        return "a file that is no text"
    text = start.decode("utf-8", errors="replace").lstrip("\ufeff").strip()
    if not text:
        return "an empty file"
    if text[0] in "[{":
        try:
            kind = coco_kinds.kind_of(json.loads(text))
        except RecursionError:
            kind = None
        except ValueError as error:  # else it may be longer than what is looked at
            kind = f"malformed ({error})" if len(start) < MOST_SHOWN else None
        return f"JSON: {kind}" if kind else "JSON that is none of them"
    if text[0] == "<":
        return f"XML that begins with {text[:40].splitlines()[0]!r}"
    return f"a file that begins with {text[:40].splitlines()[0]!r}"


def _folder(source: Source) -> str:
    for file in islice(files(source).values(), _FIRST):
        read(file)  # else it would be none, though it only cannot be read
    names = [entry.name for entry in source.iterdir() if not entry.name.startswith(".")]
    suffixes = Counter("." + name.rpartition(".")[2] if "." in name else name for name in names)
    return f"a folder of {tallied(suffixes)}" if names else "an empty folder"
