"""Which models MI-AOD trains, and what it makes of each kind.

An objective is what it asks of a kind of models: a network with two classifiers, the losses of
its phases, and who is trained in them.
"""

from collections.abc import Callable, Mapping

from torch import nn

from alframe.detectors.dense import DenseDetector
from alframe.strategies.miaod.classifiers import ClassifierObjective
from alframe.strategies.miaod.objectives import Objective
from alframe.tasks.classification.classifier import Classifier

AnyObjective = Objective | ClassifierObjective
KINDS: Mapping[type[nn.Module], Callable[[Objective], AnyObjective]] = {
    DenseDetector: lambda objective: objective,
    Classifier: ClassifierObjective.like,
}
"""By kind, its objective, of that which the options make for detectors."""


def suited(objective: Objective, model: nn.Module) -> AnyObjective:
    """The objective for a model of one of the :data:`KINDS`.

    Raises:
        ConfigError: options are set that mean nothing for such a model.
    """
    kind = next(kind for kind in KINDS if isinstance(model, kind))
    return KINDS[kind](objective)
