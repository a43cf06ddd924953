"""Where a Pascal VOC dataset keeps its images, annotations and lists; and its default splits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alframe.datasets.files import check_link, home_of, inside
from alframe.datasets.voc_list import decoded
from alframe.errors import DataError
from alframe.files.reading import LIST_BYTES, read_bytes
from alframe.words import named

Splits = tuple[str, ...]

# Its test annotations were never published; some copies have the list all the same.
_WITHOUT_TEST = "VOC2012"
_EXPECTED = (
    "a VOCdevkit with VOC<year> folders, or one folder with JPEGImages, Annotations and "
    "ImageSets/Main"
)


@dataclass(frozen=True)
class VocFolder:
    """One folder with ``JPEGImages``, ``Annotations`` and ``ImageSets/Main``.

    Attributes:
        name: its name in a devkit (``VOC2007``), empty for a folder that stands alone.
        path: where it is.
    """

    name: str
    path: Path

    @cached_property
    def images(self) -> Path:
        """The folder of the images."""
        return self.path / "JPEGImages"

    @cached_property
    def annotations(self) -> Path:
        """The folder of the annotations."""
        return self.path / "Annotations"

    def item(self, stem: str) -> str:
        """The id of an image."""
        return f"{self.name}/{stem}" if self.name else stem

    def split(self, name: str) -> str:
        """A list of this folder as a user names it: ``VOC2007:trainval`` or ``trainval``."""
        return f"{self.name}:{name}" if self.name else name

    def lists(self) -> set[str]:
        """The names of all lists."""
        return {path.stem for path in (self.path / "ImageSets" / "Main").glob("*.txt")}

    def text(self, name: str) -> str:
        """The content of one list.

        Raises:
            DataError: there is no such list, or it is no text.
        """
        path = inside(self.path / "ImageSets" / "Main", f"{name}.txt")
        check_link(path, [self.path, path.parent])
        try:
            return decoded(read_bytes(path, LIST_BYTES))
        except FileNotFoundError:
            known = ", ".join(map(self.split, sorted(self.lists()))) or "none"
            raise DataError(
                f"{path} is missing: expected the list of split {self.split(name)!r}; "
                f"lists that are there: {known}"
            ) from None
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}): expected a list") from None
        except ValueError as error:
            raise DataError(
                f"{path} cannot be read as a list of images ({error}); save it as UTF-8"
            ) from None


def find_folders(root: Path) -> dict[str, VocFolder]:
    """The VOC folders of a devkit by name, or the one folder that ``root`` is, under ``""``.

    Raises:
        DataError: neither is there.
    """
    found = in_devkit(home_of(root, _EXPECTED), _is_voc, _EXPECTED)
    return {name: VocFolder(name, path) for name, path in found.items()}


def in_devkit(root: Path, fits: Callable[[Path], bool], expected: str) -> dict[str, Path]:
    """The folders of a devkit that fit, by name, or the one folder that ``root`` is, under ``""``.

    Args:
        root: a folder that is there.
        fits: whether a folder is one of the kind.
        expected: what there should be, for messages.

    Raises:
        DataError: neither is there.
    """
    if fits(root):
        return {"": root}
    devkit = root / "VOCdevkit" if (root / "VOCdevkit").is_dir() else root
    folders = {path.name: path for path in sorted(devkit.glob("VOC*")) if fits(path)}
    if not folders:
        found = named(sorted(path.name for path in devkit.iterdir())) or "nothing"
        raise DataError(f"{devkit} holds {found}: expected {expected}; set dataset.root")
    return folders


def parse_split(split: str, folders: Mapping[str, VocFolder]) -> tuple[VocFolder, str]:
    """The folder and the list that ``VOC2007:trainval`` or ``trainval`` names.

    Raises:
        DataError: there is no such folder.
    """
    name, _, listed = split.rpartition(":")
    if name not in folders:
        example = next(iter(folders.values())).split("trainval")
        known = ", ".join(filter(None, folders)) or "one plain folder, so a name without colon"
        raise DataError(f"unknown split {split!r}: expected a name like {example!r}; found {known}")
    return folders[name], listed


def default_splits(
    folders: Mapping[str, VocFolder], *, tested: bool = True
) -> tuple[Splits, Splits]:
    """(pool, test) for a user who named none.

    The test list of VOC2007, or of another folder that has a published one, is evaluated on; the
    pool is the trainval lists of 2007 and 2012, or of the other folders where neither is there.
    Without any test list, a val list takes its place and that folder's train list joins the pool.
    Where there is to be no test list, the pool is what it would be beside one.

    Raises:
        DataError: no folder has such lists.
    """
    main = [n for n in ("VOC2007", "VOC2012") if n in folders] or sorted(folders)
    lists = {folders[name]: folders[name].lists() for name in main}

    def having(wanted: str, but: VocFolder | None = None) -> list[str]:
        return [f.split(wanted) for f, names in lists.items() if wanted in names and f is not but]

    pool = having("trainval") or having("train")
    if pool and not tested:
        return tuple(sorted(pool)), ()
    with_test = [f for f, names in lists.items() if "test" in names and f.name != _WITHOUT_TEST]
    with_val = [f for f, names in lists.items() if {"train", "val"} <= names]
    if with_test and pool:
        return tuple(sorted(pool)), (with_test[0].split("test"),)
    if with_val and not with_test:
        first = with_val[0]
        pool = [first.split("train"), *having("trainval", but=first)]
        return tuple(sorted(pool)), (first.split("val"),)
    known = [folder.split(name) for folder, names in lists.items() for name in sorted(names)]
    raise DataError(
        "no default splits: expected lists trainval and test (or train and val) in "
        f"ImageSets/Main, found {', '.join(known) or 'none'}; set dataset.pool, and dataset.test, "
        "which may be a share of the pool as 20%"
    )


def _is_voc(path: Path) -> bool:
    return (path / "JPEGImages").is_dir() and (path / "Annotations").is_dir()
