"""The folder of a query: what a tool is to be given, a list, a gallery, and what to do."""

import contextlib
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from alframe.annotations.formats import FORMATS, read_annotations, write_query
from alframe.annotations.gallery import write_gallery
from alframe.annotations.sources import files, opened, read, sha256_of
from alframe.annotations.vocabulary import Annotations, Images, Sheet
from alframe.datasets.folders import OF_A_QUERY
from alframe.datasets.problems import Problems
from alframe.errors import DataError, RunError
from alframe.files.atomic import UNLOCKED_IDLE, remove_torn, write_text
from alframe.files.home import real
from alframe.files.locks import locked
from alframe.files.presence import is_folder
from alframe.files.walking import walked
from alframe.text import command
from alframe.words import named, plural

README = "README.txt"
_ABOUT_PROPOSALS = re.compile(r"\[(.*?)\]")
_BESIDE = OF_A_QUERY.union(*(one.beside for one in FORMATS.values()))
"""Files of a query that hold no annotations, but the names of classes or of images."""
_AWAY = "move it away; what alframe annotate has been given of it is kept"
AGAIN = "Then: train on them; the next alframe select has what is annotated by now as --labelled."


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Write into the folder of a query, alone; what killed processes left there is removed.

    Raises:
        RunError: another process writes into it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock"):
        remove_torn(folder, deep=True, idle=UNLOCKED_IDLE)  # others write there, without the lock
        for each in FORMATS:
            shutil.rmtree(_new(folder, each), ignore_errors=True)
        yield


def _new(folder: Path, name: str) -> Path:
    """Where the files of a format are written before they take their place."""
    return folder / f".{name}.new"


def write_folder(
    sheet: Sheet, folder: Path, name: str, run: Path | None, *, copy: bool = False
) -> Path:
    """Write a query for people, in the format called ``name``, in place of an earlier one.

    The caller is within :func:`writing`.

    Args:
        sheet: what is asked.
        folder: of the query; the files of the format lie in one of its own.
        name: of the format.
        run: the run directory, for the command that takes the answers; None without a run.
        copy: copy the pictures, too, into ``images`` beside the files of the format.

    Returns:
        What the tool is to be given.

    Raises:
        DataError: the format cannot hold these images.
        RunError: somebody has changed the files of the earlier query.
    """
    place, new = folder / name, _new(folder, name)
    if place.is_symlink():
        raise RunError(f"{place} is a link: remove it")
    try:
        given = write_query(name, _copied(sheet, place) if copy else sheet, new).relative_to(new)
        if copy:
            _copy(FORMATS[name].called(sheet), new / "images", run)
        written = {path.relative_to(new) for path in new.rglob("*") if path.is_file()}
        own = {Path(path) for path, _ in _listed(_list_of(place))}
        if there := sorted(str(place / p) for p in written - own if (place / p).exists()):
            raise RunError(f"{named(there)} would be overwritten: {_AWAY}")
        _remember(place)
        clear(folder, name)
        asks = {(path.as_posix(), sha256_of(read(new / path))) for path in written}
        _write_list(_list_of(place), asks)
        for path in written:
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (new / path).replace(place / path)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    lines = [str(i.file.absolute() if i.file else i.item) for i in sheet.images]
    write_text(folder / "images.txt", "".join(f"{line}\n" for line in lines))
    write_gallery(sheet, folder)
    text = [
        f"{sheet.title}: {plural(len(sheet.images), 'image')} to annotate, listed in images.txt "
        "and shown by index.html.",
        f"For {name}: {place / given}.",
        *_howto(name, proposed=any(image.proposals for image in sheet.images)),
        *(_of_a_run(run) if run else (AGAIN,)),
    ]
    write_text(folder / README, "\n".join(text) + "\n")
    return place / given


def clear(folder: Path, name: str = "*") -> None:
    """Remove what :func:`write_folder` wrote in the format called ``name``, or in all of them.

    Raises:
        RunError: somebody has changed it since.
    """
    found, changed, inner = list[Path](), list[str](), set[Path]()
    for listed in folder.glob(f".{name}.sha256"):
        place = folder / listed.name.removeprefix(".").removesuffix(".sha256")
        for path, sha256 in _listed(listed):
            file = place / path
            inside = real(file).is_relative_to(real(folder) / place.name)  # whoever wrote the list
            inner |= {above for above in file.parents if inside and folder in above.parents}
            if file.is_file() and inside:
                found.append(file)
                changed += [str(file)] if sha256_of(read(file)) != sha256 else []
    if changed:
        raise RunError(f"{named(changed)}: changed since the query was written: {_AWAY}")
    for file in found:
        file.unlink()
    for place in sorted(inner, reverse=True):
        with contextlib.suppress(OSError):  # somebody's files are in it, or it has gone before
            place.rmdir()
    for listed in list(folder.glob(f".{name}.sha256")):
        listed.unlink()


