"""People as the oracle, by files: a folder with a query to annotate, and a file of answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from alframe.annotations.answers import CheckedAnswers, Exactly, of_images
from alframe.annotations.formats import read_annotations, read_predictions
from alframe.annotations.query_folders import README, write_folder, writing
from alframe.annotations.sheets import answers_file, query_folder, read_sheet
from alframe.annotations.vocabulary import Annotations, AskedImage, Proposal, Sheet
from alframe.config.checks import Checks
from alframe.config.path_options import Place
from alframe.datasets.base import Dataset, with_classes
from alframe.datasets.name_matching import Pictures
from alframe.datasets.problems import Problems
from alframe.errors import DataError, RunError, Waiting
from alframe.files.home import expanded
from alframe.files.presence import exists
from alframe.grouping import by_key
from alframe.oracle import Answers, OracleSetup
from alframe.runs.journal import Journal
from alframe.runs.records import lost
from alframe.text import command
from alframe.words import named, plural

FormatName = Literal["coco", "cvat", "label-studio", "voc", "yolo"]
_SHOWN = "give the dataset's images a method file(item) that says where a picture lies"


class FilesOracle:
    """Asks by a folder, ``queries/cycle_NN``, and reads ``answers/cycle_NN.json``.

    The answers are a file of COCO instances, which ``alframe annotate`` writes from a file of any
    known format. An image that is not listed is not answered yet; one without annotations shows
    nothing; ``"ignored": 1`` gives one up.

    Args:
        setup: the dataset, and where the files lie.
        format: of the files to be annotated: ``coco``, ``cvat``, ``label-studio``, ``voc`` or
            ``yolo``.
        threshold: score that a proposal of the model has to have to be shown.
        proposals: a file of predictions of another model, which are shown in place of the run's.

    Raises:
        ConfigError: the dataset is not of detection: people are asked for boxes.
    """

    people: ClassVar[bool] = True

    def __init__(
        self,
        setup: OracleSetup,
        *,
        format: FormatName = "coco",  # noqa: A002 - the name of the setting
        threshold: float = 0.3,
        proposals: Place | None = None,
    ) -> None:
        with Checks() as check:
            check.in_range("threshold", threshold, 0, 1)
            if setup.dataset.task != "detection":
                check.problems.append(
                    f"people are asked for boxes, and {setup.dataset.name} is a dataset of "
                    f"{setup.dataset.task}: annotate it first, or give an oracle of your own"
                )
        self._dataset, self._run = setup.dataset, setup.folder
        self._format, self._threshold, self._proposals = format, threshold, proposals
        if proposals and not setup.folder.exists():  # before anything is made or asked
            self._of_others()

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        """The answers, once there is one for each of ``ids``.

        Raises:
            Waiting: some are missing; says how many and where they belong.
            DataError: the answers cannot be used; every problem.
            RunError: some are gone that the run has trained on.
        """
        if not ids:
            return Answers({})
        stored = stored_answers(self._run, cycle, self._dataset)
        answered = set(stored.found.images)
        missing = [item for item in ids if item not in answered]
        if Journal(self._run).last("annotated", cycle):
            if missing:
                raise RunError(
                    f"{answers_file(self._run, cycle)} lacks {plural(len(missing), 'image')} that "
                    f"the run has trained on: {named(missing)}; restore the file, or start anew "
                    "with another --output"
                )
            return stored.answers()
        folder = query_folder(self._run, cycle)
        if not (folder / README).exists():  # which is written last
            with writing(folder):
                write_folder(self.sheet(cycle), folder, self._format, self._run)
        if missing:
            asked = read_sheet(folder, self._dataset.file)
            raise Waiting(_status(self._run, cycle, asked, missing))
        return stored.answers()

    def sheet(self, cycle: int) -> Sheet:
        """What people are asked for a cycle, with the proposals that they are to see."""
        sheet = sheet_of(self._run, cycle, self._dataset)
        others = self._of_others() if self._proposals else None
        images = tuple(_with(image, others, self._threshold) for image in sheet.images)
        return replace(sheet, images=images, proposed=sheet.proposed or others is not None)

    def _of_others(self) -> Mapping[str, list[Proposal]]:
        problems, path = Problems("error", skip=""), expanded(str(self._proposals))
        if not exists(path):
            raise DataError(
                f"oracle.proposals={path} is not there: put it back, or go on with another, or "
                "with oracle.proposals=null"
            )
        found = read_predictions(path, pictures(self._dataset), problems)
        CheckedAnswers(found, self._dataset, path).tell(problems)
        problems.settle()
        surest = sorted(found.objects, key=lambda thing: -thing.score)
        return by_key((t.owner, Proposal(t.name, t.box, t.score)) for t in surest)


def _with(
    image: AskedImage, others: Mapping[str, list[Proposal]] | None, threshold: float
) -> AskedImage:
    proposals = image.proposals if others is None else others.get(image.item, [])
    return replace(image, proposals=tuple(p for p in proposals if p.score >= threshold))


def _status(run: Path, cycle: int, sheet: Sheet, missing: Sequence[str]) -> list[str]:
    """What a run waits for, and what to do."""
    left = set(missing)
    counts = {"test": "to test on", "initial": "to begin with"}
    parts = [
        f"{count} {words}"
        for why, words in counts.items()
        if (count := sum(i.item in left and i.why == why for i in sheet.images))
    ]
    split = f" ({', '.join(parts)})" if len(parts) > 1 else ""
    count = len(sheet.images)
    asked = "" if len(missing) == count else f"{len(missing)} of "
    bare = [i.item for i in sheet.images if i.item in left and i.file is None]
    return [
        f"{asked}{plural(count, 'image')} to annotate{split}, in "
        f"{query_folder(run, cycle)}: {named(missing)}",
        f"then: {command('annotate', run, 'FILE')}",
        *([f"nobody sees what is no file: {named(bare)}; {_SHOWN}"] if bare else ()),
    ]


def sheet_of(run: Path, cycle: int, dataset: Dataset) -> Sheet:
    """What a run asks for a cycle; without pictures that are gone, where it goes on without such.

    Raises:
        RunError: the file is missing or damaged.
    """
    sheet = read_sheet(query_folder(run, cycle), dataset.file)
    if dataset.on_bad_item == "error":
        return sheet
    images = tuple(i for i in sheet.images if i.file is None or i.file.is_file())
    return replace(sheet, images=images)


def with_answers(dataset: Dataset, runs: Iterable[Path]) -> Dataset:
    """The dataset with what people have answered in all cycles of runs on it.

    Raises:
        DataError: answers cannot be used; every problem.
    """
    for run in runs:
        dataset, _ = answered_by(run, dataset)
    return dataset


def answered_by(run: Path, dataset: Dataset) -> tuple[Dataset, frozenset[str]]:
    """The dataset with what people have answered in all cycles of a run, and what they gave up.

    Raises:
        DataError: answers cannot be used; every problem.
    """
    cycle, given_up = 0, set[str]()
    while answers_file(run, cycle).exists():
        answers = stored_answers(run, cycle, dataset).answers()
        targets = {**answers.targets, **dataset.targets}
        dataset = replace(with_classes(dataset, answers.new_classes), targets=targets)
        given_up |= answers.ignored
        cycle += 1
    return dataset, frozenset(given_up)


def pictures(dataset: Dataset, asked: Iterable[str] = ()) -> Pictures:
    """The pictures of a dataset, as files of others may name them, of those asked for rather."""
    return Pictures((*dataset.pool, *dataset.test), dataset.images.size, dataset.file, asked)


def stored_answers(run: Path, cycle: int, dataset: Dataset) -> CheckedAnswers:
    """The answers that a run has for a cycle so far, but of pictures that it goes on without.

    Raises:
        DataError: the file cannot be used; every problem.
    """
    path = answers_file(run, cycle)
    if not path.exists():
        return CheckedAnswers(Annotations(dataset.classes), dataset, path)
    problems = Problems("error", skip="")
    journal = Journal(run)
    gone = lost(journal)
    exactly = Exactly(gone.union(dataset.pool, dataset.test), dataset.images, path)
    try:
        found = read_annotations(path, exactly, problems, "coco")
        problems.settle()
    except DataError as error:
        anew = "" if journal.last("annotated", cycle) else ", or delete it and give them again"
        *others, last = error.problems
        raise DataError([*others, f"{last}; restore the run's answers{anew}"]) from error
    found = of_images(found, set(found.images) - gone)
    if resized := sorted(found.resized - gone):
        count = plural(len(resized), "picture")
        raise DataError(
            f"{path}: {count} of another size than when answered: {named(resized)}; put back what "
            "was there, or start anew with another --output"
        )
    checked = CheckedAnswers(found, dataset, path)
    checked.tell(problems)
    problems.settle()
    return checked
