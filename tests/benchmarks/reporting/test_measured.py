"""Seconds of annotation: measured where a tool told them of everything, else modelled."""

import csv
import io
import json
from pathlib import Path

import pytest

from alframe.benchmarks.reading.rundirs import read_runs
from alframe.benchmarks.reporting.collect import of_runs
from alframe.benchmarks.reporting.export import to_csv
from alframe.benchmarks.reporting.findings import Findings
from alframe.benchmarks.reporting.page import markdown
from alframe.benchmarks.reporting.plots import draw_curves, looks_of
from tests.benchmarks.fake_runs import write_run


def with_field(run: Path, field: str, *values: float) -> None:
    """Write a value into each cycle of a run."""
    path = run / "cycles.jsonl"
    cycles = [json.loads(line) for line in path.read_text().splitlines()]
    for cycle, value in zip(cycles, values, strict=True):
        cycle[field] = value
    path.write_text("".join(f"{json.dumps(cycle)}\n" for cycle in cycles))


def timed(run: Path, *seconds: float) -> None:
    """Write what annotating took so far into each cycle of a run."""
    with_field(run, "annotation_seconds", *seconds)


def of_one_object_each(folder: Path) -> None:
    """Make the runs those of a classifier, whose images have one class each."""
    for run in folder.iterdir():
        with_field(run, "objects", 10, 20, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, strategy in (("1", "random"), ("2", "entropy")):
        write_run(tmp_path / name, [0.1, 0.3, 0.5], strategy=strategy)
    return tmp_path


def findings(folder: Path) -> Findings:
    return of_runs(read_runs([folder]), "mAP50")


def test_areas_are_over_measured_seconds(folder: Path) -> None:
    timed(folder / "1", 100, 200, 300)
    timed(folder / "2", 100, 250, 300)
    (problem,) = findings(folder).problems
    area = {m.name: m.area["seconds"].mean for m in problem.methods}
    # random: (.2 * 100 + .4 * 100) / 200; entropy: (.2 * 150 + .4 * 50) / 200
    assert area == {"random": pytest.approx(0.3), "entropy": pytest.approx(0.25)}
    assert problem.spans["seconds"] == (100, 300)
    text = markdown(findings(folder))
    assert "over measured seconds" in text
    assert "as the annotation tool says" in text
    assert "modelled seconds" not in text.lower().replace("modelled cost", "")
    (row, *_) = csv.DictReader(io.StringIO(to_csv(findings(folder))))
    assert float(row["annotation_seconds"]) == 100
    panels = draw_curves([problem], "mAP50", looks_of([problem])).axes
    assert [axes.get_xlabel() for axes in panels][1:] == [
        "annotated objects",
        "hours of annotation",
    ]
    assert panels[2].lines[0].get_xdata().tolist() == pytest.approx(
        [100 / 3600, 200 / 3600, 1 / 12]
    )


def test_where_one_run_was_not_timed_all_are_modelled(folder: Path) -> None:
    timed(folder / "1", 100, 200, 300)
    write_run(folder / "3", [0.1, 0.3, 0.5], seed=1)
    (problem,) = findings(folder).problems
    assert [p.seconds for p in problem.methods[0].points] == [None] * 3
    # 10, 20, 30 images with 3 objects each: 7.8 + 3 * 34.5 = 111.3 s an image
    assert problem.spans["seconds"] == pytest.approx((1113, 3339))
    assert "over modelled seconds" in markdown(findings(folder))
    assert len(draw_curves([problem], "mAP50", looks_of([problem])).axes) == 2


def test_classes_of_images_have_no_price_of_boxes(folder: Path) -> None:
    of_one_object_each(folder)
    (problem,) = findings(folder).problems
    assert [*problem.spans] == ["images"]
    assert {*problem.methods[0].area} == {"images"}
    assert {c.axis for c in problem.comparisons} == {"images"}
    (panel,) = draw_curves([problem], "mAP50", looks_of([problem])).axes
    assert panel.get_legend() is not None
    assert "odelled" not in markdown(findings(folder))


def test_classes_of_images_are_counted_in_measured_seconds(folder: Path) -> None:
    of_one_object_each(folder)
    timed(folder / "1", 100, 200, 300)
    timed(folder / "2", 100, 200, 300)
    (problem,) = findings(folder).problems
    assert problem.spans == {"images": (10, 30), "seconds": (100, 300)}
    assert len(draw_curves([problem], "mAP50", looks_of([problem])).axes) == 2
