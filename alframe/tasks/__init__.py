"""Tasks beside detection: what a target is, a model says of it, and how good that is."""

from alframe.plugins import Registrar, hookimpl
from alframe.tasks import classification, segmentation

MODELS = {
    classification.TASK: {
        "timm": ("timm_classifier:TimmClassifier", "any classifier of timm, model.backbone=NAME"),
        "resnet18-cifar": (
            "resnet_cifar:ResNetCifar", "ResNet-18 for images of 32 pixels, without max pooling"
        ),
    },
    segmentation.TASK: {
        "deeplabv3": ("networks:DeepLabV3", "DeepLabV3, ResNet-50 or MobileNetV3 (torchvision's)"),
        "fcn": ("networks:FCN", "FCN, ResNet-50 (torchvision's)"),
        "lraspp": ("networks:LRASPP", "LR-ASPP, MobileNetV3 (torchvision's)"),
        "lraspp-tiny": ("networks:LRASPP", "LR-ASPP small enough for a CPU"),
    },
}  # fmt: skip
DATASETS = {
    classification.TASK: {
        "folder": ("folder:folder", "a folder of pictures for each class"),
        "cifar10": ("cifar10:cifar10", "CIFAR-10, its binary or its Python version"),
        "figures": ("figures:figures", "drawn shapes, one an image, nothing to download"),
    },
    segmentation.TASK: {
        "masks": ("mask_folders:masks", "folders of images and of masks, as CamVid"),
        "voc-seg": ("voc_seg:voc_seg", "Pascal VOC's SegmentationClass"),
        "shapes-seg": ("shapes_seg:shapes_seg", "drawn shapes with masks, nothing to download"),
    },
}
"""By task and name, the place below the package of the task and a summary."""


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in classifiers and segmenters, and the datasets for them."""
    for kinds, add in ((MODELS, registry.model), (DATASETS, registry.dataset)):
        for task, entries in kinds.items():
            for name, (place, summary) in entries.items():
                add(name, f"{__name__}.{task}.{place}", summary=summary, task=task)
