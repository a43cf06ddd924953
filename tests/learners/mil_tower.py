"""MI-AOD whose MIL tower begins as the detector's towers do, for hypothesis 3 of the claim."""

from typing import cast

from torch import nn

from alframe.strategies.miaod.learner import MIAODLearner
from alframe.strategies.miaod.model import MIAODModel, hidden_convs


class SmallTower(MIAODLearner):
    """Draws the tower's hidden convolutions once more: normal with standard deviation 0.01.

    All other weights are those of ``learner=miaod`` with the same seed.
    """

    def build(self) -> nn.Module:
        """The model, with another MIL tower."""
        network = cast(MIAODModel, super().build())
        for conv in hidden_convs(network.mil):
            nn.init.normal_(conv.weight, std=0.01)
        return network
