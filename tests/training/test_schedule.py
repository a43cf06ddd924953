import pytest

from alframe.config.sections import TrainingConfig
from alframe.training.schedule import lr_factor


def test_steps_multiply_at_their_milestones() -> None:
    config = TrainingConfig(passes=26, milestones=(20, 24), gamma=0.1)
    factors = [lr_factor(config, p, 1000) for p in (0, 19.99, 20, 23.5, 24, 25.9)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_falls_from_one_to_zero() -> None:
    config = TrainingConfig(iterations=100, schedule="cosine")
    factors = [lr_factor(config, p, 1000) for p in (0, 25, 50, 75, 100, 101)]
    assert factors == pytest.approx([1, 0.8535534, 0.5, 0.1464466, 0, 0])


def test_warmup_is_linear_and_counts_from_the_start_of_the_phase() -> None:
    config = TrainingConfig(passes=26, warmup=500, warmup_start=0.001, milestones=(24,))
    early = [lr_factor(config, 0, i) for i in (0, 250, 499, 500)]
    assert early == pytest.approx([0.001, 0.5005, 0.998002, 1.0])
    assert lr_factor(config, 24, 250) == pytest.approx(0.1 * 0.5005)
