"""Images and batches that are too small for a network, in words.

A network says so by the layer that first has nothing left to compute on.
"""

import contextlib
import re
from collections.abc import Iterator

from alframe.errors import TrainingError
from alframe.training.batch import Batch
from alframe.words import plural

ONE_VALUE = r"[Ee]xpected more than 1 (value per channel|spatial element)"
"""BatchNorm, InstanceNorm and GroupNorm, of which nothing is left but the mean."""
NOTHING_LEFT = (
    r"Kernel size can't be greater than actual input size"
    r"|Output size is too small|output size is too small|non-empty"
    r"|sizes? should be greater than (0|zero)"
    r"|[Pp]adding size should be less than the corresponding input dimension"
    r"|non-zero size|must be positive.*size|Non-empty \d+D|with optional 0 dim batch size"
)
"""Convolution, pooling and resizing of maps that would have no pixels."""


@contextlib.contextmanager
def large_enough(batch: Batch) -> Iterator[None]:
    """Say of a batch that it is too small for the network, where a layer of it does.

    Raises:
        TrainingError: it is; names sizes and remedies.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        height, width = batch.images.shape[2:]
        images = f"{plural(len(batch), 'image')} of {width} x {height} pixels"
        if has_one_value(error):
            raise TrainingError(
                f"the network's normalisation is left with a single value of {images}: raise "
                "training.batch_size (or lower training.accumulate), or raise data.long and "
                "data.short (with data.resize=fit)"
            ) from error
        if has_nothing_left(error):
            raise TrainingError(
                f"the network has no pixels left of {images}: raise data.long and data.short "
                "(with data.resize=fit), or data.pad"
            ) from error
        raise


def has_one_value(error: Exception) -> bool:
    """Whether a layer that normalises had a single value of each channel."""
    return re.search(ONE_VALUE, str(error)) is not None


def has_nothing_left(error: Exception) -> bool:
    """Whether a layer had no pixels to compute on."""
    return re.search(NOTHING_LEFT, str(error)) is not None
