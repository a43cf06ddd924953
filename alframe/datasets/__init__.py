"""Datasets: images, annotations and what lies between them and a model."""

from alframe.plugins import Registrar, hookimpl

DATASETS = {
    "voc": "Pascal VOC layout, a VOCdevkit or one folder",
    "coco": "COCO layout, native JSON",
    "photos": "any folder of pictures, annotated in part or not at all",
    "yolo": "YOLO layout, data.yaml, images and labels",
    "shapes": "drawn shapes, nothing to download",
}
"""By name, which the module and its function have too, a summary."""


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in datasets."""
    for name, summary in DATASETS.items():
        registry.dataset(name, f"{__name__}.{name}:{name}", summary=summary)
