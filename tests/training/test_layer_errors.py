"""Images and batches of which a network leaves nothing."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from alframe.config.sections import TrainingConfig
from alframe.errors import TrainingError
from alframe.learner import FitContext
from alframe.seeds import Seeds
from alframe.training.batch import Batch
from alframe.training.distributed_learner import LoadedCheckpoint, NullRecorder
from alframe.training.fit import fit
from alframe.training.layer_errors import large_enough
from alframe.training.phases import Losses, Phase, Step


def batch(count: int, height: int, width: int) -> Batch:
    sizes = torch.tensor([[height, width]] * count)
    images = torch.zeros(count, 3, height, width, dtype=torch.uint8)
    return Batch(tuple(map(str, range(count))), images, sizes, sizes)


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3)), (1, 20, 20),
         "left with a single value of 1 image of 20 x 20 pixels: raise training.batch_size"),
        (nn.Sequential(nn.MaxPool2d(20), nn.InstanceNorm2d(3)), (2, 20, 20), "a single value of 2"),
        (nn.Conv2d(3, 4, 3), (2, 1, 4000), "no pixels left of 2 images of 4000 x 1 pixels"),
        (nn.MaxPool2d(2), (1, 1, 1), "no pixels left of 1 image of 1 x 1 pixels"),
        (nn.AvgPool2d(4), (1, 3, 9), "no pixels left of 1 image of 9 x 3"),
        (nn.ReflectionPad2d(3), (1, 2, 2), "no pixels left"),
        (lambda x: F.interpolate(x[:, :, :0], scale_factor=2), (1, 4, 4), "no pixels left"),
        (lambda x: F.adaptive_max_pool2d(x[:, :, :0], 1), (1, 4, 4), "no pixels left"),
        (lambda x: F.max_pool2d(x[:, :, :0], 1), (1, 4, 4), "no pixels left"),
        (lambda x: F.avg_pool2d(x[:, :, :0], 1), (1, 4, 4), "no pixels left"),
    ],
)  # fmt: skip
def test_what_layers_say(
    network: Callable[[torch.Tensor], torch.Tensor], shape: tuple[int, int, int], message: str
) -> None:
    small = batch(*shape)
    with pytest.raises(TrainingError, match=message), large_enough(small):
        network(small.images.float())


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"), large_enough(batch(1, 8, 8)):
        nn.Linear(3, 4)(torch.zeros(1, 5))


def test_a_fit_says_it() -> None:
    class Stream:
        batch_size = 1

        def batches_per_pass(self) -> int:
            return 1

        def batches(self, *_: int) -> object:
            return iter([batch(1, 20, 20)])

    def loss(model: nn.Module, part: Batch) -> Losses:
        return Losses({"one": model(part.images.float()).sum()})

    model = nn.Sequential(nn.Conv2d(3, 4, 3, 16, 1), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4))
    context = FitContext(
        0, Seeds(0), LoadedCheckpoint(None), NullRecorder(), lambda name, summary: None
    )
    phase = Phase("label", 1, (Step("labelled", loss),))
    with pytest.raises(TrainingError, match=r"1 image of 20 x 20 pixels: raise training\.batch_"):
        fit(
            model, [phase], {"labelled": Stream()}, TrainingConfig(iterations=1),  # type: ignore[dict-item]
            context, torch.device("cpu"),
        )  # fmt: skip
