"""Targets, table and files."""

import json

import pytest
import torch

from alframe.benchmarks.speed.cases import Setting, all_cases, chosen
from alframe.benchmarks.speed.clock import wall
from alframe.benchmarks.speed.results_file import table, write
from alframe.benchmarks.speed.row import RATIO, ROOFLINE, SECONDS, Spread, Timing
from alframe.benchmarks.speed.targets import TARGETS, Goal, targets_of
from alframe.errors import ConfigError

STOCK = Timing("train/retina", "stock", {SECONDS: Spread((1.5, 2.5, 2))}, 4, "images")
OURS = Timing(
    "train/retina",
    "ours",
    {SECONDS: Spread((0.5, 1, 0.75)), RATIO: Spread((0.3, 0.4, 0.375)), ROOFLINE: Spread((0.5,))},
    4,
    "images",
    "stock",
)
BROKEN = Timing("train/retina", "graphs", failed="OutOfMemoryError: 80 | GB", against="stock")
COUNTED = Timing("launches/loss", "ours", {"operations": Spread((1234,))})
WANTED = (
    Goal("train/retina", "ours", RATIO, 0.375),
    Goal("train/retina", "ours", ROOFLINE, 0.6, least=True),
    Goal("train/retina", "graphs", RATIO, 0.5),
)


def test_a_bound_is_kept_by_the_median():
    ratio, roof, failed = WANTED
    assert ratio.met(OURS)
    assert not Goal("train/retina", "ours", RATIO, 0.374).met(OURS)
    assert not roof.met(OURS)
    assert Goal("train/retina", "ours", ROOFLINE, 0.5, least=True).met(OURS)
    assert not failed.met(BROKEN)
    assert targets_of(OURS, WANTED) == [ratio, roof]
    assert targets_of(STOCK, WANTED) == []
    whole = Timing("train/retina", "", failed="ValueError")
    assert targets_of(whole, WANTED) == list(WANTED)
    assert not any(target.met(whole) for target in WANTED)


def test_the_table():
    lines = table([STOCK, OURS, BROKEN, COUNTED], WANTED).splitlines()
    assert lines[0] == (
        "| case | side | time | per second | time / against | against | of the roofline | other "
        "| target |  |"
    )
    assert lines[2:] == [
        "| train/retina | stock | 2 s | 2 images |  |  |  |  |  |  |",
        "| train/retina | ours | 750 ms | 5.33 images | 0.38 (0.30-0.40) | stock | 50 % |  "
        "| ratio <= 0.375, roofline >= 0.6 | PASS, MISS |",
        r"| train/retina | graphs |  |  |  |  |  | failed: OutOfMemoryError: 80 \| GB "
        "| ratio <= 0.5 | MISS |",
        "| launches/loss | ours |  |  |  |  |  | 1,234 operations |  |  |",
    ]


def test_the_files(tmp_path):
    facts = {"threads": 2, "peaks": {"fp32": 123.456789}, "command": ["a", "b"]}
    write(tmp_path / "new", [STOCK, OURS], WANTED, facts)
    content = json.loads((tmp_path / "new" / "speed.json").read_text())
    assert content["threads"] == 2
    ours = content["rows"][1]
    assert ours["measures"]["ratio"] == {"median": 0.375, "values": [0.3, 0.4, 0.375]}
    assert [target["met"] for target in ours["targets"]] == [True, False]
    text = (tmp_path / "new" / "speed.md").read_text()
    assert text.startswith("# Speed\n\n- threads: 2\n- peaks: fp32 123.5\n- command: a b\n\n| case")
    assert text.endswith(table([STOCK, OURS], WANTED))


def cases(device):
    return all_cases(Setting(torch.device(device), wall))


def test_names_are_unique_and_every_target_is_of_a_case(monkeypatch):
    monkeypatch.setattr("alframe.benchmarks.speed.precisions.faster_in_bf16", lambda device: True)
    names = [[case.name for case in cases(device)] for device in ("cpu", "cuda")]
    for each in names:
        assert len(set(each)) == len(each)
    missing = {target.case for target in TARGETS} - {name for each in names for name in each}
    assert not missing
    assert len(set(TARGETS)) == len(TARGETS)


def test_cases_are_chosen_by_name_and_by_family():
    every = cases("cpu")
    assert chosen(every, ()) == every
    found = [case.name for case in chosen(every, ("k-center", "evaluation/voc"))]
    assert found == [
        "evaluation/voc",
        *[f"k-center/{size}" for size in ("16551x256", "16551x2048", "117266x256")],
    ]
    with pytest.raises(ConfigError, match="no case or family trian on this device; there are tr"):
        chosen(every, ("train", "trian"))
