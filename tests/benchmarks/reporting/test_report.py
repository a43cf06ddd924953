"""``alframe report`` from the command line."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from alframe.benchmarks.reporting.report import report
from alframe.errors import RunError
from alframe.files.locks import writing_into
from tests.benchmarks.fake_runs import write_run

FILES = ["curves.png", "curves.svg"]
FILES += [f"report.{kind}" for kind in ("csv", "html", "json", "md", "tex")]


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*args):
        return CliRunner().invoke(report, [str(a) for a in args], catch_exceptions=False)

    return call


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_run(tmp_path, invoke):
    run = write_run(tmp_path / "run", [0.25, 0.5], finished=False)
    result = invoke(run)
    assert result.exit_code == 0
    assert names(run / "report") == FILES
    assert "| random (unfinished) | 1 | 25.00 | 50.00 |" in result.stdout
    assert f"random, seed 0 (unfinished): 2 cycles so far, {run}\n" in result.stdout
    assert "±" not in result.stdout
    text = (run / "report" / "report.md").read_text()
    assert result.stdout.split("\n\n")[1] in text
    assert f"### Cycles of {run}, seed 0\n" in text
    assert "| 1 | 20 | 60 | 3.00 | 50.00 | 25.00 | 12.34 | 1.00 | 0.50 |" in text
    order = ("report.md", "report.csv", "report.json", "report.html", "report.tex")
    assert result.stderr.splitlines() == [
        f"wrote {run / 'report' / name}" for name in (*order, "curves.png", "curves.svg")
    ]


def test_a_folder_of_runs(tmp_path, invoke):
    for seed, value in enumerate([0.1, 0.2, 0.3]):
        write_run(tmp_path / "runs" / f"random-{seed}", [value, value], seed=seed)
    write_run(tmp_path / "runs" / "started", [], strategy="miaod", finished=False)
    result = invoke("runs")
    assert names(tmp_path / "report") == FILES
    assert "| random | 3 | 20.00 ± 10.00 | 20.00 ± 10.00 |" in result.stdout
    assert "| miaod (unfinished) |" in result.stdout
    assert "miaod, seed 0 (unfinished): 0 cycles so far, runs/started" in result.stdout
    assert "± is the standard deviation over n runs." in result.stdout
    assert "Cycles of" not in (tmp_path / "report" / "report.md").read_text()


def test_formats_output_and_metric(tmp_path, invoke):
    write_run(tmp_path / "run", [0.25])
    result = invoke("run", "--format", "json", "--metric", "mAP50_11pt", "--output", "a/b")
    assert names(tmp_path / "a" / "b") == ["curves.png", "curves.svg", "report.json"]
    assert not (tmp_path / "run" / "report").exists()
    content = json.loads((tmp_path / "a" / "b" / "report.json").read_text())
    assert content["metric"] == "mAP50_11pt"
    assert "12.50" in result.stdout


def test_a_second_report_replaces_the_first_and_is_equal(tmp_path, invoke):
    write_run(tmp_path / "run", [0.25])
    invoke("run")
    before = {p.name: p.read_bytes() for p in (tmp_path / "run" / "report").iterdir()}
    invoke("run")
    assert {p.name: p.read_bytes() for p in (tmp_path / "run" / "report").iterdir()} == before


def test_datasets_get_sections_of_their_own(tmp_path, invoke):
    write_run(tmp_path / "runs" / "1", [0.1], dataset="shapes")
    write_run(tmp_path / "runs" / "2", [0.2], dataset="voc")
    text = invoke("runs").stdout
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## shapes", "## voc"]


def test_runs_that_measure_something_else_say_so(tmp_path, invoke):
    write_run(tmp_path / "runs" / "1", [0.1])
    other = write_run(tmp_path / "runs" / "2", [0.2], dataset="figures") / "cycles.jsonl"
    other.write_text(other.read_text().replace("mAP50", "accuracy"))
    told = "random, seed 0: mAP50 is not measured, but accuracy"
    assert told in invoke("runs").stdout.partition("## figures")[2]
    assert told in (tmp_path / "report" / "report.md").read_text().partition("## figures")[2]


def test_the_same_seed_twice_is_said(tmp_path, invoke):
    write_run(tmp_path / "runs" / "1", [0.1])
    write_run(tmp_path / "runs" / "2", [0.2])
    assert "random: seed 0 was run 2 times" in invoke("runs").stdout


def test_unwritable_output(tmp_path, invoke):
    write_run(tmp_path / "run", [0.1])
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write to file/x: Not a directory; choose another"):
        invoke("run", "--output", "file/x")


def test_errors_are_those_of_alframe(tmp_path, invoke):
    write_run(tmp_path / "run", [0.1])
    with pytest.raises(RunError, match="nowhere is not a run directory"):
        invoke("nowhere")
    with pytest.raises(RunError, match="unknown metric 'mAP'; known"):
        invoke("run", "--metric", "mAP")


def test_help_and_registration_import_nothing_heavy():
    code = (
        "import sys, alframe.benchmarks.reporting.report;"
        "print([m for m in ('matplotlib', 'torch', 'pydantic', 'numpy') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_what_a_kill_left_beside_a_report_is_removed_by_who_is_alone(tmp_path):
    torn = tmp_path / ".report.md.01234567.tmp"
    torn.write_text("half")
    with writing_into(tmp_path):
        assert not torn.exists()
        torn.write_text("half, by another process that is writing now")
        with writing_into(tmp_path):
            assert torn.exists()
