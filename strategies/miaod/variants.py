"""MI-AOD to the letter: of its authors' code, and of the paper."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from alframe.detectors.dense import DenseDetector
from alframe.detectors.losses import at_least_float32
from alframe.shaped import Float
from alframe.strategies.miaod import formulas
from alframe.strategies.miaod.model import BOXES, FIRST, MIL, SECOND, View
from alframe.strategies.miaod.objectives import Objective
from alframe.training.batch import Batch
from alframe.training.phases import Losses

Mode = Literal["sound", "parity", "paper"]


class Parity(Objective):
    """The authors' code, with what it does to detectors of exclusive classes (SSD).

    Weights, pseudo-labels and score take the sigmoid of logits that were trained with a softmax,
    and background for one more class, of which labelled images never have an object and
    unlabelled ones nearly always (the code's ``MIAOD_head.py``). Other detectors: no difference.
    """

    def mil_classes(self, detector: DenseDetector) -> int:
        """As many as the classifiers have: background is a class, and a class may be the only one.

        Of one channel the image loss is 1e-5 and trains nothing, as in the code.
        """
        return detector.score_channels

    def belief(self, detector: DenseDetector, logits: Tensor) -> "Float[Tensor, 'B A K']":
        """The sigmoid, whatever the logits were trained with."""
        return at_least_float32(logits).sigmoid()

    def stance(self, detector: DenseDetector, logits: Tensor) -> "Float[Tensor, 'B A K']":
        """The detector's probabilities, background included."""
        return detector.probabilities(logits)


class Paper(Objective):
    """The paper's equations 1 to 10, where the code has something else.

    Max comes before min, trains every tower (f1, f2, fr, fmil) and has the image loss on labelled
    images too; min trains the trunk and fmil. Classification losses are summed and not averaged;
    w has one softmax over all anchors for each class, image scores are sums over all anchors,
    image loss and discrepancy sums over classes; unlabelled batches are drawn from the whole pool.
    What the paper leaves open, such as the length of a phase, is as in the code: w is detached from
    f1 and f2, and from the discrepancy.

    # Deviation: the score stays the squared difference of the code. Plain or smooth L1 for boxes
    # is the detector's setting ``box_loss``.
    """

    order: ClassVar[tuple[str, ...]] = ("max", "min")
    fixed_in_min: ClassVar[tuple[str, ...]] = (FIRST, SECOND, BOXES)
    trained_in_max: ClassVar[tuple[str, ...]] = (FIRST, SECOND, BOXES, MIL)
    whole_pool: ClassVar[bool] = True
    of_two: ClassVar[float] = 1.0

    def maximise_labelled(self, model: nn.Module, batch: Batch) -> Losses:
        """Labelled images in max phases: l_det + l_imgcls (equation 8)."""
        view = self.view(model, batch, fixed_trunk=True)
        return Losses(self._detection(view, batch) | self._image(view, batch))

    def weights(self, view: View) -> "Float[Tensor, 'B A K']":
        """Equation 5; where classes exclude each other, log-probabilities stand for logits."""
        mean = at_least_float32(view.mean.detach())
        mean = mean.log_softmax(dim=2) if view.detector.exclusive else mean
        return formulas.paper_weights(view.detector.foreground(mean), view.mil(), view.valid)

    def image_loss(self, view: View, weights: Tensor, present: Tensor) -> "Float[Tensor, ' B']":
        """Equation 6."""
        scores = weights.sum(dim=1)  # [B, A, K] -> [B, K]
        return present.shape[1] * formulas.image_loss(scores, present)

    def discrepancy(self, view: View, weights: Tensor) -> "Float[Tensor, ' B']":
        """Equation 7."""
        return weights.shape[2] * super().discrepancy(view, weights)

    def agreement(self, view: View, weights: Tensor) -> "Float[Tensor, ' B']":
        """Minus the discrepancy (equation 8)."""
        return -self.discrepancy(view, weights)


OBJECTIVES: dict[Mode, type[Objective]] = {
    "sound": Objective,
    "parity": Parity,
    "paper": Paper,
}
