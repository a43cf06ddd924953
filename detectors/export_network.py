"""A detector as a graph: a batch of images in, boxes, scores and labels out."""

import contextlib
import importlib
import warnings
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from alframe.errors import RunError
from alframe.model import Model
from alframe.signals import DETECTIONS
from alframe.training.batch import Batch

INPUTS = ("images", "sizes")
"""uint8 [B, 3, H, W], and int64 [B, 2]: height and width of each without its padding."""
OUTPUTS = ("boxes", "scores", "labels")
RAW_OUTPUTS = ("boxes", "probabilities")
STRIDE = 32
"""Of the last stage of a backbone."""
TRACED = (2, 3, 256, 288)
"""Of the dummy batch where height and width are free."""


@runtime_checkable
class Unfiltered(Protocol):
    """A model that shows what it makes its detections of."""

    def unfiltered(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Boxes [B, A, n, 4], n = 1 or one for each class, and probabilities [B, A, K]."""
        ...


class ExportedDetector(nn.Module):
    """What is exported of a model: any whose signals have ``detections``.

    Args:
        model: in evaluation mode.
        raw: give what is there before any filtering; the model is an :class:`Unfiltered`.
    """

    def __init__(self, model: Model, *, raw: bool = False) -> None:
        super().__init__()
        self.model, self.raw = model, raw

    def forward(self, images: Tensor, sizes: Tensor) -> tuple[Tensor, ...]:
        """Boxes in pixels of ``images``; score 0 and label -1 where there is no detection."""
        batch = Batch((), images, sizes, sizes)
        if self.raw:
            assert isinstance(self.model, Unfiltered)
            return self.model.unfiltered(batch)
        values = self.model.read(batch, self.model.features(batch), frozenset({DETECTIONS}))
        found = values[DETECTIONS]
        scores, labels = found.scores, found.labels
        nothing = ~found.valid
        return found.boxes, scores.masked_fill(nothing, 0), labels.masked_fill(nothing, -1)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names."""
        return RAW_OUTPUTS if self.raw else OUTPUTS


Frame = tuple[int, int] | None
"""Height and width of the images that a graph takes; None where any will do."""


def traced(network: ExportedDetector, frame: Frame, pad: int = STRIDE) -> ExportedProgram:
    """The graph of a network, for any number of images.

    Suppression is one operation in it (:mod:`alframe.detectors.nms_op`), which no other program
    knows.

    Args:
        network: what to trace; its weights have channels first from then on.
        frame: the size of images.
        pad: of which the sides are multiples, where there is no frame.

    Raises:
        RunError: the backbone pads as TensorFlow does, and its strides need not divide the sides;
            or the model, of somebody else, decides by values.
    """
    shape = (*TRACED[:2], *(frame or TRACED[2:]))
    images = torch.zeros(shape, dtype=torch.uint8)
    sizes = torch.tensor([shape[2:]] * shape[0])
    sides = {} if frame else {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    padding = contextlib.nullcontext() if frame else _divisible(pad)
    dynamic = {"images": {0: Dim.DYNAMIC, **sides}, "sizes": {0: Dim.DYNAMIC}}
    # Of weights with channels last, a layout would follow that maps of one cell do not have.
    network.to(memory_format=torch.contiguous_format)
    with torch.no_grad(), _oblivious(), padding:
        try:
            return torch.export.export(
                network, (images, sizes), dynamic_shapes=dynamic, strict=False
            )
        except GuardOnDataDependentSymNode as error:
            lines = str(error).strip().splitlines()
            where = next((line for line in lines if line.startswith("Caused by")), lines[0])
            raise RunError(
                f"{type(network.model).__name__} cannot be exported: it decides by what a tensor "
                f"holds, which torch.export cannot trace. {where}"
            ) from error


def portable(program: ExportedProgram) -> ExportedProgram:
    """The same of operations of torch and torchvision alone."""
    from alframe.detectors.nms_op import in_torchvision, suppress_op

    with _oblivious(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # of torchvision's own code
        made: ExportedProgram = program.run_decompositions(
            {suppress_op._opoverload: in_torchvision}
        )
    return made


def _oblivious() -> Any:
    """While it lasts, nothing is taken for granted of sizes because a dummy's are not 0 or 1."""
    shapes: Any = importlib.import_module("torch.fx.experimental._config")
    return shapes.patch(backed_size_oblivious=True)


@contextlib.contextmanager
def _divisible(pad: int) -> Iterator[None]:
    """While it lasts, padding as TensorFlow's is that of sides which strides divide: constant.

    Of sides that are free, each layer would nest what it pads in that of the next; tracing a small
    FCOS on EfficientNet-Lite0 had not ended after six minutes.
    """
    padding: Any = importlib.import_module("timm.layers.padding")
    before = padding.get_same_padding

    def of_divided(_: Any, kernel: int, stride: int, dilation: int) -> int:
        if pad % STRIDE:
            raise RunError(
                f"data.pad={pad}: the backbone pads as TensorFlow does, and a graph for images of "
                f"any size can do that only where {STRIDE} divides their sides: export a run with "
                f"data.pad={STRIDE}, or one with data.resize=stretch"
            )
        return max((kernel - 1) * dilation + 1 - stride, 0)

    padding.get_same_padding = of_divided
    try:
        yield
    finally:
        padding.get_same_padding = before
