"""Models of strangers, named by their place: another library's detector, and another task."""

import functools
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from torchvision.models import ResNet50_Weights, resnet18
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights, fasterrcnn_resnet50_fpn

from alframe.benchmarks.reporting.report import findings_of
from alframe.config.resolve import from_overrides, resolve
from alframe.errors import AlframeError, ConfigError, PluginError, TrainingError
from alframe.runs.build import build_strategy
from alframe.runs.run import run
from alframe.signals import CLASS_PROBS, EMBEDDING
from alframe.testing import check_learner, tiny_setup
from alframe.training.plain_learner import PlainLearner
from tests.models.classifier import Classifier
from tests.models.faster_rcnn import FasterRCNN

SMALL = (
    "budget.initial=4",
    "budget.per_cycle=2",
    "budget.cycles=2",
    "training.batch_size=2",
    "device=cpu",
)
DETECTION = (
    *SMALL,
    "dataset.pool=10",
    "dataset.test=3",
    "dataset.size=64",
    "training.passes=1",
)
CLASSIFIER = (
    *SMALL,
    "model=tests.models.classifier:Classifier",
    "dataset=tests.models.classifier:colours",
    "data.resize=none",
    "training.passes=20",
    "training.lr=0.5",
)


PLACE = "tests.models.classifier"
OF_COLOURS = (("dataset", "colours"), ("model", "Classifier"))


def cycles(path: Path, *pairs: str) -> list[dict[str, Any]]:
    list(run(resolve([from_overrides(pairs)]), path))
    return [json.loads(line) for line in (path / "cycles.jsonl").read_text().splitlines()]


FASTER_RCNN = (*DETECTION, "model=tests.models.faster_rcnn:FasterRCNN", "model.side=64")


@pytest.mark.parametrize(
    ("strategy", "model"),
    [
        *(
            pytest.param(name, FASTER_RCNN, marks=pytest.mark.slow)
            for name in ("entropy", "coreset")
        ),
        *(
            (name, (*DETECTION, "model=tests.models.boxed:Boxed"))
            for name in ("entropy", "divproto")
        ),
    ],
)
def test_a_detector_of_ones_own(strategy: str, model: tuple[str, ...], tmp_path: Path) -> None:
    found = cycles(tmp_path / "run", f"strategy={strategy}", *model)
    assert [c["labelled"] for c in found] == [4, 6]
    assert list(found[0]["metrics"]) == ["mAP50", "mAP50_11pt", "mAP", "AP50", "COCO"]


@pytest.mark.slow
def test_it_keeps_the_contract_of_a_learner() -> None:
    setup = tiny_setup("training.passes=2")
    model = functools.partial(FasterRCNN, num_classes=2, side=64)
    check_learner(PlainLearner, setup=replace(setup, build_model=model))


@pytest.mark.parametrize("strategy", [("entropy", "strategy.unit=anchors"), ("coreset",)])
def test_another_task(strategy: tuple[str, ...], tmp_path: Path) -> None:
    name, *options = strategy
    found = cycles(tmp_path / "run", f"strategy={name}", *CLASSIFIER, *options)
    assert [c["metrics"] for c in found] == [{"accuracy": 1.0}] * 2


@pytest.mark.parametrize(
    ("strategy", "mistake", "said"),
    [
        ("random", "Logits", r"class_probs\.values leaves 0\.\.1: expected probabilities"),
        ("random", "Bare", "class_probs is of type Tensor: expected a ClassProbs"),
        ("coreset", "Forgetful", "the signal embedding is missing, of 0"),
        ("random", "Detached", r"the loss has no gradient: .* without detach\(\) or no_grad\(\)"),
    ],
)
def test_what_goes_wrong_in_a_model_of_ones_own(
    strategy: str, mistake: str, said: str, tmp_path: Path
) -> None:
    """Also where nothing is selected by what is wrong: the model is measured by it."""
    short = ("training.passes=1", f"model=tests.models.mistaken:{mistake}")
    with pytest.raises(TrainingError, match=said):
        cycles(tmp_path / "run", f"strategy={strategy}", *CLASSIFIER, *short)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("Silent", r"Silent.read gives None \(NoneType\): expected a dict of signals by name"),
        ("Frozen", "model Frozen has no parameter that requires a gradient: expected one or more"),
        ("Bodiless", "model Bodiless has no parameter that requires a gradient"),
        ("Unmeasured", "model Unmeasured lacks measured, measure: expected an alframe.model.Model"),
        ("Measuring", "the signal class_probs is read and was not asked for: name it in requires"),
    ],
)
def test_what_a_model_of_ones_own_lacks(mistake: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=said):
        cycles(
            tmp_path / "run",
            "strategy=random",
            *CLASSIFIER,
            "training.passes=1",
            f"model=tests.models.mistaken:{mistake}",
        )


