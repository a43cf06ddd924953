"""Batch size and learning rate of several processes."""

from alframe.config.sections import TrainingConfig
from alframe.errors import ConfigError


def scaled(training: TrainingConfig, processes: int) -> TrainingConfig:
    """The section with batch size and learning rate of all processes together.

    ``batch_size`` is what one optimiser step sees, whoever computes it: any number of processes
    shares it, and the learning rate stays. With ``per_process`` both are those of a single
    process, and N of them take N times the images at N times the rate: the linear scaling rule
    (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.1), which wants a warm-up.

    Raises:
        ConfigError: there are more processes than images in a batch.
    """
    size, lr = training.batch_size, training.lr
    if training.per_process:
        size, lr = size * processes, lr * processes
    if size < processes:
        raise ConfigError(
            f"training.batch_size={size} is too little for {processes} processes: give each at "
            "least one image, start fewer (--nproc_per_node), or set training.per_process=true"
        )
    return training.model_copy(update={"batch_size": size, "lr": lr, "per_process": False})
