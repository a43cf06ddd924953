"""The oracle: who annotates what a strategy has chosen."""

import math
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Protocol

from alframe.datasets.base import Dataset, Target, fingerprint
from alframe.datasets.conforming import of_another_task
from alframe.datasets.names import is_line
from alframe.datasets.suspicions import wrong_targets
from alframe.errors import RunError
from alframe.model import unwrapped


@dataclass(frozen=True)
class Answers:
    """What an oracle says of the items that it was asked for.

    Attributes:
        targets: annotations, of every item that is not ignored.
        ignored: items that cannot be labelled: they leave the pool, and are not asked for again.
        seconds: what annotating an item took, where the tool knows.
        new_classes: names that the dataset does not have. Labels number its classes, and then
            these; a run that takes them has them from then on, and its oracle's dataset, too.
    """

    targets: Mapping[str, Target]
    ignored: frozenset[str] = frozenset()
    seconds: Mapping[str, float] = field(default_factory=dict)
    new_classes: tuple[str, ...] = ()

    def sha256(self) -> str:
        """Over targets and ignored items, whatever their order: answers that change are noticed."""
        ids = sorted(self.targets)
        named = repr((sorted(self.ignored), ids)).encode()
        return fingerprint((self.targets[item] for item in ids), named)


@dataclass(frozen=True)
class OracleSetup:
    """What an oracle's factory is given, besides the options of its configuration section.

    Attributes:
        dataset: what is annotated; its hidden targets are for a simulation.
        folder: the run directory, where queries and answers of people lie.
    """

    dataset: Dataset
    folder: Path


class Oracle(Protocol):
    """Annotates items.

    Attributes:
        people: whether it asks people, for whom what the dataset knows is known; false where it
            has no such attribute. One of the class (or of the factory function), so that it is
            known before anything is built.
    """

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        """Annotations of all ``ids``, which ``cycle`` trains on first.

        People may have annotated unlabelled items beside them, which are then labelled as well. A
        run asks again for what was answered when it is resumed, and where people are asked also
        while it begins, and gets the same answers: keep what an answer costs.

        Raises:
            Waiting: some are not answered yet; says how many, and what to do.
        """
        ...


class SimulatedOracle:
    """Reveals the hidden ground truth of a benchmark dataset."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = targets

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        """The ground truth of every one of ``ids``."""
        del cycle
        return Answers({i: self._targets[i] for i in ids})


def simulated(setup: OracleSetup) -> SimulatedOracle:
    """The ground truth that the dataset holds."""
    return SimulatedOracle(setup.dataset.targets)


def is_human(oracle: object) -> bool:
    """Whether an oracle, or its factory, asks people; see :class:`Oracle`."""
    return bool(getattr(unwrapped(oracle), "people", False))


def answered(
    oracle: Oracle,
    ids: Sequence[str],
    cycle: int,
    *,
    known: Mapping[str, Target] | None = None,
    free: Collection[str] = (),
    lost: Collection[str] = (),
    dataset: Dataset | None = None,
) -> Answers:
    """The answers of ``oracle``, if they are of ``ids``: each is annotated, or else ignored.

    Args:
        oracle: answers.
        ids: to be annotated.
        cycle: that trains on them first.
        known: annotations that need not be asked for.
        free: items that may be annotated although nobody asked for them.
        lost: items whose pictures are gone: those of ``ids`` are ignored, of others nothing is
            taken.
        dataset: whose classes and task targets are checked against; None checks neither.

    Raises:
        Waiting: as :meth:`Oracle.annotate`.
        RunError: an item has no answer, or two, or one that was not asked for, or that is none.
    """
    given = {item: known[item] for item in ids if item in known} if known else {}
    unknown = [item for item in ids if item not in given and item not in lost]
    answers = oracle.annotate(unknown, cycle)
    if not isinstance(answers, Answers):
        raise RunError(
            f"annotate gives {answers!r:.80} for cycle {cycle}: expected alframe.oracle.Answers, "
            "or Waiting to be raised"
        )
    answers = _plain(answers, cycle)
    annotated, ignored = set(answers.targets), set(answers.ignored)
    wrong = {
        "without an answer": set(unknown) - annotated - ignored,
        "annotated and ignored": annotated & ignored,
        "not asked for": (annotated | ignored) - set(unknown) - set(lost) - (annotated & set(free)),
    }
    if found := {what: sorted(items) for what, items in wrong.items() if items}:
        raise RunError(
            f"the oracle's answers for cycle {cycle}: {len(items)} {what}: {', '.join(items[:3])}"
            for what, items in found.items()
        )
    if dataset is not None:
        classes = len(dataset.classes) + len(answers.new_classes)
        problems = wrong_targets(answers.targets, classes)
        problems = problems or list(of_another_task(dataset.task, answers.targets))
        if problems:
            raise RunError(f"the oracle's answers for cycle {cycle}: {what}" for what in problems)
    targets = {item: t for item, t in {**given, **answers.targets}.items() if item not in lost}
    return replace(answers, targets=targets, ignored=answers.ignored | (set(lost) & set(ids)))


def _plain(answers: Answers, cycle: int) -> Answers:
    """Answers in plain texts and numbers, which files can keep, whatever numpy made of them.

    Raises:
        RunError: they are of other types, or seconds are no time.
    """
    targets, ignored, seconds = answers.targets, answers.ignored, answers.seconds
    maps, sets = (Mapping, "mapping by id"), (Set | Sequence, "frozenset of ids")
    kinds = {"targets": (targets, *maps), "ignored": (ignored, *sets), "seconds": (seconds, *maps)}
    wrong = [
        f"{name} is a {type(value).__name__}: expected a {what}"
        for name, (value, kind, what) in kinds.items()
        if isinstance(value, str) or not isinstance(value, kind)
    ]
    if not wrong:
        ids = (*targets, *ignored, *seconds)
        wrong = [f"{item!r:.40} is no id" for item in ids if not isinstance(item, str)]
        wrong += [f"seconds of {i} is {s!r:.20}" for i, s in seconds.items() if not _is_time(s)]
    if not _are_names(answers.new_classes):
        wrong.append(
            f"new_classes is {answers.new_classes!r:.80}: expected a tuple of names, each one line "
            "of text and there once"
        )
    if wrong:
        raise RunError(f"the oracle's answers for cycle {cycle}: {what}" for what in wrong)
    return replace(
        answers,
        targets={str(item): target for item, target in targets.items()},
        ignored=frozenset(map(str, ignored)),
        seconds={str(item): float(took) for item, took in seconds.items()},
        new_classes=tuple(map(str, answers.new_classes)),
    )


def _are_names(names: object) -> bool:
    if not isinstance(names, tuple | list):
        return False
    lines = [name for name in names if isinstance(name, str) and is_line(name)]
    return len(set(lines)) == len(names)


def _is_time(seconds: object) -> bool:
    if isinstance(seconds, bool) or not isinstance(seconds, Real):
        return False
    try:
        return 0 <= float(seconds) < math.inf
    except OverflowError:
        return False
