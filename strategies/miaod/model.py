"""The model of MI-AOD: a detector, a second classifier, and a head that weighs instances."""

from torch import nn

from alframe.detectors.dense import DenseDetector

FIRST, SECOND, BOXES, MIL = "detector.class_tower.", "second.", "detector.box_tower.", "mil."
"""What the names of the towers' parameters begin with: f1, f2, fr and fmil of the paper."""


class MIAODModel(nn.Module):
    """Any dense detector, and two towers beside its own (MI-AOD, figure 2; RH:38-72).

    Both are initialised like the detector's classifier. The hidden convolutions of the MIL head,
    where its kind has any, are then drawn anew: Kaiming normal (fan-out, ReLU) with biases 0, as
    mmcv leaves what the code's own initialisation forgets.

    Args:
        detector: its classifier is f1, and its detections are those of the model.
        classes: channels of the MIL head. A single one gets a background channel beside it: the
            softmax over one channel is 1, and there would be nothing to learn.

    Attributes:
        detector: the detector.
        second: levels -> class logits [B, A, K]; f2.
        mil: levels -> [B, A, M]; fmil.
    """

    def __init__(self, detector: DenseDetector, classes: int) -> None:
        super().__init__()
        self.detector = detector
        self.second = detector.new_class_tower()
        self.mil = detector.new_class_tower(max(classes, 2))
        for conv in hidden_convs(self.mil):
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)


def hidden_convs(tower: nn.Module) -> list[nn.Conv2d]:
    """The convolutions before a tower's output, in ``convs``; none where the output is all."""
    hidden = getattr(tower, "convs", None)
    if not isinstance(hidden, nn.Sequential):
        return []
    return [module for module in hidden.modules() if isinstance(module, nn.Conv2d)]
