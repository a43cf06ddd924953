"""A model on its device, laid out for it."""

from functools import partial
from typing import Any, TypeVar

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)
VECTOR = 16
"""Numbers of float32 in the widest vector of a CPU."""


def placed(model: M, device: torch.device, *, channels_last: bool = True) -> M:
    """The same model, moved.

    Args:
        model: changed in place.
        device: where it will compute.
        channels_last: lay its weights out as the images of a batch are, which its maps follow.
    """
    model.to(device)
    if channels_last:
        model.to(memory_format=torch.channels_last)
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if device.type == "cpu" and onednn:
        _widen_narrow_maps(model)
        if torch.get_num_threads() == 1:
            _compute_with_onednn(model)
        _stride_before_1x1(model)
    return model


def _widen_narrow_maps(model: nn.Module) -> None:
    """Let no map be narrower than the stride of a convolution, where that changes nothing.

    oneDNN's gradient of the weights in bfloat16 is made of memory that nobody has written, then
    (torch 2.14): of the coarsest levels of images of 64 pixels, which became NaN.
    """
    for module in model.modules():
        if type(module) is nn.Conv2d and module.stride[1] > 1:  # timm's that pad are not narrow
            module.register_forward_pre_hook(_widen)


def _widen(module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    """Zeros at the right, as the padding has them, unless there would be more columns for it."""
    if not torch.is_grad_enabled():  # nor is a graph to take it for granted that maps are wide
        return None
    (width, stride), padding = (inputs[0].shape[-1], module.stride[1]), module.padding
    if width >= stride or isinstance(padding, str) or module.padding_mode != "zeros":
        return None
    reach = module.dilation[1] * (module.kernel_size[1] - 1) + 1
    columns = [(w + 2 * padding[1] - reach) // stride for w in (width, stride)]
    return (F.pad(inputs[0], (0, stride - width)),) if columns[0] == columns[1] else None


def _stride_before_1x1(model: nn.Module) -> None:
    """Take every other pixel first, and do strided 1x1 convolutions of few channels without stride.

    In channels-last, oneDNN's gradient of their weights writes past its memory where the channels
    are fewer than a vector has numbers (uxlfoundation/oneDNN, issue 6035; torch 2.14): the process
    dies, or has wrong numbers.
    """
    for module in model.modules():
        if type(module) is not nn.Conv2d or module.in_channels >= VECTOR:
            continue
        if module.kernel_size == (1, 1) != module.stride and module.padding == (0, 0):
            module.register_forward_pre_hook(partial(_every, module.stride))
            module.stride = (1, 1)


def _every(stride: tuple[int, ...], module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    del module
    rows, columns = stride
    return (inputs[0][..., ::rows, ::columns],)


def _compute_with_onednn(model: nn.Module) -> None:
    """Keep 1x1 convolutions away from PyTorch's own code, where it is the slower one.

    With a single thread and fewer than 16 images it computes them itself in float32, unless they
    are dilated; which a kernel of one cell cannot be. A training step of RetinaNet takes some 15 %
    less, on ResNet-50 and on EfficientNet-Lite0. Should the model get more threads later, or be
    copied, moved or exported, it computes the same.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == module.stride == (1, 1):
            module.dilation = (2, 2)
