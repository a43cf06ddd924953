"""A small fit, watched: what the check of a learner is done with."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np

from alframe.datasets.base import Dataset, ImageSet, ImageSource, LabelledSet, Target, fingerprint
from alframe.datasets.cache import CachedImages
from alframe.datasets.masks import relabelled
from alframe.datasets.resize import Resize
from alframe.learner import FitContext, InferenceSetup, Learner, LearnerSetup
from alframe.model import provides, streamed, unwrapped
from alframe.runs.learner_checks import check_phase, check_state
from alframe.seeds import Seeds
from alframe.shaped import Tensor
from alframe.testing.expect import as_assertion, expect, generators_left_alone
from alframe.testing.poison import PoisonedTargets
from alframe.testing.states import copied, reread
from alframe.testing.synthetic import rows_of

TINY = (
    "data.resize=none",
    "training.passes=14",  # enough for learners of several phases
    "training.batch_size=4",
    "evaluation.coco=false",
    "device=cpu",
)
CLASSES = ("circle", "square")
LABELLED = 4


def tiny_setup(*overrides: str) -> LearnerSetup:
    """What a learner is given for a fit of a second: the default model, on the CPU.

    Args:
        overrides: ``key=value``, as on the command line: ``"model=ssd-lite0"``.
    """
    import torch

    from alframe.config.resolve import from_overrides, resolve
    from alframe.plugins import registry

    config = resolve([from_overrides((*TINY, *overrides))])
    assert config.model
    assert config.training
    model = registry().get("models", config.model.name).load()
    return LearnerSetup(
        classes=CLASSES,
        device=torch.device(config.device),
        build_model=functools.partial(model, num_classes=len(CLASSES), **config.model.options),
        data=config.data,
        training=config.training,
        evaluation=config.evaluation,
    )


def tiny_dataset() -> Dataset:
    """Drawn shapes, of which the first is said to show nothing and most have hidden targets."""
    return with_hidden(annotated_dataset())


def annotated_dataset() -> Dataset:
    """The same, with all of its targets: for an oracle, which may look at them."""
    from alframe.datasets.shapes import shapes

    drawn = shapes(pool=2 * LABELLED, test=3, size=64, classes=len(CLASSES))
    return replace(drawn, targets={**drawn.targets, drawn.pool[0]: Target.of([], [])})


def with_hidden(dataset: Dataset) -> Dataset:
    """The dataset with all targets of its pool hidden, but for the first few."""
    return replace(dataset, targets=PoisonedTargets(dataset.targets, dataset.pool[LABELLED:]))


@dataclass
class Notes:
    """The checkpoint and the recorder of a fit, kept in memory.

    Attributes:
        states: what was saved.
        phases: names of the finished phases.
        loaded: whether the last state was asked for.
    """

    states: list[dict[str, Any]] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    loaded: bool = False

    def load(self) -> dict[str, Any] | None:
        """The last state."""
        self.loaded = True
        return reread(self.states[-1]) if self.states else None

    def save(self, state: dict[str, Any]) -> None:
        """Keep a copy."""
        with as_assertion():
            check_state(state, "what checkpoint.save is given")
        self.states.append(copied(state, "a checkpoint"))

    def phase_finished(self, name: str, summary: Mapping[str, Any]) -> None:
        """Keep the name."""
        with as_assertion():
            check_phase(name, summary)
        self.phases.append(name)

    def scalar(self, name: str, value: float, step: int) -> None:
        """Look at what is recorded."""
        expect(
            isinstance(name, str) and isinstance(value, float | int) and isinstance(step, int),
            f"recorded {name!r}, {value!r} at {step!r}: expected a name, a number and an int",
        )


class Fitted(NamedTuple):
    """A fit from which several rules start: what was fitted, what it left, and what it changed."""

    learner: Learner
    notes: Notes
    changed_images: list[str]
    changed_annotations: bool


@dataclass(frozen=True)
class LearnerUnderTest:
    """Fits learners."""

    factory: Callable[[Any], Learner]
    setup: LearnerSetup
    dataset: Dataset = field(default_factory=tiny_dataset)

    @property
    def trains(self) -> bool:
        """Whether it trains a model."""
        return bool(getattr(unwrapped(self.factory), "trains", True))

    def make(self, longer: int = 1) -> Learner:
        """A new one, as a run makes it, with a training that is so many times as long."""
        if self.trains:
            return self.factory(_lengthened(self.setup, longer))
        own = {each.name: getattr(self.setup, each.name) for each in fields(InferenceSetup)}
        return self.factory(InferenceSetup(**{**own, "images": self.dataset.image_set}))

    @functools.cached_property
    def fitted(self) -> Fitted:
        """The first fit, watched."""
        pool, drawn = self.dataset.pool, self.images
        images = CachedImages(drawn, Resize("none", 1, 1), limit_bytes=2**30)
        images.prepare(pool, workers=1)
        labelled = LabelledSet(images, pool[:LABELLED], self.dataset.targets)
        before = fingerprint(labelled.targets.values())
        learner, notes = self.fit(labelled=labelled, unlabelled=ImageSet(images, pool[LABELLED:]))
        changed = [i for i in pool if not np.array_equal(images.read(i), drawn.read(i))]
        return Fitted(learner, notes, changed, fingerprint(labelled.targets.values()) != before)

    @property
    def learner(self) -> Learner:
        """That of the first fit."""
        return self.fitted.learner

    @functools.cached_property
    def again(self) -> Learner:
        """Another learner, fitted to the same from the same seeds."""
        return self.fit()[0]

    @functools.cached_property
    def taught(self) -> Learner:
        """Another one, fitted to the test split."""
        return self.teach(self.test())

    def teach(self, labelled: LabelledSet, longer: int = 1) -> Learner:
        """Another one, fitted to some images with nothing left unlabelled."""
        return self.fit(labelled=labelled, unlabelled=ImageSet(self.images, ()), longer=longer)[0]

    @property
    def names(self) -> frozenset[str]:
        """The signals that it streams, with its model where it trains one."""
        if self.trains:
            return streamed(self.factory, self.setup.build_model)
        return provides(self.factory)

    @property
    def images(self) -> ImageSource:
        """Of the dataset."""
        return self.dataset.images

    @property
    def unlabelled(self) -> ImageSet:
        """The items of the pool with hidden targets."""
        return ImageSet(self.images, self.dataset.pool[LABELLED:])

    def test(self) -> LabelledSet:
        """The test split."""
        return LabelledSet(self.images, self.dataset.test, self.dataset.targets)

    def turned(self) -> LabelledSet:
        """The test split with each object said to be of the next class."""
        own, turned = self.test(), (np.arange(len(CLASSES)) + 1) % len(CLASSES)
        targets = {item: relabelled(target, turned) for item, target in own.targets.items()}
        return replace(own, targets=targets)

    @functools.cached_property
    def saved(self) -> dict[str, Any]:
        """The state of the first fit's learner, written and read as a run does."""
        state = self.learner.state_dict()
        with as_assertion():
            check_state(state, "state_dict")
        found: dict[str, Any] = reread(copied(state, "state_dict"))
        return found

    @functools.cached_property
    def restored(self) -> Learner:
        """Another learner, which has loaded that state."""
        other = self.make()
        other.load_state_dict(self.saved)
        return other

    def fit(
        self,
        notes: Notes | None = None,
        *,
        labelled: LabelledSet | None = None,
        unlabelled: ImageSet | None = None,
        longer: int = 1,
    ) -> tuple[Learner, Notes]:
        """A new learner, fitted; what it left.

        Args:
            notes: with the states that an earlier fit has saved.
            labelled: instead of the first of the pool.
            unlabelled: instead of the rest of the pool.
            longer: how many times the length of training.
        """
        notes, data = notes or Notes(), self.dataset
        context = FitContext(0, Seeds(0), notes, notes, notes.phase_finished)
        learner = self.make(longer)
        learner.fit(
            labelled or LabelledSet(self.images, data.pool[:LABELLED], data.targets),
            self.unlabelled if unlabelled is None else unlabelled,
            context,
        )
        return learner, notes

    def stream(
        self, learner: Learner, names: Iterable[str], ids: tuple[str, ...]
    ) -> "dict[str, dict[str, list[Tensor]]]":
        """The named signals: the tensors of each item, by name and id."""
        wanted = frozenset(names)
        found: dict[str, dict[str, list[Tensor]]] = {name: {} for name in wanted}
        with generators_left_alone("the learner, streaming signals,"):
            for batch in learner.signals(ImageSet(self.dataset.images, ids), wanted):
                expect(
                    set(batch.values) == wanted,
                    f"asked for {sorted(wanted)}, it streamed {sorted(batch.values)}: expected no "
                    "more and no less",
                )
                for name in wanted:
                    rows = rows_of(name, batch)
                    twice = sorted(rows.keys() & found[name].keys())
                    expect(not twice, f"{name}: {twice} came twice, expected each id once")
                    found[name] |= rows
        for name, rows in found.items():
            expect(
                sorted(rows) == sorted(ids),
                f"{name} came for {sorted(rows)}, expected it once for each of {sorted(ids)}",
            )
        return found


def _lengthened(setup: LearnerSetup, times: int) -> LearnerSetup:
    lengths = {name: getattr(setup.training, name) for name in ("passes", "iterations")}
    update = {name: times * length for name, length in lengths.items() if length}
    return replace(setup, training=setup.training.model_copy(update=update))
