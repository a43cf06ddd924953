"""The conformance check of an oracle."""

import functools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alframe.datasets.base import Dataset, with_classes
from alframe.errors import RunError, Waiting
from alframe.oracle import Answers, Oracle, OracleSetup, answered, is_human
from alframe.runs.labelling import untouched
from alframe.testing.check_dataset import check_target
from alframe.testing.expect import Rules, as_assertion, expect, generators_left_alone, hold
from alframe.testing.fitting import annotated_dataset

ASKED = 3
"""Items that are asked for in a cycle."""


def check_oracle(
    factory: Callable[[OracleSetup], Oracle], *, dataset: Dataset | None = None
) -> None:
    """Hold an oracle to its contract: asked for the first items of a pool, and for the next ones.

    - Whether it asks people is said by ``people`` of the class or function, True or False, as of
      what is made.
    - Each item is annotated or ignored, and no other one, unless people have annotated it beside
      them; labels are among the classes, boxes in their image. Or it waits, and says what for.
    - Asked once more, it says the same, and so does another one that is made in its folder, as
      that of a resumed run is.
    - Asked for nothing, as where all is known, it has nothing to say, and does not wait.
    - It changes no annotation of the dataset that it is handed.
    - The global generators are left alone.

    Args:
        factory: is called with ``setup``: the class, or a ``functools.partial`` with its options.
        dataset: what is annotated; a few drawn shapes with boxes by default.

    Raises:
        AssertionError: says what was expected, for every rule that is broken.
    """
    rules: Rules[OracleUnderTest] = {
        _says_whom_it_asks: (),
        _leaves_annotations_alone: (),
        _annotates: (),
        _has_nothing_to_say_of_nothing: (),
        _repeats_itself: (_annotates,),
    }
    with tempfile.TemporaryDirectory() as folder, generators_left_alone("the oracle"):
        hold(rules, OracleUnderTest(factory, dataset or annotated_dataset(), Path(folder)))


@dataclass(frozen=True)
class OracleUnderTest:
    """An oracle that is made anew for each rule, in one folder."""

    factory: Callable[[OracleSetup], Oracle]
    dataset: Dataset
    folder: Path

    def made(self) -> Oracle:
        """Another one."""
        make: Callable[..., Oracle] = self.factory
        return make(setup=OracleSetup(self.dataset, self.folder))

    @property
    def asked(self) -> Sequence[tuple[int, Sequence[str]]]:
        """Cycles, and what is asked for in each."""
        pool = self.dataset.pool
        return [(0, pool[:ASKED]), (1, pool[ASKED : 2 * ASKED])]

    @functools.cached_property
    def first(self) -> list[Answers | None]:
        """What it said to each cycle at first."""
        return self.said(self.made())

    def said(self, oracle: Oracle) -> list[Answers | None]:
        """Answers of each cycle, None where it waits; those after that are not asked for."""
        said: list[Answers | None] = []
        for cycle, ids in self.asked:
            free = set(self.dataset.pool).difference(ids)
            try:
                with as_assertion():
                    answers = answered(oracle, ids, cycle, free=free, dataset=self.dataset)
            except Waiting as status:
                expect(str(status).strip(), "Waiting says nothing: expected what for")
                return [*said, None]
            said.append(answers)
        return said


def _says_whom_it_asks(bench: OracleUnderTest) -> None:
    said, of_made = is_human(bench.factory), is_human(bench.made())
    expect(
        said == of_made,
        f"people is {said} of what makes it and {of_made} of what is made: expected an attribute "
        "of the class or function, so that it is known before anything is built",
    )


def _leaves_annotations_alone(bench: OracleUnderTest) -> None:
    with as_assertion(), untouched(bench.dataset.targets, "the oracle", RunError):
        assert bench.first


def _annotates(bench: OracleUnderTest) -> None:
    for answers in filter(None, bench.first):
        dataset = with_classes(bench.dataset, answers.new_classes)
        for item, target in answers.targets.items():
            check_target(item, target, dataset)


def _has_nothing_to_say_of_nothing(bench: OracleUnderTest) -> None:
    try:
        said: Any = bench.made().annotate((), 0)
    except Waiting as status:
        raise AssertionError(f"asked for nothing, it waits: {status}: expected Answers") from status
    expect(
        isinstance(said, Answers) and not said.targets and not said.ignored,
        f"asked for nothing, it says {said!r:.80}: expected Answers({{}})",
    )


def _repeats_itself(bench: OracleUnderTest) -> None:
    resumed = bench.made()
    for whose in ("another one in its folder", "asked once more, it"):
        for before, after in zip(bench.first, bench.said(resumed), strict=False):
            alike = _digest(before) == _digest(after)
            expect(alike, f"{whose} says something else: expected the same, as of a resumed run")


def _digest(answers: Answers | None) -> str:
    return "" if answers is None else answers.sha256()
