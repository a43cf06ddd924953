"""Without a terminal, a line now and then tells how far the work has come."""

import logging
import sys

import pytest

from alframe import progress
from alframe.datasets import bulk
from alframe.progress import EVERY, Progress, over
from alframe.streams import DeclaredSignals
from tests.fakes import FakeLearner, fake_dataset


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test moves."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_each_half_minute(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "alframe")
    with Progress(2600, "cycle 0 label", "iterations") as told:
        told.update(60)
        clock[0] += EVERY - 1
        told.update(1)
        assert caplog.messages == []
        clock[0] += 1
        told.update(59, note="loss 1.23")
        clock[0] += EVERY
        told.rename("cycle 0 min")
        told.update(1180)
    assert caplog.messages == [
        "cycle 0 label: 120 of 2,600 iterations, loss 1.23, 10 min left",  # 30 s / 120 * 2480
        "cycle 0 min: 1,300 of 2,600 iterations, 60 s left",
    ]


def test_an_error_output_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with Progress(2, "reading", "images") as told:
        told.update()


def test_what_was_done_before_does_not_count_for_the_time_left(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "alframe")
    with Progress(30_000, "fit", "iterations") as told:
        told.skip(29_000)
        clock[0] += 60
        told.update(10)
    assert caplog.messages == ["fit: 29,010 of 30,000 iterations, 1 h 39 min left"]


def test_reading_and_scoring_tell_too(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "alframe")

    def slow(item: str) -> str:
        clock[0] += EVERY
        return item

    assert len(list(bulk.in_threads(["a", "b"], slow, 1, "read images"))) == 2
    assert caplog.messages[-1].startswith("read images: ")
    data, learner = fake_dataset(), FakeLearner()
    signal = next(iter(learner.provides))
    reader = DeclaredSignals(learner, data.images, learner.provides, title="cycle 3 score")
    seen = 0
    for batch in reader.signals(data.pool, frozenset({signal})):
        clock[0] += EVERY
        seen += len(batch.ids)
    assert seen == len(data.pool)
    assert caplog.messages[-1] == f"cycle 3 score: {seen} of {seen} images, 0 s left"


def test_in_a_terminal_a_bar_says_it(
    clock: list[float], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    caplog.set_level(logging.INFO, "alframe")
    for _ in over(range(3), 3, "read", "images"):
        clock[0] += EVERY
    assert caplog.messages == []
    assert "read" in capsys.readouterr().err


def test_only_the_first_process_speaks(
    clock: list[float], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "is_main_process", lambda: False)
    caplog.set_level(logging.INFO, "alframe")
    for _ in over(range(3), 3, "read", "images"):
        clock[0] += EVERY
    assert caplog.messages == []
