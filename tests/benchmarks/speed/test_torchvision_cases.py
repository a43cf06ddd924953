"""How ours is run beside torchvision's detectors, and pool scoring beside its parts."""

import pytest
import torch

from alframe.benchmarks.speed import torchvision_cases
from alframe.benchmarks.speed.cases import Setting, all_cases
from alframe.benchmarks.speed.clock import wall
from alframe.benchmarks.speed.row import RATIO, SECONDS, Spread, Timing
from alframe.benchmarks.speed.scoring import against_the_slower

GPU = Setting(torch.device("cuda"), wall)


def test_every_inference_by_graphs_begins_a_step(monkeypatch):
    """Else each is taken for what follows the one before, and recorded anew."""
    log = []
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: log.append("begins"))
    monkeypatch.setattr(torch, "compile", lambda forward, mode: forward)
    forward = torchvision_cases._replayed(log.append)
    forward("first")
    forward("second")
    assert log == ["begins", "first", "begins", "second"]


def test_what_gpus_have_no_part_in_is_left_out():
    families = {case.name.partition("/")[0] for case in all_cases(GPU)}
    assert {"train", "infer", "miaod", "launches", "data", "k-center"} <= families
    assert not families & {"evaluation", "growth"}


def row(side, *seconds):
    return Timing("data/scoring", side, {SECONDS: Spread(seconds)})


@pytest.mark.parametrize(
    ("network", "against", "ratios"),
    [((1, 1, 1), "decoding", (1.5, 1, 2)), ((3, 8, 4), "network", (1, 0.5, 1.5))],
)
def test_scoring_is_compared_with_the_slower_of_its_parts(network, against, ratios):
    """Which part that is, the medians say: 3 s of decoding against 1 or 4 s of the network."""
    rows = [row("decoding", 2, 4, 3), row("both", 3, 4, 6), row("network", *network)]
    found = against_the_slower(rows, "both", ("decoding", "network"))
    assert [each.side for each in found] == ["decoding", "both", "network"]
    assert found[1].against == against
    assert found[1].measures[RATIO].values == ratios
    assert found[1].measures[SECONDS] == rows[1].measures[SECONDS]
    assert found[0] is rows[0]


def test_what_failed_is_compared_with_nothing():
    rows = [row("decoding", 2), Timing("data/scoring", "both", failed="no"), row("network", 1)]
    assert against_the_slower(rows, "both", ("decoding", "network")) == rows
    rows = [Timing("data/scoring", "decoding", failed="no"), row("both", 3), row("network", 1)]
    assert against_the_slower(rows, "both", ("decoding", "network"))[1].against == "network"
