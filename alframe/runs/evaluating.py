"""A model of a run, measured on the run's own test split or on that of another dataset."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from alframe.config.draft import Layer
from alframe.config.resolve import drafted
from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset, LabelledSet, Target, without
from alframe.datasets.masks import relabelled
from alframe.datasets.problems import Problems
from alframe.errors import ConfigError, DataError, RunError
from alframe.files.presence import is_file
from alframe.files.state_dicts import without_prefix
from alframe.learner import Learner, Metrics
from alframe.oracle import answered
from alframe.runs.build import (
    READERS,
    asks_people,
    build_dataset,
    build_learner,
    build_oracle,
    cached_images,
)
from alframe.runs.kept import dataset_of, restored
from alframe.runs.preflight import check_root
from alframe.runs.records import asked_for, lost, new_classes
from alframe.runs.rundir import RunDir, stored_layer
from alframe.runs.weights import Weights, check_fits, read_weights
from alframe.words import named, plural


@dataclass(frozen=True)
class EvaluatedSplit:
    """What is evaluated on.

    Attributes:
        dataset: its name.
        own: whether it is the run's own.
        images: with annotations, labels by the run's classes.
        notes: what was left out, one sentence each.
    """

    dataset: str
    own: bool
    images: LabelledSet
    notes: tuple[str, ...]


class Evaluation:
    """A model, ready to be measured.

    Args:
        path: the run directory; or a file of weights, with the dataset in ``other``.
        cycle: whose model; None takes the last one that is kept.
        device: where to compute.
        other: layers that name another dataset, or where the run's own lies now; none for the
            run's own test split. Of a state dict, also those that name the model; its classes
            are the dataset's.

    Attributes:
        config: of the run, with the dataset that is evaluated on.
        classes: names, in label order.
        cycle: whose model it is; None for a file.
        split: what is evaluated on.
        learner: has the model.

    Raises:
        AlframeError: there is no run, model or test split, or images cannot be read.
    """

    def __init__(
        self, path: Path, cycle: int | None, device: str, other: Sequence[Layer] = ()
    ) -> None:
        weights = read_weights(path) if is_file(path) else None
        stored = _of_file(weights, path, cycle, other) if weights else [stored_layer(path)]
        draft = drafted([*stored, *other, {"device": device}])
        check_root(draft.light())  # before torch is imported
        self.config = draft.checked()
        self.cycle: int | None = None
        self.learner: Learner
        if weights:
            self.split, self.classes = _foreign_split(self.config, weights.classes)
            self.learner = build_learner(self.config, self.classes, restored=True)
            own = _own_state(self.learner)
            state = without_prefix(weights.state, own)
            check_fits(state, own, path)
            self.learner.load_state_dict(dict(state))
        else:
            run = RunDir(path, self.config)
            self.cycle = kept = run.kept_model(cycle)
            self.classes = run.classes(kept)
            self.split = _split(run, self.config, self.classes, named_one=bool(other))
            self.learner = restored(run, kept)

    def metrics(self) -> Metrics:
        """What a cycle of a run would record of this split."""
        return self.learner.evaluate(self.split.images)

    def objects(self) -> dict[str, int]:
        """How many objects of each class there are to be found."""
        counts: Counter[int] = Counter()
        for target in self.split.images.targets.values():
            counts.update(target.labels[target.trainable()].tolist())
        return {name: counts[label] for label, name in enumerate(self.classes)}


def _of_file(
    weights: Weights, path: Path, cycle: int | None, other: Sequence[Layer]
) -> list[Layer]:
    """The layers below those that the user gave."""
    given = {section for layer in other for section in layer}
    lacking = [s for s in ("dataset", *(() if weights.layer else ("model",))) if s not in given]
    if lacking:
        raise ConfigError(
            f"{path} does not say which {' and '.join(lacking)}: give "
            f"{' and '.join(f'--{section}' for section in lacking)}"
        )
    if cycle is not None:
        raise ConfigError(f"--cycle: {path} is one model: leave it out")
    return [{"strategy": {"name": "random"}, "learner": {"name": "plain"}}, weights.layer]


def _foreign_split(
    config: RunConfig, classes: tuple[str, ...] | None
) -> tuple[EvaluatedSplit, tuple[str, ...]]:
    """The test split of a dataset, and the model's classes; unless known, those of the dataset."""
    dataset = _tested(build_dataset(config, in_part=True))
    targets: Mapping[str, Target] = {item: dataset.targets[item] for item in dataset.test}
    dataset, left_out = _decoded(dataset, config, targets)
    if classes is None:
        note = f"the file names no classes: taken for those of {dataset.name}, in its order"
        dataset = replace(dataset, notes=(*dataset.notes, note))
    known = classes or dataset.classes
    return _evaluated(dataset, targets, left_out, known, own=False), known


def _tested(dataset: Dataset, run: RunDir | None = None) -> Dataset:
    """The dataset; one without a test split is tested on as a whole, as far as it is annotated.

    A note counts the images that have the ids of what ``run`` has labelled.

    Raises:
        DataError: nothing is annotated.
    """
    if dataset.test:
        return dataset
    ids = tuple(dataset.known)
    if not ids:
        raise DataError(
            f"{dataset.name} has no annotations to evaluate by: give them, or name another dataset "
            "with --dataset"
        )
    note = (
        f"{dataset.name} has no test split (dataset.test): measured on all "
        f"{plural(len(ids), 'annotated image')}"
    )
    notes = [*dataset.notes, note]
    if run and (seen := sorted(asked_for(run.journal) & {*ids})):
        notes.append(
            f"{plural(len(seen), 'image')} of these with an id of what {run.path} has labelled: "
            f"{named(seen)}; if they are the same, leave them out (dataset.test=LIST)"
        )
    return replace(dataset, pool=dataset.unannotated, test=ids, notes=tuple(notes))


