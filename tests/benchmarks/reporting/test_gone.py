"""What was run is reported after its plugins are gone, without torch, and through few files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from alframe.benchmarks.reporting.report import report
from alframe.benchmarks.running.bench import bench
from alframe.benchmarks.running.grid import grid_of
from alframe.benchmarks.running.suite import write
from alframe.benchmarks.running.work import WorkList
from alframe.errors import ConfigError
from alframe.runs.build import build_dataset
from tests.benchmarks.fake_runs import cycle
from tests.benchmarks.tiny_suite import tiny_suite

CODE = """
import sys
from pathlib import Path
from alframe.cli import main
{before}
try:
    main({arguments})
except SystemExit as ended:
    assert ended.code == 0, ended.code
{after}
heavy = ("torch", "torchvision", "timm", "alframe.config.sections")
print([m for m in heavy[:{count}] if m in sys.modules])
"""


def alframe(*arguments: str, before: str = "", after: str = "", count: int = 3) -> list[str]:
    """What a process of its own says, last of all which heavy modules it has imported."""
    code = CODE.format(arguments=list(arguments), before=before, after=after, count=count)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def suite_of_the_gone(folder: Path, dataset: str | None = None) -> Path:
    """A finished suite; its second method, and the dataset if named, are of nobody any more."""
    suite = tiny_suite(seeds=[0])
    grid = grid_of(suite)
    folder.mkdir()
    WorkList(folder, grid).write()
    fingerprints: dict[str, str] = {}
    for job, config in grid.items():
        built = build_dataset(config)
        content = config.model_dump(mode="json")
        fingerprints["dataset"] = built.fingerprint()
        if job.method == "entropy":
            content["strategy"] = {"name": "gone", "depth": 3}
        if dataset:
            content["dataset"]["name"] = dataset
        path = folder / job.name
        path.mkdir(parents=True)
        (path / "config.yaml").write_text(yaml.safe_dump(content))
        about = {"name": "shapes", "fingerprint": built.fingerprint(), "pool": 24}
        manifest = {"finished": "2026-01-01T00:00:00+00:00", "dataset": about}
        (path / "manifest.json").write_text(json.dumps(manifest))
        chosen = list(built.pool[:3])
        lines = [cycle(n, 0.1 * (n + 1)) | {"selected": chosen} for n in range(job.cycles)]
        (path / "cycles.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    gone = {"random": {"strategy": "random"}, "entropy": {"strategy": "gone"}}
    write(suite.model_copy(update={"methods": gone}), folder)
    return folder


def test_a_suite_is_reported_without_torch_and_without_its_strategy(tmp_path: Path) -> None:
    folder = suite_of_the_gone(tmp_path / "suite")
    *said, heavy = alframe("report", str(folder))
    assert heavy == "[]"
    assert "| entropy | 1 | **10.00** | **20.00** | 10.00 |" in said
    page = (folder / "report" / "report.html").read_text()
    assert "data:image/jpeg;base64," in page, "what was selected is shown"
    assert "cannot be shown" not in page
    content = json.loads((folder / "report" / "report.json").read_text())
    assert content["unfinished"] == []
    assert [m["strategy"] for m in content["problems"][0]["methods"]] == ["random", "gone"]


def test_pictures_need_the_dataset_and_all_else_does_not(tmp_path: Path) -> None:
    folder = suite_of_the_gone(tmp_path / "suite", dataset="gone-photos")
    done = CliRunner().invoke(report, [str(folder)], catch_exceptions=False)
    said = done.stdout.splitlines()
    assert "| entropy | 1 | **10.00** | **20.00** | 10.00 |" in said
    (note,) = [line for line in said if line.startswith("What was selected cannot be shown")]
    assert "unknown dataset 'gone-photos'" in note


def test_where_a_suite_stands_is_read(tmp_path: Path) -> None:
    """Only where more is wanted than the folder has is the suite resolved."""
    folder = suite_of_the_gone(tmp_path / "suite")
    arguments = ("bench", str(folder / "suite.yaml"), "--output", str(folder), "--status")
    first, *lines, heavy = alframe(*arguments)
    assert heavy == "[]"
    assert first == f"{folder}: 5 runs: 5 finished"
    assert [line.split() for line in lines][1] == [
        "run/shapes/random/seed-0", "finished", "2/2", "cycles", "mAP50", "20.0", "%",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="entropy on shapes: unknown strategy 'gone'"):
        CliRunner().invoke(bench, [*arguments[1:], "--seeds", "1"], catch_exceptions=False)


def test_the_page_of_one_run_enters_few_files(tmp_path: Path) -> None:
    """At most twenty of benchmarks/, imports and the page's template among them."""
    folder = suite_of_the_gone(tmp_path / "suite") / "run" / "shapes" / "random" / "seed-0"
    before = """
entered = set()
sys.settrace(lambda frame, event, argument: entered.add(frame.f_code.co_filename))
"""
    after = """
sys.settrace(None)
found = {Path(name).resolve() for name in entered if "benchmarks" in Path(name).parts}
print(*sorted(f"file {path}" for path in found), sep="\\n")
"""
    said = alframe("report", str(folder), "--format", "html", before=before, after=after)
    files = [line for line in said if line.startswith("file ")]
    assert any(line.endswith("reporting/page.html") for line in files)
    assert 15 < len(files) <= 20, "\n".join(files)
    assert (folder / "report" / "report.html").stat().st_size > 10_000
