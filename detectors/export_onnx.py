"""A traced detector as ONNX."""

import importlib
import json
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from alframe.detectors.export_network import INPUTS, RAW_OUTPUTS
from alframe.detectors.nms_op import suppress_op
from alframe.errors import ConfigError

OPSET = 18
AXES = {"images": ("batch", None, "height", "width"), "sizes": ("batch",)}
"""Names of the free axes of inputs; of outputs, the first is ``batch``."""
ONLY_CANDIDATES = -0.5
"""Scores are probabilities; what is no candidate has -1."""


def check_installed() -> None:
    """Refuse without the packages.

    Raises:
        ConfigError: one of them is not installed; names the extra.
    """
    for name in ("onnx", "onnxruntime", "onnxscript"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ConfigError(
                f"--to onnx needs the package {name}: pip install 'alframe[onnx]'"
            ) from error


def to_onnx(program: ExportedProgram, outputs: Sequence[str], about: Mapping[str, Any]) -> bytes:
    """The ONNX model of a traced network.

    Args:
        program: see :func:`alframe.detectors.export_network.traced`.
        outputs: names.
        about: is written into the model's metadata, each value as JSON.
    """
    table: dict[Callable[..., Any], Callable[..., Any]] = {
        suppress_op._opoverload: _suppress,
        torch.ops.aten.sort.stable: _sort,
    }
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about its own parts
        made = torch.onnx.export(
            program,
            (),
            input_names=INPUTS,
            output_names=outputs,
            custom_translation_table=table,
            opset_version=OPSET,
            verbose=False,
        )
    assert made is not None
    model = made.model_proto
    del model.graph.value_info[:]  # which has other names of the axes
    rows = "anchors" if tuple(outputs) == RAW_OUTPUTS else "detections"
    for value in (*model.graph.input, *model.graph.output):
        _name_axes(value, AXES.get(value.name, ("batch", rows)))
    for name, content in about.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = name, json.dumps(content)
    written: bytes = model.SerializeToString()
    return written


def runner(model: bytes) -> Callable[..., list[NDArray[Any]]]:
    """The model in onnxruntime, on the CPU: images and sizes -> outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def run(images: NDArray[np.uint8], sizes: NDArray[np.int64]) -> list[NDArray[Any]]:
        found: Any = session.run(None, dict(zip(INPUTS, (images, sizes), strict=True)))
        return list(found)

    return run


def _name_axes(value: Any, names: Sequence[str | None]) -> None:
    for axis, name in zip(value.type.tensor_type.shape.dim, names, strict=False):
        if name and not axis.dim_value:
            axis.dim_param = name


def _operations() -> Any:
    """ONNX's, by name; their type hints want a type that only a graph has."""
    import onnxscript

    return onnxscript.opset18


def _suppress(boxes: Any, scores: Any, labels: Any, candidate: Any, iou: float) -> Any:
    """Non-maximum suppression of each class of each image by ONNX's own operation.

    It takes the scores of a box for every class, and gives triples of image, class and box.
    """
    op = _operations()
    one = op.Constant(value_int=1)
    count = op.Add(op.ReduceMax(labels, keepdims=0), one)
    classes = op.Unsqueeze(op.Range(op.Constant(value_int=0), count, one), [0, 2])  # [1, C, 1]
    own = op.And(op.Equal(op.Unsqueeze(labels, [1]), classes), op.Unsqueeze(candidate, [1]))
    each = op.Where(own, op.Unsqueeze(scores, [1]), op.Constant(value_float=-1.0))  # [B, C, N]
    kept = op.NonMaxSuppression(
        boxes,
        each,
        op.Constant(value_int=2**62),
        op.Constant(value_float=iou),
        op.Constant(value_float=ONLY_CANDIDATES),
    )
    places = op.Gather(kept, op.Constant(value_ints=[0, 2]), axis=1)  # [M, 2]
    count = op.Unsqueeze(op.Gather(op.Shape(kept), op.Constant(value_int=0)), [0])
    none = op.Cast(op.And(candidate, op.Not(candidate)), to=7)
    return op.Cast(op.ScatterND(none, places, op.Expand(one, count)), to=9)


def _sort(self: Any, stable: bool = False, dim: int = -1, descending: bool = False) -> Any:
    """A stable sort: of equal values, ONNX's TopK takes the first one first."""
    del stable
    op = _operations()
    count = op.Gather(op.Shape(self), op.Constant(value_ints=[dim]))
    return op.TopK(op.Cast(self, to=1), count, axis=dim, largest=int(descending))
