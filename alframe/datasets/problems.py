"""Problems found while reading a dataset: collected in one pass, then raised or skipped."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from alframe.datasets.base import OnBadItem
from alframe.errors import ConfigError, DataError
from alframe.words import named, plural

MOST_LINES = 10
SKIP = ", or set dataset.on_bad_item=skip"
"""How remedies end that a dataset offers; see :class:`Problems`."""
SWAPPED = "swapped, as where its EXIF orientation was not heeded"
"""What width and height of an image are, where somebody saw it lying on its side."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file or an entry of one.

    Attributes:
        cause: what is wrong, the same words wherever it is: ``the image is missing``.
        at: where: the path of a file, or a place in it.
        remedy: what to do.
    """

    cause: str
    at: str
    remedy: str


def two_of_one_stem(images: Sequence[str], path: str, kind: str) -> Problem:
    """What is wrong with pictures that have one file of annotations, a label file or a mask."""
    cause = f"two images have one {kind}, as their names differ in the suffix alone"
    return Problem(
        cause,
        f"{path} ({' and '.join(sorted(images))})",
        f"rename one of them and its {kind}{SKIP}",
    )


class BadItemError(DataError):
    """A file or an entry cannot be used; whoever collects such errors tells each cause once."""

    def __init__(self, *problems: Problem) -> None:
        self.found = problems
        super().__init__(grouped(problems))


def grouped(problems: Iterable[Problem]) -> list[str]:
    """A line for each cause: what is wrong, how often, the first places and the remedy."""
    places: dict[tuple[str, str], dict[str, None]] = {}
    for problem in problems:
        places.setdefault((problem.cause, problem.remedy), {})[problem.at] = None
    return [
        f"{cause}{f' ({len(at):,} times)' if len(at) > 1 else ''}: {named(list(at))}; {remedy}"
        for (cause, remedy), at in places.items()
    ]


def sentences(errors: Iterable[DataError]) -> list[str]:
    """What several errors say, each cause once."""
    found: list[Problem] = []
    others: list[str] = []
    for error in errors:
        if isinstance(error, BadItemError):
            found += error.found
        else:
            others += error.problems
    return [*grouped(found), *others]


class Problems:
    """Errors of the items of a dataset, collected in one pass, and of the dataset as a whole.

    Args:
        on_bad_item: whether :meth:`settle` raises the problems or reports the items as skipped.
        skip: what has items skipped, ``--skip-bad``; empty where nothing does. By default it is
            the setting of a dataset.
    """

    def __init__(self, on_bad_item: OnBadItem, skip: str = "dataset.on_bad_item=skip") -> None:
        self.on_bad_item: OnBadItem = on_bad_item
        self._skip = skip
        self._errors: list[DataError] = []
        self._whole: list[str] = []
        self.items: set[str] = set()

    @property
    def of_whole(self) -> bool:
        """Whether more is wrong than items, so that what was read is less than there is."""
        return bool(self._whole)

    def refuse(self, *problems: str) -> None:
        """Note what is wrong with the dataset as a whole: skipping does not help."""
        self._whole += problems

    @contextlib.contextmanager
    def gathering(self) -> Iterator[None]:
        """Note likewise what an error says that ends the block."""
        try:
            yield
        except (ConfigError, DataError) as error:
            self.refuse(*error.problems)

    def add(self, item: str, *problems: Problem) -> None:
        """Note what is wrong with ``item``: an id, or the place of a row that belongs to none."""
        self.take(item, BadItemError(*problems))

    def add_all(self, found: Iterable[tuple[str, Problem]]) -> None:
        """Note what is wrong, by item."""
        for item, problem in found:
            self.add(item, problem)

    def take(self, item: str, error: DataError) -> None:
        """Note an error that was raised for ``item``."""
        self.items.add(item)
        self._errors.append(error)

    def look(self, items: Iterable[str], at: Callable[[str], object]) -> None:
        """Call ``at`` for each item, and note the errors."""
        for item in items:
            try:
                at(item)
            except DataError as error:
                self.take(item, error)

    def settle(self, others: Iterable[str] = ()) -> tuple[str, ...]:
        """End the pass: nothing was wrong, or all of it is raised, or a note says what to skip.

        Args:
            others: problems of the dataset as a whole that are told later where nothing is raised.

        Returns:
            Notes for the dataset. The caller leaves out the ids in ``items``.

        Raises:
            DataError: with every cause, where bad items are errors, or more is wrong than items.
        """
        if not (self.items or self._whole):
            return ()
        lines = [self._in_place(line) for line in sentences(self._errors)]
        if len(lines) > MOST_LINES:
            lines[MOST_LINES:] = [f"... and {len(lines) - MOST_LINES:,} more"]
        if self._whole or self.on_bad_item == "error":
            shown = lines if self.on_bad_item == "error" else []
            raise DataError(dict.fromkeys([*self._whole, *others, *shown]))
        for line in lines:
            logger.warning("skipped: %s", line)
        count = plural(len(self.items), "bad item")
        return (f"skipped {count} ({self._skip}): {named(sorted(self.items))}",)

    def _in_place(self, line: str) -> str:
        """A line with a remedy that is one where the problem is told."""
        if not self._skip or self.on_bad_item == "skip":
            return line.replace(SKIP, "")
        return line if SKIP.endswith(self._skip) else line.replace(SKIP, f", or add {self._skip}")
