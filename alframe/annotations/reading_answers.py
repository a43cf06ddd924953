"""Reading answers: what files of annotation tools say, checked for a run that waits for them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from alframe.annotations.answers import CheckedAnswers, by_image, changed, merged, of_images
from alframe.annotations.files_oracle import pictures
from alframe.annotations.formats import read_annotations
from alframe.annotations.query_folders import Asked
from alframe.annotations.sheets import NAME
from alframe.annotations.vocabulary import Annotations
from alframe.datasets.base import Dataset
from alframe.datasets.problems import SKIP, Problem, Problems
from alframe.errors import DataError, together
from alframe.runs.journal import Journal
from alframe.runs.records import lost
from alframe.text import command
from alframe.words import named, plural


@dataclass(frozen=True)
class AnswersReader:
    """Reads files of annotation tools for a run.

    Attributes:
        run: the run directory.
        dataset: of the run.
        name: of the format, or None.
        given: flags of the command line.
        new: classes that answers may have besides those of the dataset, None for any.
        items: ids of the images that the run has asked for, which answers rather are about.
        as_it_is: take files that are as a query has them, too.
        notes: what was tolerated, and files that are left out; a sentence each.
    """

    run: Path
    dataset: Dataset
    name: str | None
    given: Sequence[str]
    new: Collection[str] | None
    items: Collection[str]
    as_it_is: bool
    notes: list[str] = field(default_factory=list)

    def again(self, *more: str | Path) -> str:
        """The command with further files and flags."""
        return command("annotate", self.run, *more, *self.given)

    def read_all(self, files: Sequence[Path], problems: Problems) -> Annotations:
        """What all files say, the last of them of an image that is in several.

        Raises:
            DataError: every problem of all files.
        """
        reads = [partial(self.read, path, problems) for path in files]
        *parts, skipped = together(*reads, problems.settle)
        found = Annotations(())
        for path, said in zip(files, parts, strict=True):
            if otherwise := changed(found, said):
                images = f"{plural(len(otherwise), 'image')} answered otherwise in an earlier file"
                self.notes.append(f"{path}: {images}; this one counts: {named(sorted(otherwise))}")
            found = merged(found, said)
        self.notes.extend(skipped)
        return of_images(found, set(found.images) - problems.items)

    def read(self, path: Path, problems: Problems) -> Annotations:
        """What a file says.

        Raises:
            DataError: it cannot be read, or is as it was written.
        """
        asked = None if self.as_it_is else Asked(path, self.run)
        if asked:
            self._look(path, asked)
        images = pictures(self.dataset, self.items)
        without = asked.has if asked else None
        found = read_annotations(path, images, problems, self.name, without)
        found = self._with_pictures(found, problems)
        self.notes.extend(images.notes())
        for item in () if self.as_it_is else sorted(found.resized):
            remedy = f"scale its boxes{SKIP}; if they fit: {self.again(path, '--as-it-is')}"
            cause = "another size is said than the picture has"
            problems.add(item, Problem(cause, f"{path}: {item}", remedy))
        once = {(thing.owner, thing.name, thing.box): thing for thing in found.objects}
        if twice := len(found.objects) - len(once):
            found.objects = list(once.values())
            self.notes.append(f"{path}: {plural(twice, 'object')} there twice, taken once")
        names = {thing.name for thing in found.objects if thing.name.strip()}
        any_class = names if self.new is None else self.new
        found.new = frozenset() if found.numbered else frozenset(any_class)
        needless = self.new is None or found.numbered
        allow = None if needless else self.again(path, "--new-classes")
        checked = CheckedAnswers(found, self.dataset, path, allow)
        checked.tell(problems)
        self.notes.extend([*found.notes, *checked.clipped()])
        return found

    def _with_pictures(self, found: Annotations, problems: Problems) -> Annotations:
        """Without images that the run goes on without; others that are gone are problems."""
        gone = lost(Journal(self.run))
        left = [item for item in found.images if item not in gone]
        problems.look(by_image(found).keys() - gone, self.dataset.images.size)
        return of_images(found, set(left) - problems.items)

    def _look(self, path: Path, asked: Asked) -> None:
        """Tell of files that nobody has annotated: they would be answers, without objects."""
        same, alone = asked.untouched(path)
        right = self.again(path, "--as-it-is")
        if alone:
            whole = (path / NAME).exists() or path.name == "queries"  # of several formats
            anyhow = "" if whole else f", or, if it is right as it is: {right}"
            raise DataError(
                f"{path}: the run's own query, unchanged; give what your tool exports{anyhow}"
            )
        if same:
            self.notes.append(
                f"{path}: {plural(same, 'file')} as the run wrote {'it' if same == 1 else 'them'}, "
                f"not annotated yet; if they are right as they are: {right}"
            )
