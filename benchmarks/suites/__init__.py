"""The suites that come with alframe: YAML files, the first line of each its command."""

from importlib import resources
from typing import Any

from alframe.reading import parsed_yaml

SUITES = {
    "smoke": "drawn shapes, 6 methods x 3 seeds, minutes on a CPU",
    "voc-retina": "MI-AOD's RetinaNet benchmark on Pascal VOC",
    "voc-ssd": "MI-AOD's SSD benchmark on Pascal VOC",
    "coco-retina": "MI-AOD's RetinaNet benchmark on COCO",
    "small-real": "any folder in VOC layout, small network on ImageNet features",
}
"""Name -> what ``alframe ls suites`` says of it."""


def content(name: str) -> Any:
    """What the YAML file of a suite holds."""
    text = resources.files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return parsed_yaml(text, f"suite {name}")
