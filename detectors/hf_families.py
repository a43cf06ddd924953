"""Families of detectors in transformers: what their images, boxes and sizes have to be like."""

import math
from dataclasses import dataclass
from typing import Any

from alframe.detectors.pixels import IMAGENET, PixelRange
from alframe.errors import TrainingError

PLAIN = PixelRange(mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0))
"""From 0 to 1, no more."""


@dataclass(frozen=True)
class Family:
    """What the models of one type have in common.

    Attributes:
        preset: what its configuration in transformers is called here.
        example: a model on the Hugging Face hub.
        pixels: the scale of its images.
        masked: whether it is told what is padding, so that boxes are shares of the image without
            it; otherwise they are shares of the padded image.
        exclusive: whether its classes exclude each other (a softmax with background).
    """

    preset: str
    example: str
    pixels: PixelRange
    masked: bool = False
    exclusive: bool = False


FAMILIES = {
    "rt_detr_v2": Family("rtdetr-v2", "PekingU/rtdetr_v2_r50vd", PLAIN),
    "d_fine": Family("dfine", "ustc-community/dfine-large-coco", PLAIN),
    "rf_detr": Family("rf-detr", "Roboflow/rf-detr-base", IMAGENET, masked=True),
    "detr": Family("detr", "facebook/detr-resnet-50", IMAGENET, masked=True, exclusive=True),
}
"""By the ``model_type`` of transformers' configurations."""
PRESETS = {family.preset: model_type for model_type, family in FAMILIES.items()}
"""Their ``model_type``."""


@dataclass(frozen=True)
class Sizes:
    """Which images a model can take.

    Attributes:
        divisor: height and width are multiples of it.
        strides: of the maps on which queries are chosen, in pixels; none where they are learnt.
        queries: how many are chosen.
    """

    divisor: int = 1
    strides: tuple[int, ...] = ()
    queries: int = 0

    def check(self, height: int, width: int) -> None:
        """Refuse a padded image that the model cannot take, in words.

        Raises:
            TrainingError: its sides are no multiples, or it is too small for the queries.
        """
        if height % self.divisor or width % self.divisor:
            raise TrainingError(
                f"the model takes sides that are multiples of {self.divisor}, got images of "
                f"{width} x {height} pixels: set data.pad={self.divisor}"
            )
        cells = sum((height // stride) * (width // stride) for stride in self.strides)
        if self.strides and cells < self.queries:
            raise TrainingError(
                f"the model chooses {self.queries} queries among the cells of its maps, of which "
                f"images of {width} x {height} pixels have {cells}: raise data.long and data.short "
                "(with data.resize), or give model.architecture a folder whose config.json has a "
                "lower num_queries"
            )


def sizes_of(config: Any) -> Sizes:
    """The sizes that a model of this configuration of transformers can take."""
    if config.model_type == "detr":
        return Sizes()
    if config.model_type == "rf_detr":
        patch = config.backbone_config.patch_size
        return Sizes(patch * config.backbone_config.num_windows, (patch,), config.num_queries)
    strides = list(config.feat_strides)
    while len(strides) < config.num_feature_levels:
        strides.append(2 * strides[-1])
    return Sizes(math.lcm(*config.feat_strides), tuple(strides), config.num_queries)
