"""The labelling of a run: who is asked for what, and what is known of pool and test split."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from alframe.datasets.base import Dataset, LabelledSet, Target, fingerprint
from alframe.datasets.problems import Problems
from alframe.errors import AlframeError, RunError
from alframe.oracle import Answers, Oracle, answered, is_human
from alframe.pool import Pool
from alframe.runs.budget import Plan
from alframe.runs.initial import digest
from alframe.runs.records import Record, cycle_record, lost
from alframe.runs.rundir import RunDir, begin_anew
from alframe.text import command

Ask = Callable[[int, Mapping[str, str], Mapping[str, float] | None], None]
"""Writes down what people are asked: for which cycle, why by id, most wanted first, and scores."""


class Labelling:
    """Pool, targets and test split, as far as an oracle has answered.

    What the dataset knows already is labelled from the start where the oracle is people, who are
    asked for the rest alone.

    Args:
        dataset: the pool, and the split to evaluate on.
        oracle: answers.
        run: whose journal says what was asked and answered.
        plan: what is labelled first.
        ask: writes down what people are to be asked; None where nobody is.

    Attributes:
        pool: the state of every image that may be labelled.
        targets: annotations of those that are.
        seconds: what annotating has taken so far; None where that is not known.
        new_classes: those of the last answers that the dataset does not have.
    """

    def __init__(
        self, dataset: Dataset, oracle: Oracle, run: RunDir, plan: Plan, ask: Ask | None = None
    ) -> None:
        self._dataset, self._oracle, self._run, self._ask = dataset, oracle, run, ask
        begun = run.journal.of("initial")
        self._initial = list(begun[0]["ids"] if begun else plan.initial)
        self._drawn = list(begun[0]["test"] if begun else plan.test)
        aside = frozenset(self._drawn)
        self.pool = Pool(item for item in dataset.pool if item not in aside)
        self.targets: dict[str, Target] = {}
        self._test = {item: dataset.targets[item] for item in dataset.test}
        self._known = dataset.known if is_human(oracle) else {}
        self.seconds: float | None = 0.0
        self.new_classes: tuple[str, ...] = ()

    @property
    def labelled(self) -> LabelledSet:
        """What may be trained on."""
        return LabelledSet(self._dataset.images, self.pool.labelled, self.targets)

    @property
    def test(self) -> LabelledSet:
        """What is evaluated on."""
        return LabelledSet(self._dataset.images, tuple(sorted(self._test)), self._test)

    def record(self, cycle: int) -> Record | None:
        """What ``cycles.jsonl`` says of the cycle that was annotated last; None until it ends."""
        return cycle_record(self._run.journal, cycle, self.labelled, self.seconds)

    def begin(self) -> None:
        """Record what is labelled first, unless the journal has it."""
        if not self._run.journal.of("initial"):
            self.ask(0, self._reasons())
            sha256 = digest(self._initial)
            self._run.update_manifest(initial_sha256=sha256)
            self._run.journal.append("initial", ids=self._initial, test=self._drawn, sha256=sha256)

    def ask(
        self, cycle: int, reasons: Mapping[str, str], scores: Mapping[str, float] | None = None
    ) -> None:
        """Write down what people are asked for ``cycle``, before it is recorded as asked."""
        unknown = {item: why for item, why in reasons.items() if item not in self._known}
        if self._ask and unknown:
            self._ask(cycle, unknown, scores)

    def ask_again(self, cycle: int) -> None:
        """Write down what people are asked for ``cycle``, from the journal, where that is lost."""
        reasons = self._reasons()
        if cycle:
            reasons = dict.fromkeys(self.chosen(cycle), self._run.config.strategy.name)
        gone = self._lost(list(reasons))
        self.ask(cycle, {item: why for item, why in reasons.items() if item not in gone})

    def _reasons(self) -> dict[str, str]:
        """Why the first images are asked for."""
        return dict.fromkeys(self._drawn, "test") | dict.fromkeys(self._initial, "initial")

    def chosen(self, cycle: int) -> list[str]:
        """What was chosen for ``cycle``: the initial set, or the selection of the cycle before."""
        if cycle == 0:
            return self._initial
        event = self._run.journal.last("selected", cycle - 1)
        return list(event["ids"]) if event else []

    def annotate(self, cycle: int) -> None:
        """Bring the answers for ``cycle`` into the pool and the test split.

        Raises:
            Waiting: some are missing.
            DataError: pictures to be annotated are gone, and bad items are errors.
            RunError: they have changed since the run trained on them, or nothing is left.
        """
        asked = [*([] if cycle else self._drawn), *self.chosen(cycle)]
        before = self._run.journal.last("annotated", cycle)
        gone = frozenset(before.get("lost", ())) if before else self._lost(asked)
        with untouched({**self._test, **self.targets}, "the oracle", RunError):
            answers = answered(
                self._oracle,
                asked,
                cycle,
                known=self._known,
                free=set(self.pool.unlabelled).difference(asked),
                lost=gone | lost(self._run.journal),
                dataset=self._dataset,
            )
        if not before and (more := self._lost(sorted(answers.targets.keys() - asked))):
            gone |= more
            there = {item: target for item, target in answers.targets.items() if item not in more}
            answers = replace(answers, targets=there)
        extra = self._take(cycle, answers, gone)
        self.new_classes, took = self._new(answers, cycle), _seconds(answers, self._known)
        self.seconds = None if took is None or self.seconds is None else self.seconds + took
        if not before:
            self._record(cycle, answers, extra, gone, took)
        elif before["sha256"] != answers.sha256():
            raise RunError(
                f"the answers for cycle {cycle} have changed since the run trained on them: "
                f"restore them; {begin_anew(self._run.path)}"
            )

    def _take(self, cycle: int, answers: Answers, gone: frozenset[str]) -> list[str]:
        """Bring answers into pool and test split; the ids of those that nobody asked for."""
        ids = [item for item in self.chosen(cycle) if item not in gone]
        self.pool.query(ids)
        extra = sorted(answers.targets.keys() & set(self.pool.unlabelled))
        self.pool.query(extra)
        self.pool.ignore(i for i in ids if i in answers.ignored)
        self.pool.label(i for i in (*ids, *extra) if i in answers.targets)
        drawn = frozenset(self._drawn)
        for item, target in answers.targets.items():
            (self._test if item in drawn else self.targets)[item] = target
        self._check_something_left(ids)
        return extra

    def _record(
        self,
        cycle: int,
        answers: Answers,
        extra: Sequence[str],
        gone: frozenset[str],
        took: float | None,
    ) -> None:
        own = [target for item, target in answers.targets.items() if item not in self._test]
        self._run.journal.append(
            "annotated",
            cycle=cycle,
            images=len(own),
            objects=sum(len(target.labels) for target in own),
            ignored=sorted(answers.ignored),
            extra=extra,
            seconds=took,
            sha256=answers.sha256(),
            **({"new_classes": list(self.new_classes)} if self.new_classes else {}),
            **({"lost": sorted(gone)} if gone else {}),
        )

    def _lost(self, ids: Sequence[str]) -> frozenset[str]:
        """Images that nobody can annotate any more: their pictures are gone, or cannot be read.

        Raises:
            DataError: there are some, where bad items are errors.
        """
        problems, images = Problems(self._dataset.on_bad_item), self._dataset.images
        seen = ids if is_human(self._oracle) else ()
        for look in (images.stamp, images.read):  # the cache reads what is there no more
            problems.look([item for item in seen if item not in problems.items], look)
        problems.settle()
        return frozenset(problems.items)

    def _new(self, answers: Answers, cycle: int) -> tuple[str, ...]:
        if known := [name for name in answers.new_classes if name in self._dataset.classes]:
            raise RunError(
                f"the oracle's answers for cycle {cycle}: new_classes has {', '.join(known)}, "
                "which the dataset has: labels number the classes of the dataset, then new ones"
            )
        return answers.new_classes

    def _check_something_left(self, ids: Sequence[str]) -> None:
        for split, left, count in (
            ("begin with", self.pool.labelled, len(ids)),
            ("evaluate on", self._test, len(self._drawn)),
        ):
            if not left:
                raise RunError(
                    f"every image to {split} ({count}) is ignored, so nothing is left to work "
                    f"with: {command('annotate', self._run.path, 'FILE')} with answers for some of "
                    "them, or start anew with others (another seed)"
                )


def _seconds(answers: Answers, known: Mapping[str, Target]) -> float | None:
    """What annotating took; None where it was not measured of everything."""
    annotated = answers.targets.keys() - known.keys()
    if annotated - answers.seconds.keys():
        return None
    return round(math.fsum(answers.seconds.get(i, 0) for i in annotated | answers.ignored), 3)


@contextlib.contextmanager
def untouched(
    targets: Mapping[str, Target], whose: str, error: type[AlframeError]
) -> Iterator[None]:
    """Hold the code inside to leaving ``targets`` as they are.

    Their arrays are read-only; but ``torch.from_numpy`` lends their memory to a tensor that knows
    nothing of it. Masks are read anew for each use, so that nobody can change them.

    Raises:
        AlframeError: the annotations have changed.
    """
    before = fingerprint(targets.values(), masks=False)
    yield
    if fingerprint(targets.values(), masks=False) != before:
        raise error(
            f"{whose} changed the annotations it was handed: expected it to copy what it changes; "
            "torch.from_numpy and torch.as_tensor share memory, torch.tensor copies"
        )
