"""``alframe bench`` in processes: killed and started again, here or over Ray, one result."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from alframe.benchmarks.running.bench import _changed, _finish, _opened, _run, bench
from alframe.benchmarks.running.grid import grid_of
from alframe.benchmarks.running.prepare import initial_sets, write_initial_sets
from alframe.benchmarks.running.suite import load, write
from alframe.benchmarks.running.work import WorkList
from alframe.config.resolve import from_overrides
from alframe.errors import AlframeError, ConfigError, RunError
from alframe.runs.build import build_dataset
from alframe.runs.initial import write_initial
from tests.benchmarks.fake_runs import cycle, write_run
from tests.benchmarks.tiny_suite import CONTENT, FakeEngine, tiny_suite
from tests.datasets.builders import LABEL, yolo_root

COSTS = {"seconds", "memory"}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(CONTENT, sort_keys=False))
    return path


def command(suite: Path, output: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "alframe", "bench", str(suite), "--output", str(output), *more]


def run(suite: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(suite, output, *more), capture_output=True, text=True, timeout=600, check=False
    )


def without_costs(tree: Any, folder: Path) -> Any:
    """A report without what two equal suites may differ in: times, places, commands."""
    if isinstance(tree, Mapping):
        left_out = COSTS | {"environment", "commands", "path"}
        return {k: without_costs(v, folder) for k, v in tree.items() if k not in left_out}
    return [without_costs(v, folder) for v in tree] if isinstance(tree, list) else tree


def report(folder: Path) -> Any:
    return without_costs(json.loads((folder / "report" / "report.json").read_text()), folder)


def test_a_method_that_cannot_be_built_is_refused_before_anything_is_run(
    suite: Path, tmp_path: Path
) -> None:
    methods = {"random": {"strategy": "random"}, "miaod": {"strategy": "miaod"}}
    suite.write_text(yaml.safe_dump(CONTENT | {"methods": methods}))
    arguments = [str(suite), "--output", str(tmp_path / "out"), "training.iterations=6"]
    with pytest.raises(AlframeError, match=r"miaod on shapes: .* too little for the 4 phases"):
        CliRunner().invoke(bench, arguments, catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_an_initial_set_that_does_not_fit_the_dataset_is_not_replaced(tmp_path: Path) -> None:
    grid = grid_of(tiny_suite())
    sets = initial_sets(grid, tmp_path)
    assert [j.seed for j, _ in sets] == [0, 1]
    write_initial_sets(tmp_path, grid, sets)
    file = tmp_path / "initial" / "shapes" / "seed-1.json"
    before = file.read_text()
    write_initial_sets(tmp_path, grid, sets)
    assert file.read_text() == before
    write_initial(file, ["another"])
    with pytest.raises(RunError, match=r"seed-1\.json is not what seed 1 draws from shapes"):
        write_initial_sets(tmp_path, grid, sets)


def test_an_initial_set_has_no_image_that_is_left_out(tmp_path: Path) -> None:
    root = yolo_root(tmp_path, dict.fromkeys(("train/1", "train/2", "train/3", "val/4"), LABEL))
    cut = root / "images/train/2.jpg"
    cut.write_bytes(cut.read_bytes()[:-100])
    settings = CONTENT["settings"] | {  # type: ignore[operator]
        "dataset": {"name": "yolo", "root": str(root), "on_bad_item": "skip"},
        "budget": {"initial": 2, "per_cycle": 1, "cycles": 1},
    }
    sets = initial_sets(grid_of(tiny_suite(settings=settings, seeds=range(4))), tmp_path / "out")
    assert {ids for _, ids in sets} == {("images/train/1.jpg", "images/train/3.jpg")}


def test_every_method_with_another_budget_is_named_once(tmp_path: Path) -> None:
    methods = {
        "random": {"strategy": "random"},
        "large": {"strategy": "entropy", "budget": {"per_cycle": 7}},
        "other": {"strategy": "margin", "dataset": {"seed": 9}},
    }
    with pytest.raises(ConfigError) as raised:
        initial_sets(grid_of(tiny_suite(methods=methods, seeds=[0, 1], replay=None)), tmp_path)
    starts = ("large on shapes: budget.per_cycle = 7,", "other on shapes: dataset.seed = 9,")
    assert len(raised.value.problems) == len(starts)
    for text, start in zip(raised.value.problems, starts, strict=True):
        assert text.startswith(start)


@pytest.mark.parametrize("kind", ["first/shapes/plain", "run/shapes/entropy", "full/shapes/plain"])
def test_a_suite_goes_on_with_the_data_that_its_runs_began_with(tmp_path: Path, kind: str) -> None:
    suite = tiny_suite()
    grid = grid_of(suite)
    data = build_dataset(next(iter(grid.values()))).fingerprint()
    write_run(tmp_path / kind / "seed-0", [], finished=kind.startswith("run"), fingerprint=data)
    sets = initial_sets(grid, tmp_path)
    other = grid_of(suite.overridden([from_overrides(["dataset.test=9"])]))
    with pytest.raises(
        AlframeError, match=rf"{kind}/seed-0 began with other .* problem shapes has now"
    ):
        initial_sets(other, tmp_path)
    assert initial_sets(other, tmp_path / "another") == sets


def test_a_suite_goes_on_with_data_that_were_moved(tmp_path: Path) -> None:
    files = dict.fromkeys(("train/1", "train/2", "train/3", "val/4"), LABEL)
    budget, grids = {"initial": 2, "per_cycle": 1, "cycles": 1}, []
    for folder, own in (
        ("here", files),
        ("there", files),
        ("other", {**files, "val/4": LABEL.replace("0.25", "0.5")}),
    ):
        root = yolo_root(tmp_path / folder, own)
        dataset = {"name": "yolo", "root": str(root)}
        settings = CONTENT["settings"] | {"dataset": dataset, "budget": budget}  # type: ignore[operator]
        grids.append(grid_of(tiny_suite(settings=settings)))
    here, there, other = grids
    data = build_dataset(next(iter(here.values()))).fingerprint()
    write_run(tmp_path / "out/run/shapes/random/seed-0", [], fingerprint=data)
    assert initial_sets(there, tmp_path / "out") == initial_sets(here, tmp_path / "out")
    with pytest.raises(AlframeError, match=r"run/shapes/random/seed-0 began with other images"):
        initial_sets(other, tmp_path / "out")


def test_methods_of_one_problem_share_dataset_and_budget(suite: Path, tmp_path: Path) -> None:
    methods = {"a": {"strategy": "random"}, "b": {"strategy": "random", "budget": {"cycles": 3}}}
    changed = {"methods": methods, "replay": None, "baselines": ["a"]}
    suite.write_text(yaml.safe_dump(CONTENT | changed))
    with pytest.raises(AlframeError, match=r"b on shapes: budget\.cycles = 3, but a has 2"):
        CliRunner().invoke(bench, [str(suite), "--output", str(tmp_path / "out")],
                           catch_exceptions=False)  # fmt: skip


def test_paths_and_settings_are_told_together(suite: Path, tmp_path: Path) -> None:
    elsewhere = {"dataset": {"name": "voc", "root": str(tmp_path / "gone")}}
    layers = yaml.safe_load(suite.read_text())
    layers["problems"]["other"] = {"settings": elsewhere}
    suite.write_text(yaml.safe_dump(layers))
    ended = CliRunner().invoke(bench, [str(suite), "training.lr=x"])
    assert isinstance(ended.exception, AlframeError)
    lines = ended.exception.problems
    assert ["training.lr: expected a number" in line for line in lines] == [True, False]
    assert lines[-1].startswith(f"{tmp_path}/gone is not a folder")


def test_status_runs_nothing(suite: Path, tmp_path: Path) -> None:
    arguments = [str(suite), "--output", str(tmp_path / "out"), "--status", "--seeds", "0-2,5"]
    result = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].endswith("14 runs: 14 missing")
    assert "run/shapes/entropy/seed-5" in result.stdout
    assert not (tmp_path / "out").exists()


def test_methods_that_the_folder_has_are_told_of(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write(load(str(suite)), tmp_path / "out")
    fewer = {"methods": {"random": {"strategy": "random"}}, "replay": None, "baselines": ["random"]}
    suite.write_text(yaml.safe_dump(CONTENT | fewer))
    arguments = [str(suite), "--output", str(tmp_path / "out"), "--status"]
    result = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    told = result.stdout.splitlines()[0]
    assert told.endswith("out has more methods, which go on, too: entropy")
    assert "run/shapes/entropy/seed-0" in result.stdout


def test_seeds_that_are_added_have_jobs(suite: Path, tmp_path: Path) -> None:
    started, folder = load(str(suite)), tmp_path / "out"
    folder.mkdir()
    write(started, folder)
    WorkList(folder, grid_of(started)).write()
    arguments = [str(suite), "--output", str(folder), "--status", "--seeds", "2"]
    result = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    assert "run/shapes/entropy/seed-2" in result.stdout


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    suite = tiny_suite(seeds=[0])
    torn = [tmp_path / p / ".x.01234567.tmp" for p in (".", "jobs/run", "initial/shapes", "report")]
    for path in torn:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with _opened(tmp_path, suite, grid_of(suite)):
        assert not any(path.exists() for path in torn)


def test_a_seed_is_there_once_in_a_suite_that_goes_on_too(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write(load(str(suite)), tmp_path / "out")
    suite.write_text(yaml.safe_dump(CONTENT | {"seeds": [0, 0]}))
    arguments = [str(suite), "--output", str(tmp_path / "out"), "--status"]
    with pytest.raises(ConfigError, match=r"seeds: expected each once, got \[0, 0\]"):
        CliRunner().invoke(bench, arguments, catch_exceptions=False)


def test_the_command_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bin/alframe", "bench", "my suite", "--seeds", "0-5"])
    changed = _changed(tiny_suite(commands=["another"]), [0], [], None, [])
    assert changed.commands == ("alframe bench 'my suite' --seeds 0-5",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--seeds", "x"], "expected 0,1,2 or 0-5"), (["--seeds", "0,5-3"], "expected 0,1,2 or 0-5"),
     (["--seeds", "0-1000000000"], "expected at most 1,000 of them"),
     (["--seeds", "0-600,700-1200"], "expected at most 1,000 of them"),
     (["--engine", "slurm"], "'slurm' is not one of")],
)  # fmt: skip
def test_wrong_options(suite: Path, arguments: Sequence[str], message: str) -> None:
    result = CliRunner().invoke(bench, [str(suite), *arguments])
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_folder_of_something_else_is_left_alone(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    arguments = [str(suite), "--output", str(tmp_path / "photos")]
    for more in ([], ["--status"]):
        with pytest.raises(RunError, match=r"photos is not empty and holds no suite: choose anot"):
            CliRunner().invoke(bench, [*arguments, *more], catch_exceptions=False)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["a.jpg"]


def test_an_address_needs_ray(suite: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="add --engine ray"):
        CliRunner().invoke(
            bench,
            [str(suite), "--output", str(tmp_path / "o"), "--address", "auto"],
            catch_exceptions=False,
        )


def test_where_everything_failed_the_reasons_are_listed_though_there_is_no_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tiny_suite(seeds=[0], full_supervision="none", replay=None)
    write(suite, tmp_path)
    work = WorkList(tmp_path, grid_of(suite))
    work.write()
    list(work.run(FakeEngine(lambda _: 2)))
    with pytest.raises(RunError, match="there is nothing to report"):
        _finish(work)
    listed = [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed: ")]
    assert len(listed) == len(work.jobs) == 3
    assert listed[0].startswith("failed: first/shapes/plain/seed-0: first/shapes/plain/seed-0 has")


def test_where_some_failed_there_is_a_report_and_the_exit_code_is_1(tmp_path: Path) -> None:
    suite = tiny_suite(seeds=[0], full_supervision="none", replay=None)
    write(suite, tmp_path)
    work = WorkList(tmp_path, grid_of(suite))
    work.write()
    for job, config in grid_of(suite).items():
        if job.method != "entropy":
            write_run(work.path(job), [0.1, 0.2], strategy=config.strategy.name)
    list(work.run(FakeEngine(lambda _: 2)))
    with pytest.raises(click.exceptions.Exit) as ended:
        _finish(work)
    assert ended.value.exit_code == 1
    assert (tmp_path / "report" / "report.html").exists()


def test_a_suite_ends_once_a_run_of_each_problem_lacks_its_metric(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"settings": {"model": "retina-tiny"}}
    suite = tiny_suite(
        seeds=[0], full_supervision="none", replay=None, problems={"a": problem, "b": problem}
    )
    work = WorkList(tmp_path, grid_of(suite))

    def measures(name: str) -> int:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "cycles.jsonl").write_text(json.dumps(cycle(0, 0.5)) + "\n")
        return 0

    engine = FakeEngine(measures)
    with pytest.raises(ConfigError, match=r"^metric: unknown metric 'mAP5'.*; correct it in the s"):
        _run(work, engine, "mAP5")
    assert [name for name, _ in engine.calls] == [f"first/{p}/plain/seed-0" for p in "ab"]
    assert engine.stopped
    engine = FakeEngine(measures)
    with pytest.raises(ConfigError, match=r"^metric: unknown metric 'mAP5'"):
        _run(WorkList(tmp_path, work._grid), engine, "mAP5")
    assert not engine.calls, "those that have finished are looked at first"
    _run(WorkList(tmp_path, work._grid), FakeEngine(measures), "mAP50")
    assert capsys.readouterr().out.count("] run/") == 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite, run without interruption."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONTENT, sort_keys=False))
    done = run(folder / "tiny.yaml", folder / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


@pytest.mark.slow
def test_every_job_is_finished_and_repeating_changes_nothing(whole: Path) -> None:
    content = report(whole)
    assert content["unfinished"] == []
    (problem,) = content["problems"]
    assert problem["noise"] == 0.0  # on one CPU with one thread
    assert [m["name"] for m in problem["methods"]] == ["random", "entropy"]
    assert [p["value"]["n"] for m in problem["methods"] for p in m["points"]] == [2, 2, 2, 2]
    page = (whole / "report" / "report.html").read_text()
    assert "data:image/jpeg;base64," in page
    first = [m["points"][0]["value"]["mean"] for m in problem["methods"]]
    assert first[0] == first[1]  # one first cycle for both


@pytest.mark.slow
def test_killed_twice_it_ends_with_the_same_report(
    whole: Path, suite: Path, tmp_path: Path
) -> None:
    for finished in (1, 4):
        process = subprocess.Popen(command(suite, tmp_path / "out"), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 300
        while _finished(tmp_path / "out") < finished:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(1.5)  # well inside the next job
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = run(suite, tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert report(tmp_path / "out") == report(whole)


@pytest.mark.slow
def test_ray_gives_the_same_report(whole: Path, suite: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs alframe[ray]")
    done = run(suite, tmp_path / "out", "--engine", "ray", "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert report(tmp_path / "out") == report(whole)


def _finished(folder: Path) -> int:
    journal = folder / "journal.jsonl"
    return journal.read_text().count('"finished"') if journal.exists() else 0
