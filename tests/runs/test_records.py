"""What follows from a journal, and every way in which ``cycles.jsonl`` may say something else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alframe.datasets.base import Target
from alframe.errors import RunError
from alframe.runs.journal import Event
from alframe.runs.records import difference, results_table, selections, selections_due

BOX = [1.0, 1.0, 2.0, 2.0]
TARGETS = {"a": Target.of([BOX], [0]), "b": Target.of([BOX, BOX], [0, 1]), "c": Target.of([], [])}
EVENTS: list[Event] = [
    {"event": "initial", "ids": ["a"]},
    {"event": "evaluated", "cycle": 0, "metrics": {"mAP50": 0.5, "AP50": {"x": float("nan")}}},
    {"event": "selected", "cycle": 0, "ids": ["b"]},
    {"event": "evaluated", "cycle": 1, "metrics": {"mAP50": 0.25}},
    {"event": "selected", "cycle": 1, "ids": []},
    {"event": "finished"},
]
CYCLES: list[dict[str, Any]] = [
    {"cycle": 0, "labelled": 1, "objects": 1, "metrics": EVENTS[1]["metrics"], "selected": ["b"]},
    {"cycle": 1, "labelled": 2, "objects": 3, "metrics": {"mAP50": 0.25}, "selected": []},
]
ADDED: list[Event] = [
    {"event": "selected", "cycle": 1, "ids": ["c"]},
    {"event": "evaluated", "cycle": 2, "metrics": {}},
    {"event": "selected", "cycle": 2, "ids": []},
]


def found(path: Path, cycles: list[dict[str, Any]], events: list[Event] = EVENTS) -> str:
    file = path / "cycles.jsonl"
    file.write_text("".join(json.dumps(c | {"seconds": {}}) + "\n" for c in cycles))
    return difference(file, events, TARGETS)


def test_the_last_selection_of_a_cycle_counts() -> None:
    assert selections(EVENTS) == {0: ["b"], 1: []}
    assert selections([*EVENTS, *ADDED]) == {0: ["b"], 1: ["c"], 2: []}


@pytest.mark.parametrize(("length", "due"), [(0, 0), (2, 0), (3, 1), (4, 1), (6, 1), (7, 2)])
def test_a_selection_is_due_before_each_later_cycle(length: int, due: int) -> None:
    assert selections_due([*EVENTS, *ADDED][:length]) == due


def test_what_annotators_gave_up_does_not_count(tmp_path: Path) -> None:
    given_up: Event = {"event": "annotated", "cycle": 1, "ignored": ["b"], "extra": []}
    rest = CYCLES[1] | {"labelled": 1, "objects": 1}
    assert found(tmp_path, [CYCLES[0], rest], [*EVENTS[:3], given_up, *EVENTS[3:]]) == ""


def test_an_honest_file(tmp_path: Path) -> None:
    assert found(tmp_path, CYCLES) == ""
    added = [CYCLES[0], CYCLES[1] | {"selected": ["c"]}]
    third = {"cycle": 2, "labelled": 3, "objects": 3, "metrics": {}, "selected": []}
    assert found(tmp_path, [*added, third], [*EVENTS, *ADDED]) == ""
    assert difference(tmp_path / "none", EVENTS[:2], TARGETS) == ""


@pytest.mark.parametrize(
    "change",
    [{"labelled": 99}, {"objects": 4}, {"metrics": {"mAP50": 0.99}}, {"selected": ["a"]},
     {"cycle": 2}, {"metrics": {}, "selected": ["c"]}],
)  # fmt: skip
def test_another_entry_is_named(tmp_path: Path, change: Mapping[str, Any]) -> None:
    problem = f"it has other {', '.join(change)} in cycle 1"
    assert found(tmp_path, [CYCLES[0], CYCLES[1] | change]) == problem


def test_cycles_may_neither_be_missing_nor_added(tmp_path: Path) -> None:
    assert found(tmp_path, CYCLES[:1]) == "number of cycles: 1 instead of 2"
    assert found(tmp_path, [*CYCLES, CYCLES[1]]) == "number of cycles: 3 instead of 2"


def test_after_a_kill_the_file_may_be_one_selection_behind(tmp_path: Path) -> None:
    assert found(tmp_path, CYCLES[:1], EVENTS[:5]) == ""
    assert found(tmp_path, CYCLES, [*EVENTS, ADDED[0]]) == ""
    assert found(tmp_path, [], EVENTS[:5]) == "number of cycles: 0 instead of 2"
    false = [CYCLES[0] | {"labelled": 99}, CYCLES[1]]
    assert found(tmp_path, false, EVENTS[:5]) == "it has other labelled in cycle 0"
    assert found(tmp_path, CYCLES, [*EVENTS, *ADDED[:2]]) == "it has other selected in cycle 1"


@pytest.mark.parametrize("line", ["{", "[]"])
def test_a_damaged_file_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "cycles.jsonl"
    file.write_text(line)
    with pytest.raises(RunError, match=r"cycles\.jsonl, line 1 is damaged: .*--resume' writes"):
        difference(file, EVENTS, TARGETS)


def test_seconds_that_nobody_measured_are_no_column() -> None:
    cycle = {"cycle": 0, "labelled": 1, "objects": 2, "seconds": {"fit": 1.5}}
    cycle |= {"metrics": {"mAP": 0.5, "AP": {"a,b": None}}, "annotation_seconds": None}
    lines = results_table([cycle]).splitlines()
    assert lines == ['cycle,labelled,objects,mAP,"AP/a,b",seconds/fit', "0,1,2,0.5,,1.5"]
    assert "annotation_seconds" in results_table([cycle | {"annotation_seconds": 0.0}])
