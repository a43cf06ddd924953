"""A vector for each detection: the backbone's last level, averaged over the box."""

from typing import TYPE_CHECKING

from torch import Tensor
from torchvision.ops import roi_align

from alframe.detectors.box_ops import rescale_boxes
from alframe.training.batch import Batch

if TYPE_CHECKING:
    from jaxtyping import Float


def box_features(
    boxes: "Float[Tensor, 'B N 4']",
    deepest: "Float[Tensor, 'B F H W']",
    input_shape: tuple[int, int],
    batch: Batch,
) -> "Float[Tensor, 'B N F']":
    """RoIAlign to a single cell (He et al., Mask R-CNN, 2017, section 3) on the deepest map.

    Every detector has that map, and it is as wide for all boxes; levels of SSD differ in width.

    Args:
        boxes: x1 y1 x2 y2, in pixels of the original images.
        deepest: the backbone's last map.
        input_shape: height and width of the padded input, in pixels.
        batch: for the sizes of its images.
    """
    deepest = deepest.float()
    (height, width), (rows, columns) = input_shape, deepest.shape[-2:]
    inputs = rescale_boxes(boxes.float(), batch.originals, batch.sizes)
    cells = inputs * inputs.new_tensor([columns / width, rows / height]).repeat(2)
    pooled: Tensor = roi_align(deepest, list(cells), output_size=1, aligned=True)
    return pooled.view(*boxes.shape[:2], deepest.shape[1])  # [B * N, F, 1, 1] -> [B, N, F]
