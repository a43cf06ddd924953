import pytest

from alframe.config.sections import TrainingConfig
from alframe.errors import ConfigError
from alframe.training.scaling import scaled


def test_processes_share_a_batch_at_the_same_learning_rate() -> None:
    training = TrainingConfig(passes=1, batch_size=16, lr=0.01)
    assert scaled(training, 4) == training


def test_a_batch_for_each_process_scales_the_learning_rate_with_it() -> None:
    training = TrainingConfig(passes=1, batch_size=16, lr=0.01, per_process=True, warmup=7)
    both = scaled(training, 4)
    assert (both.batch_size, both.lr, both.warmup) == (64, 0.04, 7)
    assert scaled(both, 4) == both, "once is enough"


def test_each_process_needs_an_image() -> None:
    training = TrainingConfig(passes=1, batch_size=3)
    assert scaled(training, 3) == training
    with pytest.raises(ConfigError, match="batch_size=3 is too little for 4 processes: give each"):
        scaled(training, 4)
    assert scaled(training.model_copy(update={"per_process": True}), 4).batch_size == 12
