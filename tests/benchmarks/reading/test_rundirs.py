"""Reading run directories, and saying what is wrong with them."""

import json
import os

import pytest

from alframe.benchmarks.reading.rundirs import Cycle, Run, flat, read_run, read_runs
from alframe.errors import DataError, RunError
from tests.benchmarks.fake_runs import cycle, write_run


def test_reads_what_the_directory_says(tmp_path):
    run = read_run(write_run(tmp_path / "a", [0.1, None], strategy="entropy", seed=7))
    assert [(c.cycle, c.labelled, c.objects) for c in run.cycles] == [(0, 10, 30), (1, 20, 60)]
    assert (run.seed, run.pool, run.finished) == (7, 200, True)
    assert (run.name("strategy"), run.dataset) == ("entropy", ("shapes", "f" * 64))
    assert run.cycles[0].numbers() == {
        "mAP50": 0.1,
        "mAP50_11pt": 0.05,
        "AP50.disc": 0.1,
        "AP50.ring": None,
    }
    assert run.cycles[1].numbers()["mAP50"] is None


def test_a_section_may_have_no_name(tmp_path):
    run = Run(tmp_path, {"strategy": None, "learner": {}, "model": "fcos"}, {}, ())
    names = [run.name(section) for section in ("strategy", "learner", "model", "dataset")]
    assert names == ["?", "?", "fcos", "none"]


def test_the_mean_of_classes_and_a_class_with_a_comma():
    measured = Cycle(
        cycle=0, labelled=1, objects=1, metrics={"AP": {"a": 0.25, "b": 0.5, "a,b": 1}}
    )
    assert [measured.value(f"AP.{names}") for names in ("a", "b,a", "a,b", "a,c")] == [
        0.25, 0.375, 1, None
    ]  # fmt: skip


def test_the_mean_of_classes_with_dots():
    numbers = {"v1.0": 0.25, "v2.5": 0.75, "x": 0.5}
    measured = Cycle(cycle=0, labelled=1, objects=1, metrics={"m": 1, "AP": numbers})
    names = ("AP.v1.0", "AP.v1.0,v2.5", "AP.x,v2.5", "AP.v1.0,y", "AP.0,v2", "m,AP.x")
    assert [measured.value(name) for name in names] == [0.25, 0.5, 0.625, None, None, 0.75]


def test_nan_and_true_are_no_numbers(tmp_path):
    assert Cycle(cycle=0, labelled=1, objects=1, metrics={"a": True}).value("a") is None
    path = write_run(tmp_path / "a", [float("nan")])
    assert "NaN" in (path / "cycles.jsonl").read_text()
    assert read_run(path).cycles[0].numbers()["mAP50"] is None


def test_a_run_that_has_ended_has_cycles(tmp_path):
    path = write_run(tmp_path / "a", [0.1])
    (path / "cycles.jsonl").unlink()
    with pytest.raises(RunError, match=r"cycles\.jsonl has no cycle, and the run has ended: 'alf"):
        read_run(path)


def test_finds_runs_at_any_depth_each_once_and_in_order(tmp_path):
    paths = [
        write_run(tmp_path / name, [0.1]) for name in ("suite/a/seed0", "suite/a/seed1", "suite/b")
    ]
    found = read_runs([paths[2], tmp_path / "suite", paths[0]])
    assert [run.path for run in found] == [paths[2], paths[0], paths[1]]


def test_linked_runs_are_found_each_once(tmp_path):
    own = write_run(tmp_path / "runs" / "b", [0.1])
    elsewhere = write_run(tmp_path / "scratch" / "a", [0.1])
    for link, target in (("a", elsewhere), ("again", own), ("round", tmp_path / "runs")):
        (tmp_path / "runs" / link).symlink_to(target)
    assert [run.path for run in read_runs([tmp_path / "runs"])] == [tmp_path / "runs" / "a", own]


def test_method_is_what_remains_without_seed_output_device_and_dataset(tmp_path):
    a = read_run(write_run(tmp_path / "a", [0.1], seed=0))
    b = read_run(write_run(tmp_path / "b", [0.1], seed=1, dataset="voc"))
    assert a.method() == b.method()
    assert a.method() == {
        "model.name": "retina",
        "learner.name": "plain",
        "strategy.name": "random",
        "training.lr": 0.1,
    }


