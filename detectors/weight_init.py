"""Initial values that several modules share."""

from torch import nn


def xavier(module: nn.Module) -> None:
    """Xavier-uniform weights and zero biases for a convolution; for ``module.apply``."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
