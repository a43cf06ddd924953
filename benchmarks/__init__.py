"""Benchmarks: suites of runs, their statistics and their reports."""

from functools import partial
from importlib import resources
from typing import Any

from alframe.files.reading import parsed_yaml
from alframe.plugins import Registrar, hookimpl

SUITES = {
    "smoke": "drawn shapes, 6 methods x 3 seeds, minutes on a CPU",
    "voc-retina": "MI-AOD's RetinaNet benchmark on Pascal VOC",
    "voc-ssd": "MI-AOD's SSD benchmark on Pascal VOC",
    "coco-retina": "MI-AOD's RetinaNet benchmark on COCO",
    "default": "the default run, MI-AOD beside random and entropy, 10 seeds",
    "miaod-claim": "where MI-AOD's training helps: recipes and ablations on photographs",
    "cifar10-ll4al": "Learning Loss's benchmark on CIFAR-10",
    "cifar10-cpu": "CIFAR-10 at 16 pixels, 5 methods x 3 seeds, an hour of one CPU core",
    "cifar-smoke": "drawn shapes to classify, 6 methods x 3 seeds, minutes on a CPU",
    "camvid": "CamVid, LR-ASPP, 5 methods x 3 seeds",
    "seg-smoke": "drawn shapes with masks, 5 methods x 3 seeds, minutes on a CPU",
    "small-real": "any folder in VOC layout, small network on ImageNet features",
}
"""Name -> what ``alframe ls suites`` says of it."""


@hookimpl
def register(registry: Registrar) -> None:
    """The suites, and the commands that run and compare them."""
    for name, summary in SUITES.items():
        registry.suite(name, partial(content, name), summary=summary)
    registry.command(
        "bench",
        "alframe.benchmarks.running.bench:bench",
        summary="run a suite, methods x problems x seeds, and report it",
    )
    registry.command(
        "report",
        "alframe.benchmarks.reporting.report:report",
        summary="tables, a page and curves of one or several runs",
    )


def content(name: str) -> Any:
    """What the YAML file of a suite holds."""
    file = resources.files(f"{__name__}.suites").joinpath(f"{name}.yaml")
    return parsed_yaml(file.read_text(encoding="utf-8"), f"suite {name}")
