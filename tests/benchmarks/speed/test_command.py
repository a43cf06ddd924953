"""``python -m alframe.benchmarks.speed`` from the command line."""

import json
import re
import sys
from types import ModuleType

import pytest
import torch
from click.testing import CliRunner

from alframe.benchmarks.speed import contest, evaluation_cases
from alframe.benchmarks.speed.command import _setting, speed
from alframe.errors import ConfigError
from alframe.training.device import faster_in_bf16


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    made_up = evaluation_cases._made_up
    monkeypatch.setattr(evaluation_cases, "_made_up", lambda images: made_up(10))


def invoke(*args):
    return CliRunner().invoke(speed, [*args, "--quick", "--device", "cpu"], catch_exceptions=False)


def test_some_cases(tmp_path, monkeypatch):
    forgotten = []
    monkeypatch.setattr(contest, "forget", lambda: forgotten.append(1))
    monkeypatch.setattr(sys, "argv", ["speed/__main__.py", "evaluation", "a b"])
    result = invoke("evaluation", "k-center/16551x256", "--output", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert len(forgotten) == 3, "after each case"
    steps = re.sub(r" \d+ s", " N s", result.stderr)
    assert steps.splitlines() == [
        "[1/3] evaluation/voc  N s",
        "[2/3] evaluation/coco  N s",
        "[3/3] k-center/16551x256  N s",
    ]
    assert result.stdout == (tmp_path / "out" / "speed.md").read_text()
    assert "PASS" not in result.stdout, "a quick run is held against no target"
    content = json.loads((tmp_path / "out" / "speed.json").read_text())
    assert [row["side"] for row in content["rows"]] == [
        *("loop", "ours", "pycocotools", "ours"),
        *("one product a pick", "ours"),
    ]
    ours, loop = (content["rows"][i]["measures"] for i in (1, 0))
    values = zip(ours["seconds"]["values"], loop["seconds"]["values"], strict=True)
    assert ours["ratio"]["values"] == [a / b for a, b in values]
    assert content["clock"] == "wall"
    assert content["command"] == "python -m alframe.benchmarks.speed evaluation 'a b'"


def test_a_case_that_fails_is_reported_and_the_next_begins(monkeypatch, tmp_path):
    def broken(images):
        raise MemoryError("not enough")

    monkeypatch.setattr(evaluation_cases, "_made_up", broken)
    result = invoke("evaluation/voc", "k-center/16551x256", "--output", str(tmp_path))
    assert result.exit_code == 1
    assert re.search(r"^\[1/2\] evaluation/voc  \d+ s, 1 FAILED$", result.stderr, re.M)
    assert "| evaluation/voc |  |  |  |  |  |  | failed: MemoryError: not enough |" in result.stdout
    assert "| k-center/16551x256 | ours |" in result.stdout


def test_what_was_compiled_is_forgotten(monkeypatch):
    """Of a second shape, a graph would be made that is for any."""
    reset = []
    monkeypatch.setattr(torch.compiler, "reset", lambda: reset.append(1))
    monkeypatch.setitem(sys.modules, "torch._dynamo", ModuleType("dynamo"))
    contest.forget()
    assert reset == [1]
    monkeypatch.delitem(sys.modules, "torch._dynamo")
    contest.forget()
    assert reset == [1], "nothing was compiled, and nothing is imported"


@pytest.mark.parametrize(("device", "current"), [("cuda:1", [1]), ("cuda", []), ("cpu", [])])
def test_events_are_of_the_device_that_is_measured(device, current, monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: chosen.append(device.index))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert _setting(device, True, 7, None, "wall").device == torch.device(device)
    assert chosen == current


def test_unknown_cases_are_refused():
    with pytest.raises(ConfigError, match="no case or family fast on this device"):
        invoke("fast")


@pytest.mark.slow
def test_every_case_runs():
    result = invoke("--clock", "processor")
    assert result.exit_code == 0, result.stdout
    here = ["precision"] if faster_in_bf16(torch.device("cpu")) else []
    for family in ("train", "infer", "miaod", "launches", "data", "growth", *here):
        assert f"| {family}/" in result.stdout
    for part, waits in (("loss", 0), ("post-processing", 2)):
        counted = rf"{part}-b%d \| ours .* (\d+) operations, {waits} syn"
        few, many = (re.findall(counted % n, result.stdout) for n in (2, 16))
        assert few == many != [], "the same for every batch"