def test_flat():
    assert flat({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}


class TestErrors:
    def test_a_folder_that_holds_a_suite(self, tmp_path):
        write_run(tmp_path / "alone", [0.1])
        runs = [write_run(tmp_path / "bench" / kind / "a", [0.1]) for kind in ("run", "first")]
        (tmp_path / "bench" / "suite.yaml").write_text("")
        with pytest.raises(RunError, match=r"holds the suite .*/bench, whose runs .* report that"):
            read_runs([tmp_path])
        with pytest.raises(RunError, match="holds the suite"):
            read_runs([tmp_path / "bench"])
        assert [run.path for run in read_runs([tmp_path / "bench" / "run"])] == runs[:1]

    def test_not_a_run_directory(self, tmp_path):
        (tmp_path / "config.yaml").write_text("a: 1")
        with pytest.raises(RunError, match=r"is not a run directory and holds none"):
            read_runs([tmp_path])

    def test_a_folder_that_cannot_be_opened(self, tmp_path, monkeypatch):
        write_run(tmp_path / "1", [0.1])
        for name in ("2", ".cache"):
            (tmp_path / name).mkdir()
        real = os.scandir

        def scandir(path):
            if str(path).endswith(("/2", "/.cache")):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        monkeypatch.setattr(os, "scandir", scandir)
        with pytest.raises(DataError, match=r"/2 cannot be opened \(Permission denied\)"):
            read_runs([tmp_path])
        (tmp_path / "2").rmdir()
        assert len(read_runs([tmp_path])) == 1, "a hidden folder is none of ours"

    def test_no_such_folder(self, tmp_path):
        with pytest.raises(RunError, match="nowhere is not a run directory"):
            read_runs([tmp_path / "nowhere"])

    def test_no_finished_cycle(self, tmp_path):
        path = write_run(tmp_path / "a", [], finished=False)
        with pytest.raises(RunError, match=r"a: no finished cycle yet"):
            read_runs([path])

    def test_a_run_without_cycles_may_stand_beside_others(self, tmp_path):
        write_run(tmp_path / "a", [], finished=False)
        write_run(tmp_path / "b", [0.1])
        assert [len(r.cycles) for r in read_runs([tmp_path])] == [0, 1]

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ('{"cycle": 1, "label', "it is not JSON: Unterminated string"),
            ("[]", r"expected an object, got \[\]"),
            (json.dumps(cycle(1, 0.1) | {"labelled": "ten"}), "labelled: Input should be"),
            ('{"cycle": 1, "labelled": 20, "objects": 60}', "metrics: Field required"),
            (json.dumps(cycle(0, 0.1)), "cycle 0 after 0"),
            (json.dumps(cycle(1, 0.1) | {"annotation_seconds": -1}), "annotation_seconds: Input"),
        ],
    )
    def test_damaged_line_is_named(self, tmp_path, line, reason):
        path = write_run(tmp_path / "a", [0.1])
        with (path / "cycles.jsonl").open("a") as file:
            file.write(line)
        with pytest.raises(RunError, match=rf"a/cycles\.jsonl, line 2 is damaged: {reason}"):
            read_runs([path])

    def test_damaged_files_are_named_all_at_once(self, tmp_path):
        (write_run(tmp_path / "a", [0.1]) / "config.yaml").write_text("a: [")
        (write_run(tmp_path / "b", [0.1]) / "manifest.json").write_text("{")
        (write_run(tmp_path / "c", [0.1]) / "config.yaml").write_text("- 1")
        with pytest.raises(RunError) as caught:
            read_runs([tmp_path / name for name in "abc"])
        assert [p.split(" is damaged")[0] for p in caught.value.problems] == [
            str(tmp_path / "a" / "config.yaml"),
            str(tmp_path / "b" / "manifest.json"),
            str(tmp_path / "c" / "config.yaml"),
        ]
        assert "expected a mapping, got [1]" in caught.value.problems[-1]
