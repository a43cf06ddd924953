"""The formulas of Learning Loss (Yoo & Kweon, CVPR 2019; arXiv 1905.03677), on plain tensors."""

from typing import TYPE_CHECKING

from torch import Tensor

from alframe.detectors.losses import at_least_float32

if TYPE_CHECKING:
    from jaxtyping import Float


def ranking_loss(
    predicted: "Float[Tensor, ' B']", target: "Float[Tensor, ' B']", margin: float = 1.0
) -> "Float[Tensor, '']":
    """How wrongly the predictions rank the images of a batch (section 3.3, equation 2).

    Of an even number B of images, image i is compared with image B - 1 - i; the last image of an
    odd batch is left out. A pair costs max(0, -s (p_i - p_j) + margin), where s is the sign of
    t_i - t_j; the result is the mean over pairs. The scale of the losses, which falls while
    training, plays no part.

    # Deviation: s is 0 where two losses are equal, which teaches nothing; -1 in the paper.

    Args:
        predicted: p; what is trained.
        target: t, the true losses; detached here.
        margin: by how much the prediction for the worse image should be the larger one.

    Returns:
        A scalar; 0 for fewer than two images.
    """
    pairs = len(target) // 2
    predicted, target = at_least_float32(predicted[: 2 * pairs]), target[: 2 * pairs].detach()
    sign = (target - target.flip(0))[:pairs].sign()
    lead = (predicted - predicted.flip(0))[:pairs]
    each = (margin - sign * lead).clamp(min=0)  # [pairs]
    return each.sum() / max(pairs, 1)
