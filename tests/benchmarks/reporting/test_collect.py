"""From run directories to findings, worked by hand."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from alframe.benchmarks.reading.rundirs import read_runs
from alframe.benchmarks.reporting.collect import of_runs, of_suite
from alframe.benchmarks.reporting.export import to_csv, to_json
from alframe.benchmarks.reporting.findings import Findings, Method
from alframe.benchmarks.reporting.method_tables import comparisons
from alframe.benchmarks.reporting.run_tables import single_run
from alframe.benchmarks.running.grid import grid_of
from alframe.benchmarks.running.suite import write as write_suite
from alframe.benchmarks.running.work import WorkList
from alframe.benchmarks.statistics import Costs
from alframe.errors import RunError
from alframe.runs.journal import Journal
from tests.benchmarks.fake_runs import write_run
from tests.benchmarks.tiny_suite import tiny_suite


def findings(folder: Path, metric: str = "mAP50") -> Findings:
    return of_runs(read_runs([folder]), metric)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """random over three seeds, the last of them stopped after one cycle; miaod over one."""
    write_run(tmp_path / "1", [0.10, 0.20], seed=0)
    write_run(tmp_path / "2", [0.20, 0.30], seed=1)
    write_run(tmp_path / "3", [0.60], seed=2, finished=False)
    write_run(tmp_path / "4", [0.25, 0.505], strategy="miaod", learner="miaod")
    return tmp_path


def rows(folder: Path, metric: str = "mAP50") -> dict[str, Method]:
    (problem,) = findings(folder, metric).problems
    return {m.title: m for m in problem.methods}


def changed(run: Path, cycle: int, **values: object) -> None:
    """Write other values into a cycle of a run."""
    lines = (run / "cycles.jsonl").read_text().splitlines(keepends=True)
    lines[cycle] = json.dumps(json.loads(lines[cycle]) | values) + "\n"
    (run / "cycles.jsonl").write_text("".join(lines))


def test_of_cycles_with_one_number_of_images_the_last_counts(tmp_path: Path) -> None:
    """As where annotators gave up every image of a selection."""
    path = write_run(tmp_path / "1", [0.1, 0.2, 0.4]) / "cycles.jsonl"
    path.write_text(path.read_text().replace('"labelled": 20', '"labelled": 10'))
    first, second = rows(tmp_path)["random"].points
    assert [(p.labelled, p.value.n, p.value.mean) for p in (first, second)] == [
        (10, 1, 0.2), (30, 1, 0.4)
    ]  # fmt: skip


def test_mean_sd_and_n(folder: Path) -> None:
    first, second = rows(folder)["random (unfinished)"].points
    # mean .3, deviations -.2 -.1 .3, squares .04 + .01 + .09 = .14, over n - 1 = 2: .07
    assert (first.labelled, first.objects, first.value.n) == (10, 30, 3)
    assert first.value.mean == pytest.approx(0.3)
    assert first.value.sd == pytest.approx(0.07**0.5)
    # mean .25, deviations -.05 .05: .005 over 1
    assert (second.labelled, second.value.n) == (20, 2)
    assert second.value.sd == pytest.approx(0.005**0.5)
    assert [p.value.sd for p in rows(folder)["miaod"].points] == [None, None]


def test_n_is_of_runs_that_have_a_value(tmp_path: Path) -> None:
    write_run(tmp_path / "1", [0.1], seed=0)
    write_run(tmp_path / "2", [], seed=1, finished=False)
    (method,) = rows(tmp_path).values()
    assert (len(method.runs), method.n) == (2, 1)


def test_runs_of_one_budget_are_compared_by_the_metric(tmp_path: Path) -> None:
    for seed, (random, other) in enumerate([(0.1, 0.3), (0.2, 0.3)]):
        write_run(tmp_path / f"random-{seed}", [random], seed=seed)
        write_run(tmp_path / f"miaod-{seed}", [other], seed=seed, strategy="miaod", learner="miaod")
    (problem,) = findings(tmp_path).problems
    assert [m.area for m in problem.methods] == [{}, {}]
    assert {(c.method, c.n, c.wins) for c in problem.comparisons} == {("miaod", 2, 2)}
    assert problem.comparisons[0].difference == pytest.approx(0.15)
    table = comparisons(problem, "mAP50", 0.05)
    assert table
    assert "with a single budget it is the metric itself" in table.notes[0]
    for seed in range(2):
        changed(tmp_path / f"miaod-{seed}", 0, objects=99)
    (problem,) = findings(tmp_path).problems
    assert [c.axis for c in problem.comparisons] == ["images"], "on others no two meet"


def test_areas_and_comparisons_are_of_finished_runs(folder: Path) -> None:
    (problem,) = findings(folder).problems
    # heights of random: (.1 + .2) / 2 and (.2 + .3) / 2; of miaod: (.25 + .505) / 2 = .3775
    area = {m.name: m.area["images"] for m in problem.methods}
    assert area["random"].mean == pytest.approx(0.2)
    assert area["random"].n == 2
    assert area["miaod"].mean == pytest.approx(0.3775)
    (images, *others) = problem.comparisons
    assert (images.method, images.against, images.axis, images.n) == (
        "miaod", "random", "images", 1,
    )  # fmt: skip
    assert images.difference == pytest.approx(0.3775 - 0.15)  # with seed 0 alone
    assert not images.decidable
    assert [c.axis for c in others] == ["objects", "seconds"]


def test_seconds_are_of_whole_runs(folder: Path) -> None:
    whole = {"fit": 2 * 12.34, "evaluate": 2.0, "select": 1.0}
    for name in ("miaod", "random (unfinished)"):
        seconds = rows(folder)[name].seconds
        assert seconds
        assert all(run == pytest.approx(whole) for run in seconds), name


def test_memory_is_the_most_that_a_cycle_took(tmp_path: Path) -> None:
    path = write_run(tmp_path / "1", [0.1, 0.2])
    for cycle, size in enumerate((3.0, 2.0)):
        changed(path, cycle, memory={"host": size})
    assert rows(tmp_path)["random"].memory == {"host": 3.0}


def test_columns_and_notes(folder: Path) -> None:
    (problem,) = findings(folder).problems
    assert problem.columns == [10, 20]
    assert problem.pool == 200
    assert f"random, seed 2 (unfinished): 1 cycle so far, {folder / '3'}" in problem.notes
    smaller = {"name": "shapes", "fingerprint": "f" * 64, "pool": 100}
    write_run(folder / "5", [0.1], seed=3, manifest={"dataset": smaller})
    assert findings(folder).problems[0].pool is None


def test_areas_are_taken_over_what_all_finished_runs_cover(tmp_path: Path) -> None:
    write_run(tmp_path / "1", [0.1, 0.2, 0.3])
    write_run(tmp_path / "2", [0.1, 0.2], strategy="entropy")
    write_run(tmp_path / "3", [0.1], strategy="miaod", finished=False)
    (problem,) = findings(tmp_path).problems
    assert problem.spans == {
        "images": (10, 20), "objects": (30, 60),
        "seconds": (10 * 7.8 + 30 * 34.5, 20 * 7.8 + 60 * 34.5),
    }  # fmt: skip
    assert problem.methods[0].area["images"].mean == pytest.approx(0.15)


def test_a_seed_that_was_run_twice_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "1", [0.1, 0.2])
    write_run(tmp_path / "2", [0.2, 0.2])
    (problem,) = findings(tmp_path).problems
    assert any(note.startswith("random: seed 0 was run 2 times") for note in problem.notes)
    assert problem.methods[0].points[0].value.n == 2
    assert problem.methods[0].area["images"].n == 1


def test_metric_of_a_class_and_of_several(folder: Path) -> None:
    assert rows(folder, "AP50.disc")["miaod"].points[0].value.mean == 0.25
    assert rows(folder, "AP50.disc,disc")["miaod"].points[0].value.mean == 0.25


@pytest.mark.parametrize("metric", ["AP50.ring", "AP50.disc,ring"])
def test_a_metric_without_a_number_in_any_run(folder: Path, metric: str) -> None:
    with pytest.raises(RunError, match=f"a number for the metric '{metric}': no test split"):
        findings(folder, metric)


@pytest.mark.parametrize("metric", ["mAP5", "AP50.rings", "AP50.disc,rings"])
def test_a_metric_that_no_run_has(folder: Path, metric: str) -> None:
    known = r"unknown metric '.*'; known: AP50\.CLASS, mAP50, mAP50_11pt"
    with pytest.raises(RunError, match=known):
        findings(folder, metric)


def test_a_number_of_cocos_by_its_own_name(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", [0.5])
    line = json.loads((path / "cycles.jsonl").read_text())
    line["metrics"]["COCO"] = {"AP": 0.25, "AP75": 0.125, "AR_small": None}
    (path / "cycles.jsonl").write_text(json.dumps(line) + "\n")
    for name in ("AP75", "COCO.AP75"):
        found = findings(tmp_path, name)
        assert found.metric == "COCO.AP75"
        assert found.problems[0].methods[0].points[0].value.mean == 0.125
    table = single_run(findings(tmp_path).problems[0])
    assert table
    heads = [cell.text for cell in table.heads]
    assert [h for h in heads if h.startswith(("m", "A", "C"))] == ["mAP50", "mAP50_11pt"]
    with pytest.raises(RunError, match=r"no run has a number for the metric 'COCO\.AR_small'"):
        findings(tmp_path, "AR_small")
    with pytest.raises(RunError, match=r"known: AP50\.CLASS, COCO\.AP, COCO\.AP75, COCO\.AR_sm"):
        findings(tmp_path, "AP70")


def test_datasets_are_kept_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "1", [0.1], dataset="voc")
    write_run(tmp_path / "2", [0.2], dataset="shapes", fingerprint="abcdef0123")
    write_run(tmp_path / "3", [0.3], dataset="shapes", fingerprint="0123456789")
    names = [p.name for p in findings(tmp_path).problems]
    assert names == ["voc", "shapes [abcdef01]", "shapes [01234567]"]


def suite_of(
    folder: Path, methods: Mapping[str, Sequence[float]], seeds: Sequence[int], **changes: object
) -> None:
    """A suite of random and entropy with runs of these values, and full supervision of .4."""
    suite = tiny_suite(seeds=seeds, replay=None, **changes)
    grid = grid_of(suite)
    write_suite(suite, folder)
    WorkList(folder, grid).write()
    for job, config in grid.items():
        values = [0.4] if job.kind == "full" else methods.get(job.method)
        if values:
            write_run(folder / job.name, values, strategy=config.strategy.name, seed=job.seed)


def test_a_suite_says_by_which_metric_costs_and_level_it_is_reported(tmp_path: Path) -> None:
    values = {"random": [0.1, 0.4], "entropy": [0.2, 0.4]}
    terms = {"metric": "mAP50_11pt", "costs": {"image": 1, "object": 2}, "alpha": 0.9}
    suite_of(tmp_path, values, [0, 1], **terms)
    found = of_suite(tmp_path)
    assert (found.metric, found.costs, found.alpha) == ("mAP50_11pt", Costs(1, 2), 0.9)
    assert found.wins is not None
    assert found.wins.decidable, "two seeds are enough at this level"
    assert of_suite(tmp_path, "mAP50").metric == "mAP50"


def test_a_failed_job_solves_no_problem(tmp_path: Path) -> None:
    suite_of(tmp_path, {"random": [0.1, 0.4]}, seeds=[0, 1])
    before = of_suite(tmp_path).profile
    assert before is not None
    # entropy was not run yet: random has its three levels with two seeds
    assert (before.problems, before.ratios) == (6, {"random": (1.0,) * 6})
    failed = {"job": "run/shapes/entropy/seed-0", "seconds": 1.0, "reason": "out of memory"}
    Journal(tmp_path).append("failed", **failed)
    after = of_suite(tmp_path).profile
    assert after is not None
    assert (after.problems, after.ratios) == (3, {"random": (1.0,) * 3, "entropy": ()})
    assert after.left_out == {"shapes": (1,)}


def test_a_method_of_which_a_job_failed_is_marked(tmp_path: Path) -> None:
    suite_of(tmp_path, {"random": [0.1, 0.4]}, seeds=[0])
    job = "run/shapes/entropy/seed-0"
    write_run(tmp_path / job, [0.1], strategy="entropy", finished=False)
    assert [m.title for m in of_suite(tmp_path).problems[0].methods][1] == "entropy (unfinished)"
    failed = {"job": job, "seconds": 1.0, "reason": "out of memory"}
    Journal(tmp_path).append("failed", **failed)
    found = of_suite(tmp_path)
    assert [m.title for m in found.problems[0].methods][1] == "entropy (failed)"
    assert (found.unfinished[-1].job, found.unfinished[-1].reason) == (job, "out of memory")


def test_a_run_without_a_number_in_its_last_cycle_is_out_of_areas_alone(tmp_path: Path) -> None:
    write_run(tmp_path / "1", [0.1, 0.2, 0.6])
    write_run(tmp_path / "2", [0.2, 0.3, 0.7], strategy="entropy")
    write_run(tmp_path / "3", [0.2, 0.3, None], strategy="entropy", seed=1)
    found = findings(tmp_path)
    (problem,) = found.problems
    assert problem.spans["images"] == (10, 30)
    assert [c.n for c in problem.comparisons] == [1, 1, 1]
    assert [p.value.n for p in problem.methods[1].points] == [2, 2, 1]
    assert any("has no area (AUBC)" in note for note in problem.notes)


def test_wins_are_of_every_size_that_has_a_number(tmp_path: Path) -> None:
    write_run(tmp_path / "1", [0.1, None])
    write_run(tmp_path / "2", [0.2, None], strategy="entropy")
    wins = findings(tmp_path).wins
    assert wins is not None
    assert wins.cells == 1


def test_csv_has_a_line_a_point_in_fractions(folder: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv(findings(folder)))))
    assert len(lines) == 4
    assert lines[3] == {
        "problem": "shapes", "method": "miaod", "learner": "miaod", "strategy": "miaod",
        "finished": "true", "labelled": "20", "share": "0.1", "objects": "60.0",
        "annotation_seconds": "",
        "metric": "mAP50", "mean": "0.505", "sd": "", "n": "1", "low": "", "high": "",
    }  # fmt: skip
    assert lines[0]["finished"] == "false"
    assert float(lines[0]["sd"]) == pytest.approx(0.07**0.5)
    assert float(lines[0]["low"]) < float(lines[0]["mean"]) < float(lines[0]["high"])


def test_json_has_everything_and_the_runs_behind_it(folder: Path) -> None:
    content = json.loads(to_json(findings(folder)))
    assert (content["metric"], content["alpha"]) == ("mAP50", 0.05)
    (problem,) = content["problems"]
    random, miaod = problem["methods"]
    assert [run["finished"] for run in random["runs"]] == [True, True, False]
    assert miaod["points"][1]["value"] == {"mean": 0.505, "sd": None, "n": 1, "interval": None}
    (run,) = miaod["runs"]
    assert (run["path"], run["seed"], run["finished"]) == (str(folder / "4"), 0, True)
    assert run["cycles"][0] == {
        "cycle": 0, "labelled": 10, "objects": 30, "annotation_seconds": None, "memory": {},
        "metrics": {"mAP50": 0.25, "mAP50_11pt": 0.125, "AP50.disc": 0.25, "AP50.ring": None},
        "seconds": {"fit": 12.34, "evaluate": 1.0, "select": 0.5},
    }  # fmt: skip


def test_a_run_alone_has_no_published_rows_beneath(tmp_path: Path) -> None:
    """They are 11-point AP, and what is tabled by default is the area under the curve."""
    write_run(tmp_path / "a", [0.1, 0.2], dataset="voc", model="retina", strategy="miaod")
    assert [problem.published for problem in findings(tmp_path).problems] == [()]