@pytest.mark.parametrize("pairs", [FASTER_RCNN, CLASSIFIER])
def test_miaod_trains_neither_and_says_what_it_trains(
    pairs: tuple[str, ...], tmp_path: Path
) -> None:
    config = resolve([from_overrides(["strategy=miaod", *pairs])])
    fitting = "resnet18-cifar, timm$" if pairs is CLASSIFIER else "retina, retina-tiny, ssd, "
    wanted = (
        rf"trains a DenseDetector or a Classifier, which model 'tests\..*' is not; .*: {fitting}"
    )
    with pytest.raises(ConfigError, match=wanted):
        next(run(config, tmp_path / "run"))


def test_learning_loss_says_what_a_model_lacks(tmp_path: Path) -> None:
    config = resolve([from_overrides(["strategy=ll4al", *CLASSIFIER])])
    wanted = r"which model '.*' is not \(it lacks image_losses, maps\); models that fit: "
    with pytest.raises(ConfigError, match=wanted):
        next(run(config, tmp_path / "run"))


def test_a_model_without_classes() -> None:
    """It is to take their number."""
    said = "model 'tests.models.mistaken:Fixed' .* does not take num_classes: expected that among"
    with pytest.raises(PluginError, match=said):
        resolve([from_overrides([*CLASSIFIER, "model=tests.models.mistaken:Fixed"])])


class Unsigned(dict[str, Any]):
    requires: ClassVar[frozenset[str]] = frozenset()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere:Idea", "Nor is there a module 'nowhere'"),
        ("tests.models.classifier:Idea", "has no attribute 'Idea'"),
        ("tests.models.classifier:Coloured", "expected something with"),
        (f"{__name__}:Unsigned", "its options cannot be read: no signature found"),
        ("powr:entropy", "unknown strategy 'powr'.*Did you mean 'power'"),
        (":Idea", "expected a name on both sides of the colon"),
    ],
)
def test_a_place_where_nothing_lies(place: str, message: str) -> None:
    with pytest.raises(AlframeError, match=message):
        build_strategy(resolve([{"strategy": place}]))


@pytest.mark.parametrize("more", [(), ("model.weights=none",)])
def test_a_network_of_another_library_is_no_model(more: tuple[str, ...], tmp_path: Path) -> None:
    of_others = "torchvision.models.detection:fasterrcnn_resnet50_fpn"
    with pytest.raises(ConfigError, match=r"part of torchvision, .* a class of your own around it"):
        resolve([from_overrides([f"model={of_others}"])])
    place = f"{__name__}:detector"
    given = ["dataset=shapes", "training.passes=1", "strategy=random", *more]
    with pytest.raises(PluginError, match=f"model '{place}' .* no provides, .* a class around it"):
        resolve([from_overrides([*given, f"model={place}"])])
    config = resolve([from_overrides([*given[:3], *SMALL, f"model={__name__}:classifier"])])
    with pytest.raises(PluginError, match="model ResNet lacks provides, measured, loss, features"):
        list(run(config, tmp_path / "run"))


def detector(
    *,
    weights: FasterRCNN_ResNet50_FPN_Weights | None = None,
    weights_backbone: ResNet50_Weights = ResNet50_Weights.IMAGENET1K_V1,
    num_classes: int,
) -> Any:
    return fasterrcnn_resnet50_fpn(
        weights=weights, weights_backbone=weights_backbone, num_classes=num_classes
    )


def classifier(*, num_classes: int) -> Any:
    return resnet18(num_classes=num_classes)


def made(num_classes: int) -> Classifier:
    return Classifier(num_classes)


made.task = Classifier.task  # type: ignore[attr-defined]


def blind(num_classes: int) -> Classifier:
    return Classifier(num_classes)


blind.task, blind.provides = Classifier.task, frozenset({EMBEDDING})  # type: ignore[attr-defined]


