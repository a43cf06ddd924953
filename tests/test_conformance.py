"""Whatever is registered keeps its contract: the conformance kit over the whole registry."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from alframe.config.resolve import from_overrides, resolve
from alframe.config.sections import BudgetConfig, RunConfig
from alframe.datasets.shapes import shapes
from alframe.detectors.dense import DenseDetector
from alframe.errors import ConfigError
from alframe.oracle import SimulatedOracle
from alframe.plugins import Entry, Kind, registry
from alframe.runs.budget import planned
from alframe.runs.build import build_learner, build_strategy
from alframe.runs.loop import Loop
from alframe.runs.opening import open_run
from alframe.seeds import Seeds
from alframe.tasks.classification import cifar10
from alframe.tasks.classification.resnet_cifar import ResNetCifar
from alframe.testing import (
    check_dataset,
    check_dense,
    check_learner,
    check_model,
    check_strategy,
    poisoned,
    tiny_setup,
)
from tests.datasets.builders import coco_root, photo_folder, voc_folder, yolo_root
from tests.fakes import Numbers
from tests.tasks.classification.builders import binary_cifar, class_folder, labelled_batch
from tests.tasks.segmentation.builders import mask_folder, voc_seg_folder

WRAPPED = "entropy"
"""What wrappers are put around."""
LARGE = {"retina": 64, "ssd": 300, "ssd-lite0": 256, "fasterrcnn": 64, "fcos": 64}
LARGE |= {"fcn": 64, "deeplabv3": 64}
"""Models that take seconds, and the side of the images that they need."""


def entries(kind: Kind, **slow: object) -> list[Any]:
    marks = {name: [pytest.mark.slow] for name in slow}
    return [pytest.param(e, id=e.name, marks=marks.get(e.name, [])) for e in registry().all(kind)]


def named(entry: Entry) -> str:
    return f"{entry.name}:{WRAPPED}" if entry.wraps else entry.name


def configured(strategy: Entry, learner: Entry) -> RunConfig:
    return resolve([{"strategy": named(strategy), "learner": learner.name}])


def fits(strategy: Entry, learner: Entry) -> bool:
    try:
        return bool(build_strategy(configured(strategy, learner)))
    except ConfigError:
        return False


@pytest.mark.parametrize("entry", entries("strategies"))
def test_strategy(entry: Entry) -> None:
    own = registry().get("learners", entry.learner)
    learner = next(e for e in [own, *registry().all("learners")] if fits(entry, e))
    check_strategy(partial(build_strategy, configured(entry, learner)))


TRAINED = [one for one in entries("learners") if one.values[0].trains]
"""Without those that wait for what another program finds: tests/detectors/test_predictions.py."""


@pytest.mark.parametrize("entry", TRAINED)
def test_learner(entry: Entry) -> None:
    check_learner(entry.load())  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("entry", TRAINED)
def test_learner_on_a_softmax_detector(entry: Entry) -> None:
    small = ("backbone=tiny", "weights=none", "frozen_stages=-1", "norm_eval=false", "size=64",
             "strides=[8,16,32,64]", "anchor_ratios=[[2],[2,3],[2],[2]]")  # fmt: skip
    setup = tiny_setup("model=ssd-lite0", *(f"model.{option}" for option in small))
    check_learner(entry.load(), setup=setup)  # type: ignore[arg-type]


CLASSIFIER = ("dataset=figures", "model=resnet18-cifar", "model.width=16", "training.lr=0.01")


@pytest.mark.slow
@pytest.mark.parametrize("entry", TRAINED)
def test_learner_on_a_classifier(entry: Entry) -> None:
    kinds = getattr(entry.load(), "trains_only", None) or object
    if not issubclass(ResNetCifar, kinds):
        pytest.skip(f"{entry.name} trains no classifier")
    check_learner(entry.load(), setup=tiny_setup(*CLASSIFIER))  # type: ignore[arg-type]


def of_task(task: str) -> list[Any]:
    """Models, but for that which needs a folder or the hub: tests/detectors/test_hf.py."""
    models = [one for one in entries("models", **LARGE) if one.values[0].name != "hf"]
    return [one for one in models if one.values[0].task == task]


@pytest.mark.parametrize("entry", of_task("classification"))
def test_classifier(entry: Entry) -> None:
    check_model(partial(entry.load(), weights="none"), batch=labelled_batch())


@pytest.mark.parametrize("entry", of_task("segmentation"))
def test_segmenter(entry: Entry) -> None:
    names = {"dataset": "shapes-seg", "strategy": "random"}
    options = resolve([{"model": {"name": entry.name, "weights": "none"}, **names}]).model.options
    check_model(partial(entry.load(), **options))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("entry", of_task("detection"))
def test_detector(entry: Entry) -> None:
    options = resolve([{"model": {"name": entry.name, "weights": "none"}}]).model.options
    options |= {"frozen_stages": -1, "norm_eval": False}
    factory = entry.load()

    def made(classes: int) -> Any:
        return factory(num_classes=classes, **options)

    if isinstance(factory, type) and issubclass(factory, DenseDetector):
        check_dense(made, side=LARGE.get(entry.name, 64))
    else:
        check_model(made)


ROOTS: dict[str, Callable[[Path], object]] = {
    "coco": coco_root,
    "yolo": yolo_root,
    "photos": photo_folder,
    "folder": class_folder,
    "cifar10": lambda path: None,
    "masks": mask_folder,
    "voc-seg": voc_seg_folder,
    "voc": partial(voc_folder, trainval=["000001", "000002"], test=["000003"]),
}
"""How to write a tiny dataset of those that read files."""


@pytest.mark.parametrize("entry", entries("datasets"))
def test_dataset(entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if entry.name == "cifar10":
        monkeypatch.setattr(cifar10, "BINARY", binary_cifar(tmp_path / "root"))
    options: dict[str, Any] = {}
    if entry.name in ROOTS:
        ROOTS[entry.name](tmp_path / "root")
        options["root"] = str(tmp_path / "root")
    options |= {"classes": ["cat"]} if entry.name == "photos" else {}
    check_dataset(partial(entry.load(), **options))


PASSES = {"miaod": 13}
"""Of learners that need several phases."""


def run_poisoned(strategy: str, learner: str, path: Path) -> list[tuple[str, ...]]:
    """Two cycles on a dataset of which nobody but the oracle may read the pool's targets."""
    tiny = ("training.batch_size=4", "evaluation.coco=false", "device=cpu", "data.resize=none")
    tiny += ("model.fpn_channels=16", "model.tower_convs=1")
    length = f"training.passes={PASSES.get(learner, 1)}"
    names = {"strategy": strategy, "learner": learner}
    config = resolve([names, from_overrides((*tiny, length))])
    dataset = shapes(pool=10, test=2, size=64, classes=2)
    with open_run(path, config, resume=False) as run:
        loop = Loop(
            dataset=poisoned(dataset),
            learner=build_learner(config, dataset.classes),
            strategy=build_strategy(config),
            oracle=SimulatedOracle(dataset.targets),
            run=run,
            plan=planned(BudgetConfig(initial=4, per_cycle=3, cycles=2), dataset, Seeds(0)),
            seeds=Seeds(0),
            recorder=Numbers(),
        )
        return [tuple(cycle["selected"]) for cycle in loop.run()]


PAIRS = [
    (s, lr) for s in registry().all("strategies") for lr in registry().all("learners") if lr.trains
]


def own(strategy: Entry, learner: Entry) -> bool:
    return learner.name == strategy.learner


@pytest.mark.parametrize(
    ("strategy", "learner"),
    [
        pytest.param(
            s, lr, id=f"{s.name}-{lr.name}", marks=[] if own(s, lr) else [pytest.mark.slow]
        )
        for s, lr in PAIRS
    ],
)
def test_nobody_reads_a_hidden_target(strategy: Entry, learner: Entry, tmp_path: Path) -> None:
    if not fits(strategy, learner):
        pytest.skip(f"{learner.name} does not provide what {strategy.name} requires")
    first, last = run_poisoned(named(strategy), learner.name, tmp_path / "run")
    assert len(set(first)) == 3
    assert last == ()
