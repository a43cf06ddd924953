"""The clocks, the roofline and the counting of operations."""

import time

import pytest
import torch

from alframe.benchmarks.speed import roofline
from alframe.benchmarks.speed.clock import clock_for, processor, wall
from alframe.benchmarks.speed.launches import counted

CPU, TWO = torch.device("cpu"), torch.tensor([0, 1])


def test_the_wall_counts_sleep_and_the_processor_does_not():
    assert wall(lambda: time.sleep(0.01), 2) >= 0.01
    assert processor(lambda: time.sleep(0.01), 2) < 0.005


def test_seconds_are_of_one_call():
    calls = []
    assert wall(lambda: (calls.append(1), time.sleep(0.01)), 4) < 0.03
    assert len(calls) == 4


def test_which_clock():
    assert clock_for(CPU, "wall") is wall
    assert clock_for(CPU, "processor") is processor
    assert clock_for(torch.device("cuda"), "wall").__name__ == "events"


def test_the_roofline_is_the_best_turn(monkeypatch):
    """16 x 16 matrices: 8192 operations in 1/4 s; 2 channels, 1 cell, 9 taps: 72 in 1/1024 s."""
    monkeypatch.setattr(roofline, "SIDE", {"cpu": 16})
    seconds = iter([1, 1 / 2, 1 / 4, 1, 1, 1, 1, 1 / 1024, 1, 1])
    assert roofline.peak(CPU, "fp32", lambda work, calls: next(seconds)) == 72 * 1024
    roofline.peak.cache_clear()
    seconds = iter([1, 1 / 2, 1 / 4, 1, 1, 1, 1, 1, 1, 1])
    assert roofline.peak(CPU, "fp32", lambda work, calls: next(seconds)) == 8192 * 4
    roofline.peak.cache_clear()


def test_operations_of_a_product_and_its_gradient():
    """[2, 3] @ [3, 5]: 60; backward, a product for each factor."""
    a, b = torch.ones(2, 3, requires_grad=True), torch.ones(3, 5, requires_grad=True)
    assert roofline.flops(lambda: a @ b) == 60
    assert roofline.flops(lambda: (a @ b).sum().backward()) == 180


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (lambda x: (x + 1).sum(), (2, 0)),
        (lambda x: x.view(2, 3).T[0], (0, 0)),
        (lambda x: x.add_(1), (1, 0)),
        (lambda x: x.sum().item(), (2, 1)),
        (lambda x: x[x > 2], (2, 1)),
        (lambda x: (x > 2).nonzero(), (2, 1)),
        (lambda x: x[TWO], (1, 0)),
    ],
)
def test_counted(work, expected):
    """Operations and waits; views are free."""
    numbers = torch.arange(6.0)
    assert counted(lambda: work(numbers)) == expected
