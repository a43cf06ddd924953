import pytest

from alframe.benchmarks.statistics.curves import replay_noise
from tests.benchmarks.statistics.curves import curve


def test_the_largest_difference_at_common_sizes() -> None:
    run = curve([0.1, 0.3, 0.5], images=[10, 20, 30])
    again = curve([0.12, 0.2, 0.9], images=[10, 20, 40])
    assert replay_noise(run, again) == pytest.approx(0.1)
    assert replay_noise(again, run) == pytest.approx(0.1)
    assert replay_noise(run, run) == 0.0


def test_no_common_size() -> None:
    assert replay_noise(curve([0.1]), curve([0.1], images=[20])) is None
