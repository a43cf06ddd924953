"""Detectors: what is trained."""

from alframe.plugins import Registrar, hookimpl

MODELS = {
    "retina": ("retinanet:RetinaNet", "RetinaNet, ResNet-50 FPN (MI-AOD's)"),
    "retina-tiny": ("retinanet:RetinaNet", "RetinaNet small enough for a CPU"),
    "ssd": ("ssd:SSD", "SSD300, VGG-16 (MI-AOD's)"),
    "ssd-lite0": ("ssd:SSD", "SSD on EfficientNet-Lite0, for a CPU"),
    "fasterrcnn": ("faster_rcnn:FasterRCNN", "Faster R-CNN, ResNet-50 FPN (torchvision's)"),
    "fcos": ("fcos:FCOS", "FCOS, ResNet-50 FPN (torchvision's)"),
    "hf": ("hf:HFDetector", "RT-DETR v2, D-FINE, RF-DETR or DETR (transformers'; extra hf)"),
}
COMMANDS = {
    "evaluate": (
        "evaluate_command:evaluate", "measure a run's model on its test split or another dataset"
    ),
    "export": ("export_command:export", "write a run's model or its boxes for other programs"),
}  # fmt: skip
"""By name, the place below this package and a summary."""


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in detectors, and the commands that measure and write what they find."""
    for add, entries in ((registry.model, MODELS), (registry.command, COMMANDS)):
        for name, (place, summary) in entries.items():
            add(name, f"{__name__}.{place}", summary=summary)
    summary = "waits for what your own detector finds in each cycle, and trains nothing"
    place = f"{__name__}.predictions:PredictionsLearner"
    registry.learner("predictions", place, summary=summary, trains=False)
