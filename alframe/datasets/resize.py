"""To which size images are brought before a model sees them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alframe.errors import ConfigError

if TYPE_CHECKING:
    from alframe.config.sections import DataConfig


@dataclass(frozen=True)
class Resize:
    """A rule for the size of images.

    Attributes:
        mode: ``fit`` keeps the ratio and makes the image as large as fits; ``stretch`` makes
            every image ``short`` high and ``long`` wide; ``none`` leaves images as they are.
        long: pixels; with ``fit`` the most that the longer side may have.
        short: pixels; with ``fit`` the most that the shorter side may have.

    Raises:
        ConfigError: a side is shorter than one pixel.
    """

    mode: Literal["fit", "stretch", "none"]
    long: int = 0
    short: int = 0

    def __post_init__(self) -> None:
        if self.mode != "none" and min(self.long, self.short) < 1:
            raise ConfigError(
                f"resize {self.mode!r}: expected long and short of at least 1 pixel, got "
                f"{self.long} and {self.short}"
            )

    @classmethod
    def of(cls, data: "DataConfig") -> Self:
        """The rule of a configuration."""
        return cls(data.resize, data.long, data.short)

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) after resizing an image of this height and width, in pixels.

        ``fit`` is MI-AOD's rule (mmcv ``imrescale``), halves rounded up.
        """
        if self.mode == "none":
            return height, width
        if self.mode == "stretch":
            return self.short, self.long
        scale = min(self.long / max(height, width), self.short / min(height, width))
        # A very long and thin image keeps one pixel.
        return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize one image, uint8 [H, W, 3] -> [H', W', 3], bilinear.

        # Deviation: Pillow averages over all pixels when it shrinks; cv2, which MI-AOD uses, does
        not and aliases.
        """
        height, width = self.shape(*image.shape[:2])
        if (height, width) == image.shape[:2]:
            return image
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        return np.array(resized)
