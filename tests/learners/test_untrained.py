"""A registered learner that does not train, through the whole command line."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from alframe.api import resolve
from alframe.datasets.shapes import shapes
from alframe.errors import ConfigError
from tests.cli.test_cli import alframe  # noqa: F401
from tests.plugins.strangers import Strangers, naming

PLACE = "tests.learners.predictions:Predictions"
POOL = ("dataset.pool=12", "dataset.test=4", "dataset.size=32", "dataset.classes=2")
SMALL = (*POOL, "budget.initial=4", "budget.per_cycle=3", "budget.cycles=2", "device=cpu")
OWN = {"learner": {"name": PLACE, "root": "x"}, "strategy": "entropy"}
TRUTH = shapes(pool=12, test=4, size=32, classes=2)


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    strangers = Strangers(tmp_path / "site", monkeypatch)
    strangers.folder.mkdir()
    call = f"registry.learner('from-files', {PLACE!r}, summary='from files', trains=False)"
    strangers.install("mine", naming(call))
    yield strangers
    strangers.uninstall()


def write_predictions(root: Path, cycle: int) -> None:
    """As a model that is sure of the first images of the pool, and always right."""
    root.mkdir(exist_ok=True)
    rows = {}
    for rank, item in enumerate((*TRUTH.pool, *TRUTH.test)):
        sure = 0.99 - 0.03 * rank
        probs = [sure, 1 - sure]
        rows[item] = probs if 0 in TRUTH.targets[item].labels else probs[::-1]
    (root / f"cycle_{cycle:02d}.json").write_text(json.dumps(rows))


def test_from_waiting_to_the_report(
    alframe: Any,  # noqa: F811
    strangers: Strangers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, out = tmp_path / "predictions", tmp_path / "work"
    out.mkdir()
    monkeypatch.chdir(out)
    assert "from-files   learners  alframe-mine" in alframe("ls", "learners")[1]
    entropy = ("--strategy", "entropy", "strategy.unit=anchors", "--learner", "from-files")
    options = (*entropy, f"learner.root={root}", *SMALL)
    code, said, err = alframe("run", *options)
    assert code == 3, err
    assert f"waiting: cycle 0 waits for predictions: write {root / 'cycle_00.json'}" in err
    run = Path("runs/shapes-from-files-entropy-seed0")
    assert f"run      {run}" in said
    assert "method   entropy on from-files\n" in said
    for cycle in (0, 1):
        write_predictions(root, cycle)
        code, said, err = alframe("run", "--output", str(run), "--resume")
        assert code == (0 if cycle else 3), err
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert not {"model", "training"} & config.keys()
    assert config["learner"] == {"name": "from-files", "root": str(root)}
    cycles = [json.loads(line) for line in (run / "cycles.jsonl").read_text().splitlines()]
    assert [c["metrics"] for c in cycles] == [{"accuracy": 1.0}] * 2
    unsure = sorted(set(TRUTH.pool) - set(labelled(run)), reverse=True)
    assert cycles[0]["selected"] == unsure[:3]
    code, said, err = alframe("verify", str(run))
    assert (code, "DIFFERS" in said) == (0, False), said + err
    code, said, err = alframe("report", str(run))
    assert code == 0, err
    assert "| entropy |" in said
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    code, said, err = alframe("predict", str(run), str(tmp_path / "photo.png"))
    assert (code, "has no model to predict with" in err) == (2, True), err
    code, said, err = alframe("validate", *options)
    assert (code, "training" in said) == (0, False), err


def labelled(run: Path) -> list[str]:
    (first,) = (
        json.loads(line)
        for line in (run / "journal.jsonl").read_text().splitlines()
        if json.loads(line)["event"] == "initial"
    )
    return list(first["ids"])


@pytest.mark.slow  # tests/benchmarks/running has what a suite makes of a run that waits
def test_a_suite_of_it(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    root, folder = tmp_path / "predictions", tmp_path / "suite"
    write_predictions(root, 0)
    learner = {"name": PLACE, "root": str(root)}
    suite = {
        "title": "From files",
        "seeds": [0],
        "settings": {
            "dataset": {"name": "shapes", "pool": 12, "test": 4, "size": 32, "classes": 2},
            "budget": {"initial": 4, "per_cycle": 3, "cycles": 2},
            "device": "cpu",
        },
        "problems": {"shapes": {}},
        "methods": {"random": {"strategy": "random", "learner": learner}},
    }
    file = tmp_path / "suite.yaml"
    file.write_text(yaml.safe_dump(suite))
    code, said, err = alframe("bench", str(file), "--output", str(folder))
    what = f"cycle 1 waits for predictions: write {root / 'cycle_01.json'}"
    assert (code, f"waiting: run/shapes/random/seed-0: {what} (" in err) == (3, True), said + err
    write_predictions(root, 1)
    code, said, err = alframe("bench", str(file), "--output", str(folder))
    assert code == 0, said + err


def test_no_image_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    from alframe.runs.build import build_dataset, prepare_images

    config = resolve(OWN, *POOL)
    dataset = build_dataset(config)
    read: list[str] = []
    monkeypatch.setattr(type(dataset.images), "read", lambda _, item: read.append(item))
    prepared = prepare_images(dataset, config)
    assert (prepared.pool, read) == (dataset.pool, [])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["model=ssd"], r"learner '.*Predictions' does not train a model: leave out model"),
        (["training.lr=1", "model=ssd"], r"does not train a model: leave out model and training"),
        (["lr=1"], r"unknown setting 'lr'; known: .*[^?]$"),
        (["strategy=miaod"], "learner 'tests.*' does not provide; learners that do: miaod"),
    ],
)
def test_what_would_do_nothing_is_refused(settings: list[str], message: str) -> None:
    from alframe.runs.build import build_strategy

    with pytest.raises(ConfigError, match=message):
        build_strategy(resolve(OWN, *settings))


@pytest.mark.parametrize("dataset", ["figures", "shapes-seg"])
def test_a_learner_of_another_task_is_refused(dataset: str) -> None:
    from alframe.runs.build import build_strategy

    with pytest.raises(
        ConfigError, match=rf"'predictions' is of detection, dataset '{dataset}' of"
    ):
        build_strategy(resolve("learner=predictions", f"dataset={dataset}"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["strategy=cald", "model=timm", "dataset=figures"], "none; models that do: none"),
        (["strategy=miaod", "learner=plain", "model=timm", "dataset=figures"], "miaod; models"),
        (["strategy=miaod", "learner=plain", "model=lraspp", "dataset=shapes-seg"], "none; models"),
    ],
)
def test_what_would_give_a_signal_is_named_where_it_fits(settings: list[str], told: str) -> None:
    """Learner and model together, of the task, the one able to train the other."""
    from alframe.runs.build import build_strategy

    with pytest.raises(ConfigError, match=rf"learners that do: {told}"):
        build_strategy(resolve(*settings))


def test_an_image_is_read_resized() -> None:
    from alframe.runs.build import build_dataset, prepare_images

    config = resolve(OWN, "data.resize=stretch", "data.long=20", "data.short=10", *POOL)
    dataset = prepare_images(build_dataset(config), config)
    assert dataset.images.read(dataset.pool[0]).shape == (10, 20, 3)
