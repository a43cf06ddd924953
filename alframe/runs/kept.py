"""What a run keeps: its models, and the images it began with, to go on with the same pool."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alframe.annotations.parts import size_of
from alframe.annotations.sheets import sizes_noted
from alframe.annotations.vocabulary import UNSIZED
from alframe.config.draft import Layer
from alframe.config.resolve import drafted, from_overrides
from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset, with_classes, without
from alframe.datasets.files import ImageFiles
from alframe.errors import DataError, RunError
from alframe.files.checked import read_object, write_object
from alframe.files.home import expanded
from alframe.learner import Learner
from alframe.runs.build import build_dataset, build_learner
from alframe.runs.journal import Journal
from alframe.runs.records import asked_for, lost, new_classes
from alframe.runs.rundir import RESTORE, RunDir, begin_anew, stored_layer
from alframe.words import named, plural


def keep_images(dataset: Dataset, run: Path) -> None:
    """Write ``images.json``: folders of photos grow and shrink while people annotate."""
    content = {"pool": list(dataset.pool), "test": list(dataset.test)}
    write_object(run / "images.json", content)


def kept_run(path: Path, overrides: Sequence[str]) -> RunDir:
    """A run, with settings of one's own, to use a model that it has kept.

    Raises:
        AlframeError: there is no run, or a setting cannot be.
    """
    draft = drafted([stored_layer(path), from_overrides(overrides)])
    draft.light()  # names a wrong device before torch is imported
    return RunDir(path, draft.checked())


def kept_layer(path: Path, cycle: int | None) -> Layer:
    """The settings of a run that has kept the model of a cycle; torch is not imported.

    Raises:
        AlframeError: there is no run, or no such model.
    """
    layer = stored_layer(path)
    RunDir(path, drafted([layer]).light()).kept_model(cycle)
    return layer


def restored(run: RunDir, cycle: int) -> Learner:
    """The learner of a run with the model of a cycle, for the classes of that cycle.

    Raises:
        RunError: the model cannot be used, or has gone, as the run is going on and keeps the last.
    """
    images = None if run.config.model else dataset_of(run.config, run.path).image_set
    learner = build_learner(run.config, run.classes(cycle), run.path, images, restored=True)
    try:
        state = run.load_model(cycle)
    except RunError as error:
        if run.model_path(cycle).exists() or max(run.kept_models(), default=-1) <= cycle:
            raise
        raise RunError(
            f"{run.path} has dropped its model of cycle {cycle}, as it went on and keeps the last "
            "alone (keep_models=last): try again"
        ) from error
    learner.load_state_dict(state)
    return learner


def dataset_of(config: RunConfig, run: Path) -> Dataset:
    """The dataset of a run, its annotations read and checked, its images not yet.

    Where the run has noted its images (:func:`keep_images`), it is of those: later ones are left
    out, with a note; one that is gone is as one that cannot be read, and of both the size is known
    that people saw. Classes that came with answers are among its classes.

    Raises:
        DataError: as :func:`~alframe.runs.build.build_dataset`.
        RunError: the note, or the journal, is damaged.
    """
    events = tuple(Journal(run)) if run.is_dir() else ()
    dataset = with_classes(build_dataset(config), new_classes(events))
    if not (run / "images.json").exists():
        return dataset
    noted = read_object(run / "images.json", RESTORE)
    return _as_noted(dataset, noted, config, run, asked_for(events))


def _as_noted(
    dataset: Dataset,
    noted: Mapping[str, list[str]],
    config: RunConfig,
    run: Path,
    asked: frozenset[str],
) -> Dataset:
    then, now = {*noted["pool"], *noted["test"]}, {*dataset.pool, *dataset.test}
    gone, images = then - now, dataset.images
    if isinstance(images, ImageFiles):
        root = expanded(str(config.dataset.options.get("root", ".")))
        places = {i: images.file(i) for i in asked & now if size_of(i, images) == UNSIZED}
        places |= {item: root / item for item in gone}
        images = images.adding(places, sizes_noted(run, places)) if places else images
    pool, test = (
        tuple(item for item in noted[name] if item in ids or item in gone)
        for name, ids in (("pool", set(dataset.pool)), ("test", set(dataset.test)))
    )
    notes = dataset.notes
    if new := sorted(now - then):
        was = "was" if len(new) == 1 else "were"
        notes += (
            f"left out {plural(len(new), 'image')} that {was} not there when the run began: "
            f"{named(new)}; a new run has them ({begin_anew(run)})",
        )
    rest = without(dataset, frozenset(new))
    return replace(rest, images=images, pool=pool, test=test, notes=notes)


def check_asked(dataset: Dataset, run: Path) -> None:
    """What a run has been answered is in the dataset still, after unreadable images were left out.

    Raises:
        DataError: otherwise; names what is missing.
    """
    journal = Journal(run)
    if gone := sorted(asked_for(journal) - lost(journal) - {*dataset.pool, *dataset.test}):
        raise DataError(
            f"{plural(len(gone), 'image')} that {run} has asked for cannot be read any more: "
            f"{named(gone)}; put the pictures back, or go on without them in a new run, there with "
            f"dataset.on_bad_item=skip ({begin_anew(run)})"
        )