class Asked:
    """The files that ask in some queries, as they were written.

    Args:
        path: of a file, a folder or a zip of annotations; of queries in, below or around it.
        run: a run directory, all of whose queries count as well.
    """

    def __init__(self, path: Path, run: Path | None = None) -> None:
        self._names: dict[str, set[str]] = {}
        own = (run / "queries").glob("*/.*.sha256") if run else ()
        for listed in (*own, *_lists_around(real(_of_labels(path)))):
            for written, sha256 in _listed(listed):
                if (name := PurePosixPath(written).name) not in _BESIDE:
                    # A file for all images may be called otherwise by now, one of an image not.
                    self._names.setdefault(sha256, set()).add(name if "/" in written else "")

    def has(self, name: str, data: bytes) -> bool:
        """Whether a file of this name (the last part) and content is one of them."""
        return bool(self._names) and not {name, ""}.isdisjoint(self._names.get(sha256_of(data), ()))

    def untouched(self, path: Path) -> tuple[int, bool]:
        """How many files at a path are as they were written, and whether those are all.

        Raises:
            DataError: the path cannot be read.
        """
        if not self._names:
            return 0, False
        with opened(_of_labels(path)) as source:
            found = [file for file in files(source).values() if file.name not in _BESIDE]
            same = sum(self.has(file.name, read(file)) for file in found)
        return same, same == len(found) > 0


def read_annotated(path: Path, images: Images, problems: Problems) -> Annotations:
    """What people have annotated: without files that are as a query has them, which is noted.

    Raises:
        ConfigError: as of :func:`~alframe.annotations.formats.read_annotations`.
        DataError: likewise; or nothing has been annotated.
    """
    asked = Asked(path)
    same, alone = asked.untouched(path)
    remedy = "if they are right as they are, give a copy of them that lies elsewhere"
    if alone:
        raise DataError(f"{path}: a query as it was written, not annotated yet; {remedy}")
    found = read_annotations(path, images, problems, without=asked.has if same else None)
    if same:
        files = f"{plural(same, 'file')} as a query has {'it' if same == 1 else 'them'}"
        found.notes.append(f"left out of {path}: {files}, not annotated yet; {remedy}")
    return found


def _of_labels(path: Path) -> Path:
    """A path, or the folder of a ``data.yaml``, which stands for the labels beside it."""
    return path.parent if path.suffix.lower() in (".yaml", ".yml") else path


def _lists_around(path: Path) -> Iterator[Path]:
    """Lists of what was written in folders at, below and above a path."""
    lists = {f".{name}{before}.sha256" for name in FORMATS for before in ("", ".before")}
    if is_folder(path):
        for inner, names in walked(path):
            yield from (Path(inner, name) for name in names if name in lists)
    for place in (path, *path.parents):
        if place.name in FORMATS:
            yield from (_list_of(place), _list_of(place.with_name(f"{place.name}.before")))


def _list_of(place: Path) -> Path:
    """Where the digests of what was written into a folder are kept, as sha256sum has them."""
    return place.parent / f".{place.name}.sha256"


def _remember(place: Path) -> None:
    """Keep the digests of what is about to be written anew: it is no answer either."""
    before = _list_of(place.with_name(f"{place.name}.before"))
    if asked := {*_listed(before), *_listed(_list_of(place))}:
        _write_list(before, asked)


def _write_list(path: Path, digests: Collection[tuple[str, str]]) -> None:
    write_text(path, "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(digests)))


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    """The paths that were written, with their SHA-256; none without a list that can be read."""
    with contextlib.suppress(OSError):
        for line in path.read_text("utf-8", "replace").splitlines():
            sha256, _, name = line.partition("  ")
            yield name, sha256


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


def _copied(sheet: Sheet, place: Path) -> Sheet:
    """The sheet with the pictures where :func:`_copy` puts them, for files that say where."""
    images = (
        replace(image, file=place / "images" / image.name) if image.file else image
        for image in sheet.images
    )
    return replace(sheet, images=tuple(images))


def _copy(sheet: Sheet, folder: Path, run: Path | None) -> None:
    """Copy the pictures, under the names that the files of the format have for them."""
    for image in sheet.images:
        if image.file is not None:
            place = folder / image.name
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(image.file, place)
            except FileNotFoundError as error:
                without = "resume the run with dataset.on_bad_item=skip" if run else "select again"
                raise DataError(
                    f"{image.file} is gone: put the picture back, or {without}"
                ) from error