def test_what_a_model_without_boxes_lacks_is_no_boxes(tmp_path: Path) -> None:
    short = ("training.passes=1", "model=tests.models.test_models:blind")
    said = r"'entropy' requires the signal class_probs, which neither .* models that do: .*timm"
    with pytest.raises(ConfigError, match=said):
        cycles(tmp_path / "run", "strategy=entropy", *CLASSIFIER, *short)


def test_a_function_may_make_the_model(tmp_path: Path) -> None:
    """It need not say what the model provides, where no strategy asks for it."""
    short = ("strategy=random", "training.passes=1", "model=tests.models.test_models:made")
    made.provides = Classifier.provides  # type: ignore[attr-defined]
    assert len(cycles(tmp_path / "run", *CLASSIFIER, *short)) == 2


def test_a_model_that_is_measured_by_what_nobody_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Classifier, "measured", frozenset({CLASS_PROBS, "telepathy"}))
    config = resolve([from_overrides([*CLASSIFIER, "strategy=random"])])
    with pytest.raises(PluginError, match=r"is measured by telepathy, which neither it nor the le"):
        build_strategy(config)


def test_an_idea_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    idea = """
from alframe.strategy import Selection

class First:
    requires = frozenset()

    def __init__(self, last: bool = False):
        self.last = last

    def select(self, query):
        ids = query.unlabelled[::-1] if self.last else query.unlabelled
        return Selection(ids[: query.budget])
"""
    (tmp_path / "my_idea.py").write_text(idea)
    monkeypatch.chdir(tmp_path)
    config = resolve([from_overrides(["strategy=my_idea:First", "strategy.last=true"])])
    assert config.strategy.options == {"last": True}
    assert build_strategy(config).last  # type: ignore[attr-defined]
    wrapped = resolve([from_overrides(["strategy=dedup:my_idea:First"])])
    assert wrapped.strategy.name == "dedup:my_idea:First"
    assert build_strategy(wrapped)


def test_an_idea_that_is_edited_while_a_run_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    idea = tmp_path / "edited_idea.py"
    idea.write_text((Path(__file__).parent / "classifier.py").read_text())
    monkeypatch.chdir(tmp_path)
    pairs = [each.replace("tests.models.classifier", "edited_idea") for each in CLASSIFIER]
    config = resolve([from_overrides([*pairs, "strategy=random", "training.passes=1"])])
    next(run(config, tmp_path / "run"))
    parts = json.loads((tmp_path / "run/manifest.json").read_text())["plugins"]
    digest = hashlib.sha256(idea.read_bytes()).hexdigest()[:12]
    assert parts == {f"{kind} edited_idea:{name}": digest for kind, name in OF_COLOURS}
    list(run(config, tmp_path / "run", resume=True))
    assert "has changed since the run began" not in caplog.text
    idea.write_text(f"{idea.read_text()}\n# better\n")
    list(run(config, tmp_path / "run", resume=True))
    both = f"{digest}, {hashlib.sha256(idea.read_bytes()).hexdigest()[:12]}"
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert set(manifest["plugins"].values()) == {both}
    assert (
        "the code of dataset edited_idea:colours, model edited_idea:Classifier has" in caplog.text
    )
    caplog.clear()
    list(run(config, tmp_path / "run", resume=True))
    assert "has changed since the run began" not in caplog.text
    assert (
        json.loads((tmp_path / "run/manifest.json").read_text())["plugins"] == manifest["plugins"]
    )


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["dataset=tests.models.classifier:colours"], r"is of classification, model 'retina-tiny'"),
        (
            ["model=tests.models.classifier:Classifier"],
            r"'shapes' is of detection, [^;]*; models that fit: [^;]* fcos, hf, retina, [^;]*$",
        ),
        (
            [f"dataset={PLACE}:untold", f"model={PLACE}:Classifier"],
            f"; if dataset '{PLACE}:untold' is of classification, give it an attribute task='class",
        ),
    ],
)
def test_a_model_of_another_task_is_refused(pairs: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve([from_overrides(["strategy=random", *pairs])])


def test_the_first_metric_of_a_model_is_what_a_report_shows(tmp_path: Path) -> None:
    cycles(tmp_path / "run", "strategy=random", *CLASSIFIER)
    assert findings_of([tmp_path / "run"]).metric == "accuracy"
