"""Taking answers: from files of annotation tools into a run that waits for them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alframe.annotations.answers import by_image, changed, merged, of_images
from alframe.annotations.coco_writing import write_answers
from alframe.annotations.files_oracle import pictures, sheet_of, stored_answers
from alframe.annotations.reading_answers import AnswersReader
from alframe.annotations.sheets import answers_file
from alframe.annotations.suspects import Suspect, write_suspects
from alframe.annotations.vocabulary import Annotations, Sheet
from alframe.datasets.base import Dataset
from alframe.datasets.objects import Annotated
from alframe.datasets.problems import Problems
from alframe.datasets.splits import closest
from alframe.errors import RunError
from alframe.files.checked import read_object
from alframe.files.locks import is_locked
from alframe.files.presence import exists
from alframe.runs.journal import Journal
from alframe.runs.records import asked_for
from alframe.runs.rundir import RESTORE, begin_anew, stored_layer
from alframe.text import command
from alframe.words import named, plural

WRITTEN = 0.01
"""Pixels by which files of tools round the corners of boxes, but for those in whole pixels."""


@dataclass(frozen=True)
class Received:
    """What became of answers.

    Attributes:
        cycle: that they are for.
        asked: how many images the cycle asks for.
        notes: a sentence each on what was taken, left, or tolerated.
        missing: ids of those that still have no answer.
        suspects: answers worth a second look.
    """

    cycle: int
    asked: int
    notes: list[str]
    missing: list[str]
    suspects: list[Suspect]


def waits_for(run: Path) -> int:
    """The cycle whose images a run has asked for and not trained on.

    Raises:
        RunError: there is none: the run has not begun, is at work, or is finished.
    """
    journal = Journal(run)
    cycle = len(journal.of("annotated"))
    asked = (
        journal.last("selected", cycle - 1) if cycle else next(iter(journal.of("initial")), None)
    )
    if not asked or not asked["ids"] or _is_finished(run):
        raise RunError(f"{run} {_state(run, journal, cycle)}")
    return cycle


def _is_finished(run: Path) -> bool:
    """Whether a run has ended; one that is resumed for more is not, until it has."""
    path = run / "manifest.json"
    return exists(path) and bool(read_object(path, RESTORE).get("finished"))


def _state(run: Path, journal: Journal, cycle: int) -> str:
    """What a run does that does not wait, and what to do."""
    resume = command("run", "--output", run, "--resume")
    if is_locked(run / ".lock"):
        return "is at work: annotate what it asks for when it has ended"
    if _is_finished(run):
        wanted = stored_layer(run)["budget"]["cycles"]
        if wanted is None or len(journal.of("evaluated")) < wanted:
            return "is finished: every image of its pool is annotated"
        return f"is finished, so there is nothing to annotate; for more: {resume} budget.cycles=N"
    if cycle:
        return f"has all answers for cycle {cycle - 1}, and trains on them first: {resume}"
    return f"has not asked for anything yet: {resume}"


def take(
    run: Path,
    dataset: Dataset,
    files: Sequence[Path],
    name: str | None = None,
    *,
    skip_bad: bool = False,
    new_classes: bool = False,
    as_it_is: bool = False,
    give_up: bool = False,
    skippable: bool = True,
) -> Received:
    """Add the answers in ``files`` to those that a run has for the cycle that it waits for.

    Nothing is taken where something is wrong.

    Args:
        run: the run directory, whose lock is held.
        dataset: of the run.
        files: of annotation tools; of an image in several, the last counts.
        name: of their format; by default it is recognised.
        skip_bad: leave out images of which something is wrong, and say so.
        new_classes: take classes that the run does not have; else those alone that earlier answers
            for the cycle brought.
        as_it_is: take also what rather is a mistake: files as the query has them, answers that lose
            all their objects, and images without objects that nobody asked for.
        give_up: images without an answer cannot be labelled, and leave the pool.
        skippable: whether ``--skip-bad`` can be given, for messages.

    Raises:
        DataError: every problem of all files.
        RunError: the run waits for nothing, none of its images is in the files, or answers would
            lose all their objects.
    """
    cycle = waits_for(run)
    sheet = sheet_of(run, cycle, dataset)
    stored = stored_answers(run, cycle, dataset)
    problems = Problems("skip" if skip_bad else "error", "--skip-bad" if skippable else "")
    flags = {"--skip-bad": skip_bad, "--new-classes": new_classes}
    given = [*(("--format", name) if name else ()), *(flag for flag in flags if flags[flag])]
    reader = AnswersReader(
        run,
        dataset,
        name,
        given,
        new=None if new_classes else stored.new_classes,
        items=() if as_it_is else asked_for(Journal(run)),
        as_it_is=as_it_is,
    )
    found = reader.read_all(files, problems)
    own, left = _of_cycle(cycle, run, dataset, sheet, found, as_it_is=as_it_is)
    before, notes = stored.found, [*reader.notes, *left]
    if not as_it_is:
        _refuse_emptied(before, own, reader.again(*files, "--as-it-is"))
    if own.images:
        notes.append(_counted(before, own, cycle))
        notes += [] if as_it_is else _perhaps_untouched(sheet, own)
    elif files and not found.images:
        notes.append(f"no image is answered in {named(list(map(str, files)))}")
    after = merged(before, own)
    if give_up:
        rest = _missing(sheet, after)
        after = merged(after, Annotations((), rest, ignored={*rest}))
        notes += [f"gave up {plural(len(rest), 'image')}: {named(rest)}"] if rest else []
    after.new = frozenset(thing.name for thing in after.objects).difference(dataset.classes)
    if after.images:
        answers = answers_file(run, cycle)
        answers.parent.mkdir(exist_ok=True)
        write_answers(after, pictures(dataset), answers)
    suspects = write_suspects(sheet, after, run, cycle)
    notes += _grown(after, dataset, cycle)
    return Received(cycle, len(sheet.images), notes, _missing(sheet, after), suspects)


def _missing(sheet: Sheet, found: Annotations) -> list[str]:
    answered = set(found.images)
    return [image.item for image in sheet.images if image.item not in answered]


def _refuse_emptied(before: Annotations, own: Annotations, anyhow: str) -> None:
    """Refuse to lose answers: a tool exports images that nobody annotated there as empty.

    Raises:
        RunError: answers that have objects would have none; ``anyhow`` is how to have it so.
    """
    had, have = by_image(before), by_image(own).keys() | own.ignored
    if emptied := sorted(i for i in own.images if i in had and i not in have):
        raise RunError(
            f"{plural(len(emptied), 'image')} answered before, without any object now: "
            f"{named(emptied)}; leave them out, or, if that is right: {anyhow}"
        )


def _grown(after: Annotations, dataset: Dataset, cycle: int) -> list[str]:
    """A sentence on the classes that the run does not have yet."""
    if not after.new:
        return []
    counts = Counter(thing.name for thing in after.objects)
    names = [f"{n!r}{closest(n, dataset.classes)} ({counts[n]:,})" for n in sorted(after.new)]
    return [
        f"{plural(len(names), 'new class')} from cycle {cycle} on, with so many objects: "
        f"{named(names)}; in images that were annotated before, also to test on, such objects are "
        "background (alframe evaluate on other images measures how they are found)"
    ]


def _of_cycle(
    cycle: int, run: Path, dataset: Dataset, sheet: Sheet, found: Annotations, *, as_it_is: bool
) -> tuple[Annotations, list[str]]:
    """The answers for this cycle: asked for, or to unlabelled images besides; notes on the rest."""
    asked = {image.item for image in sheet.images}
    begun_with = dataset.known.keys() | set(dataset.test)
    earlier, notes = _earlier(cycle, run, dataset, found)
    earlier |= begun_with
    extra = [item for item in found.images if item not in asked | earlier]
    objects = by_image(found)
    empty = [] if as_it_is else [i for i in extra if i not in objects and i not in found.ignored]
    given = [i for i in found.images if i in begun_with]
    left = {item for item in extra if item in found.ignored}.union(empty)
    own = of_images(found, (asked | set(extra)) - left)
    own.objects = [thing for thing in own.objects if thing.owner not in own.ignored]
    if found.images and not own.images and not earlier & set(found.images):
        raise RunError(
            f"none of {plural(len(found.images), 'image')} in the answers was asked for by {run}: "
            f"it waits for {named([image.item for image in sheet.images])}"
        )
    if given:
        notes.append(
            f"{plural(len(given), 'image')} annotated from the start, left as the run has them: "
            f"{named(given)}"
        )
    if empty:
        notes.append(
            f"{plural(len(empty), 'image')} neither asked for nor with an object, left unlabelled: "
            f"{named(empty)}; --as-it-is takes them"
        )
    if others := [item for item in extra if item in found.ignored]:
        notes.append(
            f"{plural(len(others), 'image')} given up and not asked for, left unlabelled: "
            f"{named(others)}"
        )
    if more := [item for item in extra if item not in left]:
        notes.append(f"{plural(len(more), 'image')} not asked for, taken too: {named(more)}")
    return own, notes


def _earlier(
    cycle: int, run: Path, dataset: Dataset, found: Annotations
) -> tuple[set[str], list[str]]:
    """Images that earlier cycles have trained on; notes on those that are answered again."""
    images: set[str] = set()
    other: set[str] = set()
    for each in range(cycle):
        before = stored_answers(run, each, dataset).found
        images |= set(before.images)
        other |= changed(before, found)
    notes = []
    if same := images.intersection(found.images) - other:
        notes.append(f"{plural(len(same), 'image')} answered as in an earlier cycle")
    if other:
        notes.append(
            f"{plural(len(other), 'image')} of earlier cycles answered otherwise now, left as the "
            f"run has them: {named(sorted(other))}; {begin_anew(run)}"
        )
    return images, notes


def _counted(before: Annotations, own: Annotations, cycle: int) -> str:
    """A sentence on how many answers are new, changed and said again."""
    again = set(own.images) & set(before.images)
    differ = changed(before, own, WRITTEN)
    counts = Counter(thing.owner for thing in own.objects)
    empty = sum(counts[item] == 0 and item not in own.ignored for item in own.images)
    parts = [
        f"{plural(len(own.images) - len(again), 'new answer')}",
        *([f"{len(differ)} changed ({named(sorted(differ))})"] if differ else []),
        *([f"{len(again) - len(differ)} as before"] if len(again) > len(differ) else []),
    ]
    details = [
        f"{plural(len(own.objects), 'object')}",
        *([f"{plural(empty, 'image')} without any"] if empty else []),
        *([f"{len(own.ignored)} ignored"] if own.ignored else []),
    ]
    return f"cycle {cycle}: {', '.join(parts)} ({', '.join(details)})"


def _perhaps_untouched(sheet: Sheet, own: Annotations) -> list[str]:
    """A sentence on answers such as tools export of images that nobody has looked at."""
    shown = by_image(own)
    proposed = Annotations((), [image.item for image in sheet.images if image.proposals])
    proposed.objects = [
        Annotated(image.item, name, box)
        for image in sheet.images
        for name, box, _ in image.proposals
    ]
    as_proposed = set(proposed.images).intersection(shown) - changed(proposed, own)
    kinds = {
        "without objects": [i for i in own.images if i not in shown and i not in own.ignored],
        "as the model proposed": sorted(as_proposed),
    }
    return [
        f"taken {how}: {named(items)}; those that nobody has looked at yet, give again once "
        "somebody has, before the run goes on"
        for how, items in kinds.items()
        if items
    ]
