"""What is stored and read back: what is damaged is named, and nothing else is read."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alframe.errors import RunError
from alframe.files import checkpoints
from alframe.files.checked import read_object, read_stored_yaml, to_lines, write_object, write_yaml
from alframe.files.sealed import MARK, sealed
from alframe.runs.journal import Journal
from alframe.runs.scores import read_scores, write_scores
from alframe.runs.weights import read_weights

EXPECTED = {"state": object}


def saved(path: Path, content: Any = None) -> Path:
    checkpoints.save(path, "conf", {"state": content or {"w": torch.arange(50.0)}})
    return path


def test_a_checkpoint_is_read_by_torch_alone_too(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt")
    assert path.read_bytes()[-22:-8] == MARK
    ours = checkpoints.load(path, "conf", "", EXPECTED)
    for loaded in (torch.load(path, weights_only=True), ours):
        assert loaded["configuration"] == "conf"
        assert torch.equal(loaded["state"]["w"], torch.arange(50.0))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


def test_every_flipped_bit_of_a_checkpoint_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt")
    whole = path.read_bytes()
    for position in range(0, 8 * len(whole), 5):
        content = bytearray(whole)
        content[position // 8] ^= 1 << position % 8
        path.write_bytes(content)
        with pytest.raises(RunError, match=r"a\.pt is damaged, it.*: restore it"):
            checkpoints.load(path, "conf", "restore it", EXPECTED)


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 100, MARK, MARK + b"0" * 8])
def test_what_is_no_archive_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(RunError, match=r"a\.pt is damaged"):
        checkpoints.load(tmp_path / "a.pt", "conf", "restore it", EXPECTED)
    with pytest.raises(RunError, match=r"a\.npz is damaged"):
        read_scores(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([1], "is not a checkpoint of alframe: do"),
        ({"state": 1}, "is not a checkpoint of alframe: do"),
        ({"configuration": "x", "state": 1}, "was written under another configuration"),
        ({"configuration": "conf"}, "is damaged, without its state: do"),
        ({"configuration": io.BytesIO}, r"is not a checkpoint of alframe \(UnpicklingError\): do"),
    ],
)
def test_a_sealed_file_of_something_else(tmp_path: Path, content: Any, problem: str) -> None:
    path = tmp_path / "run" / "a.pt"
    path.parent.mkdir()
    with sealed(path) as file:
        torch.save(content, file)  # type: ignore[arg-type]
    with pytest.raises(RunError, match=problem):
        checkpoints.load(path, "conf", "do", EXPECTED)


def zipped(path: Path, **members: bytes) -> Path:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    with sealed(path) as file:
        file.write(content.getvalue())
    return path


def npy(shape: str, descr: str = "'<f8'", data: bytes = b"") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header = header.ljust(118 if len(header) < 118 else len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


IDS = npy("(1,)", "'<U1'", "a".encode("utf-32-le"))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"ids": IDS},
        {"ids": IDS, "scores": npy("(1000000000000,)")},
        {"ids": IDS, "scores": npy("(" + "9" * 400 + ",)")},
        {"ids": IDS, "scores": npy("(-1,)")},
        {"ids": IDS, "scores": npy("(1, 1)", data=b"\0" * 8)},
        {"ids": IDS, "scores": npy("(2,)", data=b"\0" * 16)},
        {"ids": IDS, "scores": npy("(1,)", "'|O'", b"\0" * 8)},
        {"ids": IDS, "scores": npy("(1,", data=b"\0" * 8)},
        {"ids": IDS, "scores": npy("(1,)", "[[[]]]", b"\0" * 8)},
        {"ids": npy("(1,)", "'<U1'", b"\xff" * 4), "scores": npy("(1,)", data=b"\0" * 8)},
        {"ids": b"", "scores": b""},
    ],
)
def test_scores_that_are_none(tmp_path: Path, members: dict[str, bytes]) -> None:
    with pytest.raises(RunError, match=r"a\.npz is damaged \(.*\): restore it"):
        read_scores(zipped(tmp_path / "a.npz", **members))


def test_scores_that_expand_beyond_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.npz", ids=IDS, scores=npy("(1,)", data=b"\0" * 8))
    assert read_scores(path) == {"a": 0.0}
    monkeypatch.setattr("alframe.runs.scores.LIMIT", 200)
    with pytest.raises(RunError, match=r"a\.npz is damaged \(it expands to more than .*: restore"):
        read_scores(path)


def test_scores_that_expand_more_than_they_say(tmp_path: Path) -> None:
    with (
        sealed(tmp_path / "s.npz") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as packed,
    ):
        packed.writestr("ids.npy", b"\0" * 1000)
    with pytest.raises(RunError, match="compressed in a way that numpy does not write"):
        read_scores(tmp_path / "s.npz")


def test_of_a_checkpoint_no_more_settings_are_taken_than_it_may_have(tmp_path: Path) -> None:
    settings = {
        "model": {"name": "retina"},
        "strategy": {"name": "mine:S"},
        "dataset": {"name": "a"},
    }
    told = {"settings": settings, "classes": ["cat"]}
    checkpoints.save(tmp_path / "c.pt", "x", {"cycle": 0, "state": {}, "about": told})
    assert read_weights(tmp_path / "c.pt").layer == {"model": {"name": "retina"}}


def test_scores_are_read_by_numpy_alone_too(tmp_path: Path) -> None:
    path, scores = tmp_path / "a.npz", {"b": 0.5, "a\udcff": -1.0, "": float("nan")}
    write_scores(path, scores)
    assert str(read_scores(path)) == str({k: scores[k] for k in sorted(scores)})
    with np.load(path) as stored:
        assert stored["scores"].tolist()[1:] == [-1.0, 0.5]
    write_scores(path, {})
    assert read_scores(path) == {}
    assert read_scores(tmp_path / "none.npz") is None


RIGHT: list[dict[str, Any]] = [
    {"event": "initial", "ids": ["a"], "test": [], "sha256": "x"},
    {
        "event": "annotated",
        "cycle": 0,
        "images": 1,
        "objects": 1,
        "ignored": [],
        "extra": [],
        "sha256": "c",
    },
    {"event": "cycle_started", "cycle": 0, "labelled": 1, "objects": 1},
    {"event": "phase_finished", "cycle": 0, "phase": "label", "index": 0},
    {"event": "fitted", "cycle": 0, "seconds": 1.5},
    {"event": "evaluated", "cycle": 0, "metrics": {"mAP50": float("nan")}, "seconds": 1},
    {"event": "selected", "cycle": 0, "ids": ["b"], "seconds": 0.0, "memory": {}},
    {
        "event": "annotated",
        "cycle": 1,
        "images": 1,
        "objects": 1,
        "ignored": [],
        "extra": [],
        "sha256": "d",
    },
    {"event": "of a later version", "cycle": 1},
]


def test_a_right_journal_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path.parent).extend(RIGHT)
    assert str(list(Journal(path.parent))) == str(RIGHT)
    Journal(path.parent).append("finished")
    assert [e["event"] for e in Journal(path.parent)][-1] == "finished"


@pytest.mark.parametrize(
    ("line", "change", "reason"),
    [
        *((n, {"event": None}, "it has no event") for n in (0, 6)),
        (0, {"ids": "a"}, "'ids' of 'initial' is not a list of ids, each once: 'a'"),
        (0, {"ids": ["a", "a"]}, "'ids' of 'initial' is not a list of ids, each once"),
        (0, {"ids": [1]}, "'ids' of 'initial' is not a list of ids"),
        (1, {"cycle": 10**400}, "'cycle' of 'annotated' is not a whole number: a number of too"),
        (1, {"cycle": -1}, "'cycle' of 'annotated' is not a whole number: -1"),
        (1, {"cycle": 0.0}, "is not a whole number: 0.0"),
        (1, {"cycle": False}, "is not a whole number: False"),
        (1, {"cycle": "0"}, "is not a whole number: '0'"),
        (1, {"cycle": 2}, "cycle 2 after cycle 0"),
        (8, {"cycle": 0}, "cycle 0 after cycle 1"),
        (1, {"cycle": 1 << 40}, "cycle 1,099,511,627,776 after cycle 0"),
        (1, {"objects": None}, "'objects' of 'annotated' is not a whole number: None"),
        (1, {"new_classes": []}, "'new_classes' of 'annotated' is not a list of names, each"),
        (1, {"new_classes": ["a", "a"]}, "is not a list of names, each once: ['a', 'a']"),
        (4, {"seconds": float("inf")}, "'seconds' of 'fitted' is not seconds: inf"),
        (4, {"seconds": -1}, "is not seconds: -1"),
        (5, {"metrics": []}, "'metrics' of 'evaluated' is not a mapping: []"),
        (7, {"cycle": 0}, "'annotated' of cycle 0 is there twice"),
        (8, {"cycle": 10**400}, "'cycle' of 'of a later version' is not a whole number"),
        *((n, key, f"without its '{key}'") for n, e in enumerate(RIGHT[:8]) for key in e
          if key != "event"),
    ],
)  # fmt: skip
def test_a_wrong_event_is_named(tmp_path: Path, line: int, change: Any, reason: str) -> None:
    path, events = tmp_path / "journal.jsonl", [dict(e) for e in RIGHT]
    if isinstance(change, str):
        del events[line][change]
    else:
        events[line] |= change
    path.write_text(to_lines(events)[0])
    with pytest.raises(RunError) as error:
        Journal(path.parent)
    (problem,) = error.value.problems
    assert problem.startswith(f"{path}, line {line + 1} is damaged: ")
    assert reason in problem
    assert problem.endswith("'alframe report' and 'alframe predict' do not need it")


@pytest.mark.parametrize("kind", ["annotated", "cycle_started", "fitted", "evaluated"])
def test_what_there_is_once_in_a_cycle(tmp_path: Path, kind: str) -> None:
    at = next(n for n, event in enumerate(RIGHT) if event["event"] == kind)
    path = tmp_path / "journal.jsonl"
    path.write_text(to_lines([*RIGHT[: at + 1], *RIGHT[at:]])[0])
    with pytest.raises(RunError, match=f"'{kind}' of cycle 0 is there twice"):
        Journal(path.parent)


@pytest.mark.parametrize(
    ("order", "line"),
    [
        ([0, 1, 3, 4, 5, 6], 3),  # taken out
        ([1, 2, 3, 4, 5, 6], 1),
        ([0, 1, 2, 2, 3, 4, 5, 6], 4),  # doubled
        ([0, 2, 1, 3, 4, 5, 6], 2),  # moved
    ],
)
def test_lines_that_were_moved_are_noticed(tmp_path: Path, order: list[int], line: int) -> None:
    path = tmp_path / "journal.jsonl"
    lines = to_lines(RIGHT)[0].splitlines(keepends=True)
    path.write_text("".join(lines[n] for n in order))
    with pytest.raises(RunError, match=rf"line {line} is damaged: its checksum does not match"):
        Journal(path.parent)


def test_a_line_of_somebody_else_between_ours_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(to_lines(RIGHT[:2])[0] + '{"event": "finished"}\n')
    with pytest.raises(RunError, match="line 3 is damaged: it has no checksum, those before have"):
        Journal(path.parent)


@pytest.mark.parametrize("raw", [b"\xff\n", b"[1]\n", b"1\n", b"\n", b"{}x\n", b"[" * 9999 + b"\n"])
def test_a_line_that_is_no_object_is_damaged(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(to_lines(RIGHT[:1])[0].encode() + raw)
    with pytest.raises(RunError, match="line 2 is damaged: "):
        Journal(path.parent)


def test_files_of_other_programs_need_no_checksum(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "a.yaml").write_text("a: 1\n")
    assert (
        read_object(tmp_path / "a.json", "")
        == read_stored_yaml(tmp_path / "a.yaml", "")
        == {"a": 1}
    )


def test_what_has_changed_since_it_was_written_is_named(tmp_path: Path) -> None:
    write_object(tmp_path / "a.json", {"a": 1, "é": "\ud800"})
    write_yaml(tmp_path / "a.yaml", "a: 1\n")
    assert read_object(tmp_path / "a.json", "") == {"a": 1, "é": "\ud800"}
    assert read_stored_yaml(tmp_path / "a.yaml", "") == {"a": 1}
    for name, read in (("a.json", read_object), ("a.yaml", read_stored_yaml)):
        path = tmp_path / name
        path.write_text(path.read_text().replace("1", "2", 1))
        with pytest.raises(RunError, match=rf"{name} is damaged, .*changed since.*: restore"):
            read(path, "restore it")
        path.write_text("[")
        with pytest.raises(RunError, match=rf"{name} is damaged, .*: restore it"):
            read(path, "restore it")


def test_a_journal_whose_last_byte_has_changed_is_not_one_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path.parent)
    for cycle in (0, 1):
        journal.append("fitted", cycle=cycle)
    path.write_bytes(path.read_bytes()[:-1] + b"\x0b")
    with pytest.raises(RunError, match="line 2 is damaged: its end has changed"):
        Journal(path.parent)
