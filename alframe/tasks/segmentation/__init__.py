"""Semantic segmentation: the class of each pixel."""

from alframe.plugins import Registrar, hookimpl

TASK = "segmentation"
MODELS = {
    "deeplabv3": ("networks:DeepLabV3", "DeepLabV3, ResNet-50 or MobileNetV3 (torchvision's)"),
    "fcn": ("networks:FCN", "FCN, ResNet-50 (torchvision's)"),
    "lraspp": ("networks:LRASPP", "LR-ASPP, MobileNetV3 (torchvision's)"),
    "lraspp-tiny": ("networks:LRASPP", "LR-ASPP small enough for a CPU"),
}
DATASETS = {
    "masks": ("folders:masks", "folders of images and of masks, as CamVid"),
    "voc-seg": ("voc_seg:voc_seg", "Pascal VOC's SegmentationClass"),
    "shapes-seg": ("shapes_seg:shapes_seg", "drawn shapes with masks, nothing to download"),
}
"""By name, the place below this package and a summary."""


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in segmenters, and the datasets for them."""
    for name, (place, summary) in MODELS.items():
        registry.model(name, f"{__name__}.{place}", summary=summary, task=TASK)
    for name, (place, summary) in DATASETS.items():
        registry.dataset(name, f"{__name__}.{place}", summary=summary, task=TASK)
