"""Strategies: what to label next."""

from alframe.plugins import Registrar, hookimpl


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in strategies."""
    registry.strategy(
        "random", "alframe.strategies.random:Random", summary="uniform, without replacement"
    )
    registry.strategy(
        "entropy",
        "alframe.strategies.entropy:Entropy",
        summary="entropy of class probabilities, aggregated to the image",
    )
