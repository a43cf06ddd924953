"""Datasets: images, annotations and what lies between them and a model."""

from alframe.plugins import Registrar, hookimpl


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in datasets."""
    registry.dataset(
        "voc", "alframe.datasets.voc:voc", summary="Pascal VOC layout, a VOCdevkit or one folder"
    )
    registry.dataset("coco", "alframe.datasets.coco:coco", summary="COCO layout, native JSON")
    registry.dataset(
        "photos",
        "alframe.datasets.photos:photos",
        summary="any folder of pictures, annotated in part or not at all",
    )
    registry.dataset(
        "yolo", "alframe.datasets.yolo:yolo", summary="YOLO layout, data.yaml, images and labels"
    )
    registry.dataset(
        "shapes", "alframe.datasets.shapes:shapes", summary="drawn shapes, nothing to download"
    )
