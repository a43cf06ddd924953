"""What lies beside an exported model: what it takes, what it gives, how to call it."""

import json
from collections.abc import Sequence

from alframe.config.sections import DataConfig
from alframe.detectors.export_network import ExportedDetector, Frame
from alframe.detectors.pixels import PixelScaling

RESIZED = {
    "fit": (
        "Images keep their ratio and are made as large as fits {long} pixels of the longer and "
        "{short} of the shorter side (bilinear, Pillow's)"
    ),
    "stretch": "Images are made {long} pixels wide and {short} high (bilinear, Pillow's)",
    "none": "Images keep their size",
}
DETECTIONS = """\
boxes   float32 [batch, detections, 4]: x1 y1 x2 y2 in pixels of the resized image, after the
        model's own filtering (non-maximum suppression, but for DETRs); divide by what the image was
        resized by for those of the original.
scores  float32 [batch, detections]: of 0..1, the largest first; 0 where there is no detection.
labels  int64 [batch, detections]: numbers of the classes from 0 on; -1 where there is none.
"detections" is the same for all images of a batch, {most}."""
RAW = """\
boxes          float32 [batch, anchors, n, 4]: x1 y1 x2 y2 in pixels of the resized image, not
               clipped, nothing suppressed; n is 1, or the number of classes where each has a box.
probabilities  float32 [batch, anchors, K]: of the classes, in their order; K is one more than
               there are classes where the last one is the background."""
CALLED = {
    "onnx": """\
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("detector.onnx")
{names} = session.run(None, {{"images": images, "sizes": sizes}})""",
    "torch-export": """\
import torch, torchvision  # which has operations of the model
model = torch.export.load("detector.pt2").module(check_guards=False)
with torch.no_grad():
    {names} = model(torch.from_numpy(images), torch.from_numpy(sizes))""",
}


def readme(
    title: str,
    name: str,
    network: ExportedDetector,
    classes: Sequence[str],
    data: DataConfig,
    frame: Frame,
    said: str,
) -> str:
    """The text of a README.

    Args:
        title: what it is.
        name: the format.
        network: what was exported.
        classes: names, in label order.
        data: how images come to the model.
        frame: of the images.
        said: what the agreement has shown.
    """
    names = ", ".join(network.outputs)
    shape = f"{frame[0]}, {frame[1]}" if frame else "height, width"
    lines = [
        f"{title[0].upper()}{title[1:]}, in single precision.",
        f"Compared with PyTorch: {said}.",
        "",
        "Input",
        f"images  uint8 [batch, 3, {shape}]: RGB, 0..255; any number of images.",
        "sizes   int64 [batch, 2]: height and width of each image without its padding.",
        f"{RESIZED[data.resize].format(long=data.long, short=data.short)}, and are padded with 0 "
        f"at the right and the bottom to a multiple of {data.pad} pixels. More padding, as where "
        "images of several sizes share a batch, changes scores a little: it is part of the image.",
        *_scaling(network),
        "",
        "Output",
        RAW if network.raw else DETECTIONS.format(most=_most(network)),
        "",
        "Use",
        CALLED[name].format(names=names),
        "",
        f"Classes: {json.dumps(list(classes), ensure_ascii=False)}",
    ]
    return "\n".join(lines) + "\n"


def _scaling(network: ExportedDetector) -> list[str]:
    """Normalisation, which is part of the graph."""
    lines = ["The model normalises pixels itself: give it bytes."]
    for part in network.modules():
        if isinstance(part, PixelScaling):
            mean, std = (
                ", ".join(f"{v:g}" for v in t.flatten().tolist()) for t in (part.mean, part.std)
            )
            order = "blue, green, red" if part.bgr else "red, green, blue"
            lines.append(f"(It subtracts {mean} and divides by {std}, in the order {order}.)")
    return lines


def _most(network: ExportedDetector) -> str:
    postprocess = getattr(network.model, "postprocess", None)
    return "at most " + str(postprocess.max_detections) if postprocess else "always as many"
