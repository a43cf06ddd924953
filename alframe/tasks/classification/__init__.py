"""Classification: images with one class each."""

from alframe.plugins import Registrar, hookimpl

TASK = "classification"
MODELS = {
    "timm": ("timm_classifier:TimmClassifier", "any classifier of timm, model.backbone=NAME"),
    "resnet18-cifar": (
        "resnet_cifar:ResNetCifar", "ResNet-18 for images of 32 pixels, without max pooling"
    ),
}  # fmt: skip
DATASETS = {
    "folder": ("folder:folder", "a folder of pictures for each class"),
    "cifar10": ("cifar10:cifar10", "CIFAR-10, its binary or its Python version"),
    "figures": ("figures:figures", "drawn shapes, one an image, nothing to download"),
}
"""By name, the place below this package and a summary."""


@hookimpl
def register(registry: Registrar) -> None:
    """The built-in classifiers, and the datasets for them."""
    for name, (place, summary) in MODELS.items():
        registry.model(name, f"{__name__}.{place}", summary=summary, task=TASK)
    for name, (place, summary) in DATASETS.items():
        registry.dataset(name, f"{__name__}.{place}", summary=summary, task=TASK)
