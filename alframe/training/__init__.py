"""Training: the fit loop that learners share, and the plain learner."""

from alframe.plugins import Registrar, hookimpl


@hookimpl
def register(registry: Registrar) -> None:
    """The learner that trains any model."""
    registry.learner(
        "plain",
        "alframe.training.plain_learner:PlainLearner",
        summary="trains the model on labelled images",
    )