def _own_state(learner: Learner) -> Mapping[str, Any]:
    """Of a network as it is built; a learner without one fits whatever it takes."""
    fresh = getattr(learner, "build", None)
    return fresh().state_dict() if fresh else {}


def _split(
    run: RunDir, config: RunConfig, classes: tuple[str, ...], *, named_one: bool
) -> EvaluatedSplit:
    # Of another dataset only the test split has to be annotated.
    dataset = _dataset_named(run, config) if named_one else dataset_of(config, run.path)
    drawn = list(run.journal.of("initial")[0]["test"]) if run.journal.of("initial") else []
    described = run.described()
    own = not dataset.test and dataset.fingerprint() == described["fingerprint"]
    if own and drawn:
        targets: Mapping[str, Target] = _answers(run, config, dataset, drawn)
    else:
        if not (dataset.test or named_one):
            raise _other_data(run, dataset)
        dataset = _tested(dataset, run)
        targets = {item: dataset.targets[item] for item in dataset.test}
    dataset, left_out = _decoded(dataset, config, targets)
    if dataset.test:
        told = described.get("test_fingerprint")
        own = told == replace(dataset, pool=()).fingerprint()
    if not own and not named_one:
        raise _other_data(run, dataset)
    return _evaluated(dataset, targets, left_out, classes, own=own)


def _dataset_named(run: RunDir, config: RunConfig) -> Dataset:
    """The dataset that the user names; classes that the run lists include those that have come."""
    options, new = config.dataset.options, tuple(new_classes(run.journal))
    listed = options.get("classes")
    if not (new and listed and listed == stored_layer(run.path)["dataset"].get("classes")):
        return build_dataset(config, in_part=True)
    grown = config.dataset.model_copy(update={"classes": [*listed, *new]})
    return replace(
        build_dataset(config.model_copy(update={"dataset": grown}), in_part=True), grown=new
    )


def _other_data(run: RunDir, dataset: Dataset) -> RunError:
    return RunError(
        f"{run.path} was made on other data than {dataset.name} is now: restore it, or "
        f"evaluate on it as on another dataset, with --dataset {dataset.name}"
    )


def _evaluated(
    dataset: Dataset,
    targets: Mapping[str, Target],
    left_out: Collection[str],
    classes: tuple[str, ...],
    *,
    own: bool,
) -> EvaluatedSplit:
    """The images that can be read, with the labels of ``classes``."""
    kept: Mapping[str, Target] = {i: t for i, t in targets.items() if i not in left_out}
    notes = list(dataset.notes)
    if dataset.classes != classes:
        kept, said = _matched(dataset, classes, kept)
        notes += said
    images = LabelledSet(dataset.images, tuple(sorted(kept)), kept)
    return EvaluatedSplit(dataset.name, own, images, tuple(notes))


def _answers(
    run: RunDir, config: RunConfig, dataset: Dataset, drawn: Sequence[str]
) -> Mapping[str, Target]:
    """The annotations of a test split that the run drew from its pool."""
    known = dataset.known if asks_people(config) else {}
    oracle = build_oracle(config, dataset, run.path)
    asked = list(dict.fromkeys([*drawn, *run.journal.of("initial")[0]["ids"]]))
    gone = lost(run.journal)
    answers = answered(oracle, asked, 0, known=known, free=dataset.pool, lost=gone)
    return {item: answers.targets[item] for item in drawn if item in answers.targets}


def _decoded(
    dataset: Dataset, config: RunConfig, targets: Mapping[str, Target]
) -> tuple[Dataset, frozenset[str]]:
    """The dataset with resized images, those of the test split decoded; and what is left out."""
    cached, problems = cached_images(dataset, config.data), Problems(dataset.on_bad_item)
    for item, error in cached.prepare(sorted(targets), READERS).items():
        problems.take(item, error)
    notes = (*dataset.notes, *cached.notes(), *problems.settle())
    if targets.keys() <= problems.items:
        raise DataError(f"no image of the test split of {dataset.name} can be read")
    rest = without(dataset, problems.items)
    return replace(rest, images=cached, notes=notes), frozenset(problems.items)


def _matched(
    dataset: Dataset, classes: tuple[str, ...], targets: Mapping[str, Target]
) -> tuple[dict[str, Target], list[str]]:
    """Annotations with the labels of ``classes``, by name, and what does not match."""
    label = {name: number for number, name in enumerate(classes)}
    numbers = np.array([label.get(name, -1) for name in dataset.classes], dtype=np.int64)
    dropped: Counter[str] = Counter({name: 0 for name in dataset.classes if name not in label})
    found = {}
    for item, target in targets.items():
        dropped.update(dataset.classes[n] for n in target.labels.tolist() if numbers[n] < 0)
        left = relabelled(target, numbers)
        if len(left.labels) or target.boxes is not None or target.mask is not None:
            found[item] = left  # without geometry there is nothing but the class
    if len(dropped) == len(dataset.classes):
        raise DataError(
            f"no class of {dataset.name} has the name of one of the model's: "
            f"{named(dataset.classes)}; the model's are {named(classes)}"
        )
    return found, list(_unmatched(dataset, classes, dropped))


def _unmatched(
    dataset: Dataset, classes: Sequence[str], dropped: Mapping[str, int]
) -> Iterator[str]:
    for name, count in dropped.items():
        yield f"the model knows no class {name!r}: {plural(count, 'object')} left out"
    if missing := [name for name in classes if name not in dataset.classes]:
        yield f"{dataset.name} has no class {named([repr(name) for name in missing])}"
