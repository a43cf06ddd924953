"""One oracle that breaks each rule of the conformance kit, and some that break none."""

import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from alframe.annotations.files_oracle import FilesOracle
from alframe.datasets.base import Target
from alframe.errors import Waiting
from alframe.oracle import Answers, OracleSetup, SimulatedOracle, is_human, simulated
from alframe.testing import check_oracle
from tests.fakes import fake_dataset


class Own:
    """Answers with a box each; what is wrong is a subclass's."""

    def __init__(self, setup: OracleSetup) -> None:
        self._dataset, self._folder = setup.dataset, setup.folder

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        return Answers({item: self.target(item) for item in ids})

    def target(self, item: str) -> Target:
        return Target.of([[1, 1, 6, 7]], [0])


class ForgetsOne(Own):
    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        return super().annotate(ids[1:], cycle)


class UnknownClass(Own):
    def target(self, item: str) -> Target:
        return Target.of([[1, 1, 6, 7]], [2])


class Outside(Own):
    def target(self, item: str) -> Target:
        return Target.of([[1, 1, 60, 7]], [0])


class Wanders(Own):
    def __init__(self, setup: OracleSetup) -> None:
        super().__init__(setup)
        self._asked = 0

    def target(self, item: str) -> Target:
        self._asked += 1
        return Target.of([[1, 1, 6, 6 + self._asked / 100]], [0])


class Forgets(Own):
    """Counts how often one was made in its folder."""

    def __init__(self, setup: OracleSetup) -> None:
        super().__init__(setup)
        self._mark = setup.folder / "mark"

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        if ids and cycle and self._mark.exists():
            raise Waiting("two answers are missing")
        if cycle:
            self._mark.touch()
        return super().annotate(ids, cycle)


class Mute(Own):
    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        raise Waiting("" if ids else "three items are waited for")


class AsksOnceMade(Own):
    def __init__(self, setup: OracleSetup) -> None:
        super().__init__(setup)
        self.people = True


class Draws(Own):
    def target(self, item: str) -> Target:
        random.random()
        return super().target(item)


class Rewrites(Own):
    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        for item in self._dataset.test:
            torch.from_numpy(self._dataset.targets[item].boxes).mul_(0.5)
        return super().annotate(ids, cycle)


class GivesMore(Own):
    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        return super().annotate(ids or self._dataset.pool[:1], cycle)


class Waits(Own):
    people: ClassVar[bool] = True

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        if ids and cycle:
            raise Waiting("three items are waited for: answer them")
        return super().annotate(ids, cycle)


class New(Own):
    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        targets: Mapping[str, Target] = {item: Target.of([[1, 1, 6, 7]], [2]) for item in ids[1:]}
        return Answers(targets, ignored=frozenset(ids[:1]), new_classes=("c",))


@pytest.mark.parametrize("good", [Own, Waits, New, simulated])
def test_good_oracles_pass(good: Any) -> None:
    check_oracle(good, dataset=fake_dataset())


def test_an_oracle_may_look_at_the_annotations_of_the_drawn_shapes() -> None:
    check_oracle(simulated)


def test_drawn_shapes_are_annotated_by_default() -> None:
    seen = set[str]()

    class Looks(SimulatedOracle):
        def __init__(self, setup: OracleSetup) -> None:
            super().__init__(setup.dataset.targets)
            seen.add(setup.dataset.name)

        def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
            return Answers({item: Target.of([[1, 1, 6, 7]], [0]) for item in ids})

    check_oracle(Looks)
    assert seen == {"shapes"}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (ForgetsOne, r"the oracle's answers for cycle 0: 1 without an answer: p000"),
        (UnknownClass, "labels that are none of 0 to 1, in p000, p001, p002"),
        (Outside, r"p000: boxes are .*: expected x1 < x2, y1 < y2 in pixels of its 8 x 8 image"),
        (Wanders, "says something else: expected the same, as of a resumed run"),
        (Forgets, "another one in its folder says something else"),
        (Mute, "Waiting says nothing: expected what for"),
        (Mute, "asked for nothing, it waits: three items are waited for: expected Answers"),
        (AsksOnceMade, "people is False of what makes it and True of what is made"),
        (Draws, "the oracle moved the global generator of random"),
        (Rewrites, "the oracle changed the annotations it was handed: expected it to copy"),
        (GivesMore, r"asked for nothing, it says Answers\(.*: expected Answers\({}\)"),
        (lambda setup: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_an_oracle_that_breaks_a_rule(broken: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_oracle(broken, dataset=fake_dataset())


def test_a_partial_of_an_oracle_of_people_asks_people(tmp_path: Path) -> None:
    assert is_human(partial(FilesOracle, format="voc"))
    check_oracle(partial(Waits), dataset=fake_dataset())
