"""The conformance kit: hold a plugin to what the framework relies on, in its own tests.

::

    from alframe.testing import check_strategy

    def test_it_keeps_the_contract():
        check_strategy(MyStrategy)

Each check makes the plugin anew with the factory it is given, as often as it likes, and raises an
AssertionError that says what was expected. It takes seconds and needs neither data nor a GPU.
Whatever is registered in alframe itself goes through the same checks.
"""

from alframe.testing.check_dataset import check_dataset
from alframe.testing.check_dense import check_dense
from alframe.testing.check_learner import check_learner
from alframe.testing.check_model import check_model
from alframe.testing.check_oracle import check_oracle
from alframe.testing.check_strategy import check_strategy
from alframe.testing.fitting import tiny_setup
from alframe.testing.poison import PoisonedTargets, poisoned
from alframe.testing.synthetic import SyntheticImages, SyntheticLearner

__all__ = [
    "PoisonedTargets",
    "SyntheticImages",
    "SyntheticLearner",
    "check_dataset",
    "check_dense",
    "check_learner",
    "check_model",
    "check_oracle",
    "check_strategy",
    "poisoned",
    "tiny_setup",
]
