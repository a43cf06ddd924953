"""Collapses: a loss that comes back to where it began."""

import pytest
from torch import nn

from alframe.config.sections import TrainingConfig
from alframe.training.batch import Batch
from alframe.training.collapses import WINDOW, Collapses
from alframe.training.fit import CLASS_LOSS
from alframe.training.phases import Losses, Phase, Step
from tests.fakes import MemoryCheckpoint
from tests.training.test_fit import SGD, Journal, Killed, loss, train


def noted(*plateaus: tuple[float, int]) -> list[int]:
    collapses = Collapses(0)
    for level, steps in plateaus:
        collapses.add([level] * steps)
    return collapses.steps


@pytest.mark.parametrize(
    ("plateaus", "steps"),
    [
        ([], []),
        ([(1.0, 19)], []),
        ([(1.0, 20), (2.0, 50)], []),  # it rises, but learnt nothing before
        ([(1.0, 20), (0.76, 50), (1.0, 50)], []),  # never below 75 %
        ([(1.0, 20), (0.7, 50), (0.89, 50)], []),  # never above 90 %
        # 7 of 20 at 1.0 and 13 at 0.7 are 0.805; 14 and 6 are 0.91.
        ([(1.0, 20), (0.7, 50), (1.0, 50)], [84]),
        ([(1.0, 20), (0.7, 50), (1.0, 50), (0.7, 30), (1.0, 30)], [84, 164]),
        ([(1.0, 20), (0.7, 50), (1.0, 50), (0.8, 30), (1.0, 30)], [84]),
        ([(4.0, 20), (2.8, 50), (4.0, 50)], [84]),  # whatever the scale
    ],
)
def test_a_collapse_is_a_return_after_something_was_learnt(
    plateaus: list[tuple[float, int]], steps: list[int]
) -> None:
    assert noted(*plateaus) == steps


def test_single_batches_are_no_collapse() -> None:
    assert noted((1.0, WINDOW), (0.5, WINDOW), (5.0, 1), (0.5, 100)) == []


def test_a_warning_says_where_it_was_and_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    collapses = Collapses(3)
    collapses.add([1.0] * 20 + [0.7] * 50 + [1.0] * 14)
    assert caplog.messages == [
        "cycle 3: after 84 steps the classification loss is back at 0.91, where it began (1), and "
        "was 0.7: set or lower training.clip_norm, lower training.lr, or set training.warmup or a "
        "larger training.batch_size"
    ]


def follows(levels: list[float], begin: int = 0, dies: int | None = None) -> Step:
    """A step whose classification loss is the next of ``levels``."""
    at = [begin]

    def step(model: nn.Module, batch: Batch) -> Losses:
        if at[0] == dies:
            raise Killed
        at[0] += 1
        terms = loss(model, batch).terms
        return Losses(dict(terms) | {CLASS_LOSS: terms["error"] * 0 + levels[at[0] - 1]})

    return Step("labelled", step)


def test_each_phase_has_its_own_of_one_count() -> None:
    step = follows([1.0] * 20 + [0.7] * 50 + [1.0] * 50 + [0.7] * 30)
    phases = (Phase("a", 80, (step,)), Phase("b", 40, (step,)), Phase("c", 30, (step,)))
    journal = Journal()
    train(TrainingConfig(iterations=150, **SGD), phases, journal=journal)
    assert [summary["collapses"] for _, summary in journal.phases] == [[], [84], []]


def test_without_a_classification_loss_there_is_no_count() -> None:
    journal = Journal()
    train(TrainingConfig(iterations=30, **SGD), (Phase("x", 30, (Step("labelled", loss),)),),
          journal=journal)  # fmt: skip
    assert "collapses" not in journal.phases[0][1]


def test_killed_and_resumed_it_counts_the_same() -> None:
    levels = [1.0] * 25 + [0.7] * 100 + [1.0] * 75
    config = TrainingConfig(iterations=200, **SGD)
    checkpoint, journal = MemoryCheckpoint(), Journal()
    with pytest.raises(Killed):
        train(config, (Phase("label", 200, (follows(levels, dies=130),)),), checkpoint=checkpoint)
    again = (Phase("label", 200, (follows(levels, begin=100),)),)
    train(config, again, checkpoint=checkpoint, journal=journal)
    assert journal.phases[0][1]["collapses"] == noted((1.0, 25), (0.7, 100), (1.0, 75)) == [139]
