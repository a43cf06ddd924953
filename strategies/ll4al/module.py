"""The loss prediction module: what loss to expect of an image, and how it learns to say."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.func import functional_call

from alframe.detectors.losses import at_least_float32
from alframe.errors import AlframeError, PluginError
from alframe.shaped import Float
from alframe.training.batch import Batch
from alframe.words import plural

DUMMY_SIDE = 1024
"""Side of the image on which widths are found, before it is resized as all are."""


class LossModule(nn.Module):
    """Predicts one number an image (Learning Loss, section 3.2 and figure 2).

    Each level is averaged over its cells (those of the padding as well), brought to ``hidden``
    numbers by a linear layer and ReLU; all of them together make the prediction.

    Args:
        widths: channels of each level.
        hidden: numbers that stand for a level; 128 in the paper.
    """

    def __init__(self, widths: Sequence[int], hidden: int = 128) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Linear(width, hidden), nn.ReLU()) for width in widths
        )
        self.output = nn.Linear(hidden * len(widths), 1)

    def forward(self, levels: "Sequence[Float[Tensor, 'B F H W']]") -> "Float[Tensor, ' B']":
        """The predicted loss of each image; its gradient goes into the levels.

        In float32 also under autocast: bfloat16 has a few dozen values in the range of a pool's
        predictions, and among equals the id would decide.
        """
        with torch.autocast(levels[0].device.type, enabled=False):
            pooled = [level.float().mean(dim=(2, 3)) for level in levels]  # [B, F, H, W] -> [B, F]
            parts = [branch(x) for branch, x in zip(self.branches, pooled, strict=True)]
            predicted: Tensor = self.output(torch.cat(parts, dim=1))
        return predicted.squeeze(1)  # [B, 1] -> [B]


@runtime_checkable
class PerImageModel(Protocol):
    """What Learning Loss asks of a model: the loss of each image, and maps that may foretell it.

    How wide the maps are is found by a pass of an image on torch's meta device: ``features`` and
    ``maps`` compute with shapes, and do not look at values there.
    """

    def features(self, batch: Batch) -> Any:
        """What all signals share; see :class:`alframe.model.Model`."""
        ...

    def maps(self, features: Any) -> "tuple[Float[Tensor, 'B F H W'], ...]":
        """The maps that the loss module reads, from features."""
        ...

    def image_losses(self, batch: Batch, features: Any) -> "dict[str, Float[Tensor, ' B']]":
        """The terms of each image's loss, whatever the others in its batch."""
        ...


class LL4ALModel(nn.Module):
    """A model, and a loss module on its maps.

    Args:
        of: is trained, and predicts; a :class:`PerImageModel`.
        hidden: see :class:`LossModule`.
        shape: height and width of an image that the model takes, in pixels.

    Raises:
        PluginError: see :func:`map_widths`.

    Attributes:
        of: the model.
        loss_module: maps -> predicted loss [B].
    """

    of: Any

    def __init__(
        self, of: nn.Module, hidden: int = 128, shape: tuple[int, int] = (DUMMY_SIDE, DUMMY_SIDE)
    ) -> None:
        super().__init__()
        self.of = of
        self.loss_module = LossModule(map_widths(of, shape), hidden)

    def foretold(self, features: Any, *, detached: bool = False) -> "Float[Tensor, ' B']":
        """The predicted loss of each image; its gradient goes into the model unless detached."""
        maps = self.of.maps(features)
        predicted: Tensor = self.loss_module([m.detach() for m in maps] if detached else maps)
        return predicted

    def image_losses(self, batch: Batch, features: Any) -> "dict[str, Float[Tensor, ' B']]":
        """The terms of each image's loss.

        Raises:
            PluginError: they are not one number an image each, by name.
        """
        terms: Any = self.of.image_losses(batch, features)
        shapes = {n: tuple(getattr(t, "shape", ())) for n, t in terms.items()} if terms else {}
        if not shapes or set(shapes.values()) != {(len(batch),)}:
            raise PluginError(
                f"{type(self.of).__name__}.image_losses gives the shapes {shapes}: expected terms "
                f"by name, one number for each of {plural(len(batch), 'image')}"
            )
        return terms  # type: ignore[no-any-return]


def map_widths(model: nn.Module, shape: tuple[int, int] = (DUMMY_SIDE, DUMMY_SIDE)) -> list[int]:
    """Channels of each map, found by a pass of two images on the meta device: shapes alone.

    Of one alone BatchNorm would have a single value where a map has one pixel.

    The model computes nothing and keeps its weights and its statistics.

    Raises:
        PluginError: the pass fails, or gives no maps.
    """
    name, (height, width) = type(model).__name__, shape
    trunk = _Trunk(model)
    named = (*trunk.named_parameters(), *trunk.named_buffers())
    shapes = {name: tensor.to("meta") for name, tensor in named}
    images = torch.zeros(2, 3, height, width, dtype=torch.uint8, device="meta")
    sizes = torch.zeros(2, 2, dtype=torch.int64, device="meta")
    try:
        with torch.no_grad():
            maps: Any = functional_call(trunk, shapes, Batch(("a", "b"), images, sizes, sizes))
    except AlframeError:
        raise
    except Exception as error:
        why = str(error).partition("\n")[0]
        raise PluginError(
            f"{name}: a pass of images of {width} x {height} pixels without values (torch's meta "
            f"device), by which the widths of its maps are found, fails ({why}): where it takes "
            "images of one size alone, set data.resize=stretch data.long=WIDTH data.short=HEIGHT; "
            "features() and maps() may not look at values"
        ) from error
    if not isinstance(maps, tuple | list) or any(getattr(m, "ndim", 0) != 4 for m in maps):
        many = maps if isinstance(maps, tuple | list) else [maps]
        shapes_of = ", ".join(str(tuple(getattr(one, "shape", ()))) for one in many)
        raise PluginError(
            f"{name}.maps gives {type(maps).__name__} {shapes_of}: expected a tuple of maps "
            "[B, F, H, W]"
        )
    return [one.shape[1] for one in maps]


class _Trunk(nn.Module):
    of: Any

    def __init__(self, of: nn.Module) -> None:
        super().__init__()
        self.of = of

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        maps: tuple[Tensor, ...] = self.of.maps(self.of.features(batch))
        return maps


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
