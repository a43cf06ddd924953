"""The table of formats of annotation tools, and how what somebody has is recognised."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from alframe.annotations.base import Annotations, Format, Images, Sheet
from alframe.annotations.coco import COCO
from alframe.annotations.sources import Source, opened
from alframe.annotations.unknown import what_it_is
from alframe.datasets.problems import Problems
from alframe.errors import ConfigError, DataError

FORMATS: Mapping[str, Format] = MappingProxyType({one.name: one for one in (COCO,)})
"""By name."""


def read_annotations(
    path: Path, images: Images, problems: Problems, name: str | None = None
) -> Annotations:
    """What people answered.

    Args:
        path: a file, a folder, or a zip of either.
        images: the pictures that it is about.
        problems: takes what is wrong with single images and objects; these are left out.
        name: of the format; by default it is recognised by content.

    Raises:
        ConfigError: there is no format of this name.
        DataError: the path holds none of the formats, or several; or it is malformed as a whole.
    """
    with opened(path) as source:
        return _format(source, path, name).read(source, images, problems)


def read_predictions(
    path: Path, images: Images, problems: Problems, name: str | None = None
) -> Annotations:
    """What a model found, with scores: as :func:`read_annotations`."""
    with opened(path) as source:
        chosen = _format(source, path, name)
        return (chosen.predictions or chosen.read)(source, images, problems)


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
    return chosen.write(sheet, folder)


def named_format(name: str) -> Format:
    """A format.

    Raises:
        ConfigError: there is none of this name; says which there are.
    """
    if name in FORMATS:
        return FORMATS[name]
    close = difflib.get_close_matches(name, FORMATS, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    raise ConfigError(f"unknown format {name!r}: expected one of {', '.join(FORMATS)}{meant}")


def _format(source: Source, path: Path, name: str | None) -> Format:
    if name is not None:
        return named_format(name)
    found = [one for one in FORMATS.values() if one.recognises(source)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found)
        raise DataError(f"{path} holds several formats: {names}; give the path of one of them")
    known = "; ".join(f"{one.name} ({one.summary})" for one in FORMATS.values())
    what = what_it_is(source)
    raise DataError(f"{path} holds no annotations in a known format, but {what}; known are {known}")
