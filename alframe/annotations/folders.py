"""The folder of a query: what a tool is to be given, a list, a gallery, and what to do."""

import hashlib
import re
import shutil
from pathlib import Path

from alframe.annotations.base import Sheet
from alframe.annotations.formats import FORMATS, write_query
from alframe.annotations.gallery import write_gallery
from alframe.annotations.sources import files, read
from alframe.files.atomic import write_text
from alframe.text import command
from alframe.words import plural

README = "README.txt"
_ABOUT_PROPOSALS = re.compile(r"\[(.*?)\]")
AGAIN = "Then: train on them; the next alframe select has what is annotated by now as --labelled."


def write_folder(
    sheet: Sheet, folder: Path, name: str, run: Path | None, *, copy: bool = False
) -> Path:
    """Write a query for people, in the format called ``name``.

    Args:
        sheet: what is asked.
        folder: of the query; the files of the format lie in one of its own.
        name: of the format.
        run: the run directory, for the command that takes the answers; None without a run.
        copy: copy the pictures, too.

    Returns:
        What the tool is to be given.
    """
    given = write_query(name, sheet, folder / name)
    write_text(_digest_file(folder / name), _digest(folder / name))
    if copy:
        _copy(sheet, folder / "images")
    lines = [str(i.file.absolute() if i.file else i.item) for i in sheet.images]
    write_text(folder / "images.txt", "".join(f"{line}\n" for line in lines))
    write_gallery(sheet, folder)
    text = [
        f"{sheet.title}: {plural(len(sheet.images), 'image')} to annotate, listed in images.txt "
        "and shown by index.html.",
        f"For {name}: {given}.",
        *_howto(name, proposed=any(image.proposals for image in sheet.images)),
        *(_of_a_run(run) if run else (AGAIN,)),
    ]
    write_text(folder / README, "\n".join(text) + "\n")
    return given


def is_as_written(path: Path) -> bool:
    """Whether a path is a query, or a part of one, that is as :func:`write_folder` wrote it."""
    for folder in (path, *path.parents):
        known = _digest_file(folder)
        if folder.is_dir() and known.is_file():
            return known.read_text() == _digest(folder)
    return False


def _digest_file(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.sha256"


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for name, file in files(folder).items():
        whole.update(f"{name}\n{hashlib.sha256(read(file)).hexdigest()}\n".encode())
    return whole.hexdigest()


def _howto(name: str, *, proposed: bool) -> list[str]:
    """What to do in a tool; of proposals only where there are some."""
    lines = (_ABOUT_PROPOSALS.sub(r"\1" * proposed, line) for line in FORMATS[name].howto)
    return [line for line in lines if line]


def _of_a_run(run: Path) -> list[str]:
    return [
        f"Then: {command('annotate', run, 'FILE')}",
        f"For another tool: {command('query', run, '--to', 'FORMAT')} "
        f"({', '.join(FORMATS)}); with --copy also the pictures.",
    ]


def _copy(sheet: Sheet, folder: Path) -> None:
    """Copy the pictures, under the names that the files of the format have for them."""
    for image in sheet.images:
        if image.file is not None:
            place = folder / image.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(image.file, place)
