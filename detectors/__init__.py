"""Detectors: what is trained."""

from alframe.plugins import Registrar, hookimpl


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in detectors, and the commands that measure and write what they find."""
    retinanet = "alframe.detectors.retinanet:RetinaNet"
    registry.model("retina", retinanet, summary="RetinaNet, ResNet-50 FPN (MI-AOD's)")
    registry.model("retina-tiny", retinanet, summary="RetinaNet small enough for a CPU")
    ssd = "alframe.detectors.ssd:SSD"
    registry.model("ssd", ssd, summary="SSD300, VGG-16 (MI-AOD's)")
    registry.learner(
        "predictions",
        "alframe.detectors.predictions:PredictionsLearner",
        summary="waits for what your own detector finds in each cycle, and trains nothing",
        trains=False,
    )
    registry.command(
        "evaluate",
        "alframe.detectors.evaluate_command:evaluate",
        summary="measure a run's model on its test split or another dataset",
    )
    registry.command(
        "export",
        "alframe.detectors.export_command:export",
        summary="write what a run's model finds for other programs",
    )
    registry.model("ssd-lite0", ssd, summary="SSD on EfficientNet-Lite0, for a CPU")
    faster_rcnn = "alframe.detectors.faster_rcnn:FasterRCNN"
    registry.model("fasterrcnn", faster_rcnn, summary="Faster R-CNN, ResNet-50 FPN (torchvision's)")
    registry.model(
        "fcos", "alframe.detectors.fcos:FCOS", summary="FCOS, ResNet-50 FPN (torchvision's)"
    )
    registry.model(
        "hf",
        "alframe.detectors.hf:HFDetector",
        summary="RT-DETR v2, D-FINE, RF-DETR or DETR (transformers'; extra hf)",
    )
