"""A small fit, watched: what the check of a learner is done with."""

import copy
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from alframe.datasets.base import Dataset, ImageSet, LabelledSet, Target
from alframe.learner import FitContext, Learner, LearnerSetup
from alframe.seeds import Seeds
from alframe.testing.expect import expect, generators_left_alone
from alframe.testing.poison import PoisonedTargets
from alframe.testing.synthetic import rows_of

if TYPE_CHECKING:
    from torch import Tensor

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
    """What a learner is given for a fit of a second: the default detector, on the CPU.

    Args:
        overrides: ``key=value``, as on the command line: ``"detector=ssd-lite0"``.
    """
    import torch

    from alframe.plugins import registry
    from alframe.resolve import from_overrides, resolve

    config = resolve([from_overrides((*TINY, *overrides))])
    detector = registry().get("detectors", config.detector.name).load()
    return LearnerSetup(
        classes=CLASSES,
        device=torch.device(config.device),
        build_model=functools.partial(
            detector, num_classes=len(CLASSES), **config.detector.options
        ),
        data=config.data,
        training=config.training,
        evaluation=config.evaluation,
    )


def tiny_dataset() -> Dataset:
    """Drawn shapes, of which the first is said to show nothing and most have hidden targets."""
    from alframe.datasets.shapes import shapes

    drawn = shapes(pool=2 * LABELLED, test=3, size=64, classes=len(CLASSES))
    targets = {**drawn.targets, drawn.pool[0]: Target.of([], [])}
    return replace(drawn, targets=PoisonedTargets(targets, drawn.pool[LABELLED:]))


@dataclass
class Notes:
    """The checkpoint and the recorder of a fit, kept in memory.

    Attributes:
        states: what was saved, each as a file would keep it.
        phases: names of the finished phases.
    """

    states: list[dict[str, Any]] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)

    def load(self) -> dict[str, Any] | None:
        """The last state."""
        return copy.deepcopy(self.states[-1]) if self.states else None

    def save(self, state: dict[str, Any]) -> None:
        """Keep a copy."""
        self.states.append(copy.deepcopy(state))

    def scalar(self, name: str, value: float, step: int) -> None:
        """Look at what is recorded."""
        expect(
            isinstance(name, str) and isinstance(value, float | int) and isinstance(step, int),
            f"recorded {name!r}, {value!r} at {step!r}: expected a name, a number and an int",
        )


@dataclass(frozen=True)
class Bench:
    """Fits learners and watches them.

    Attributes:
        factory: makes the learner.
        setup: what it is given.
        dataset: what it is fitted to.
    """

    factory: Callable[[LearnerSetup], Learner]
    setup: LearnerSetup
    dataset: Dataset = field(default_factory=tiny_dataset)

    @property
    def unlabelled(self) -> ImageSet:
        """The items of the pool with hidden targets."""
        return ImageSet(self.dataset.images, self.dataset.pool[LABELLED:])

    def fit(
        self, notes: Notes | None = None, unlabelled: ImageSet | None = None
    ) -> tuple[Learner, Notes]:
        """A new learner, fitted; what it left.

        Args:
            notes: with the states that an earlier fit has saved.
            unlabelled: instead of the rest of the pool.
        """
        notes, data = notes or Notes(), self.dataset
        labelled = LabelledSet(data.images, data.pool[:LABELLED], data.targets)
        context = FitContext(
            0, Seeds(0), notes, notes, lambda name, summary: notes.phases.append(name)
        )
        with generators_left_alone("the learner, built and fitted,"):
            learner = self.factory(self.setup)
            learner.fit(labelled, self.unlabelled if unlabelled is None else unlabelled, context)
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
