"""What a run settles: ``training.precision=auto`` is a rule, and what a run has begun with."""

import json
from pathlib import Path

import pytest
import torch

from alframe.config.path_options import Place
from alframe.config.resolve import from_overrides, resolve
from alframe.datasets.base import Dataset
from alframe.errors import RunError
from alframe.runs.initial import write_initial
from alframe.runs.pinned_settings import as_settled, with_places
from alframe.runs.run import run
from alframe.runs.rundir import stored_layer
from alframe.tasks.classification.resnet_cifar import ResNetCifar

SMALL = (
    "strategy=entropy",
    "dataset.pool=8",
    "dataset.test=2",
    "dataset.size=64",
    "training.iterations=1",
    "training.batch_size=2",
    "training.precision=auto",
    "budget.initial=2",
    "budget.per_cycle=2",
    "budget.cycles=2",
    "device=cpu",
)


@pytest.mark.parametrize(("faster", "precision"), [(True, "bf16"), (False, "fp32")])
def test_a_device_that_is_faster_in_bf16_computes_in_it(
    faster: bool, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alframe.training.device.faster_in_bf16", lambda device: faster)
    config = resolve([from_overrides(SMALL)])
    assert as_settled(config, tmp_path).training.precision == precision
    fixed = resolve([from_overrides([*SMALL, "training.precision=fp32"])])
    assert as_settled(fixed, tmp_path) == fixed


def test_white_means_nothing_where_all_images_have_8_bits(tmp_path: Path) -> None:
    config, path = resolve([from_overrides([*SMALL, "data.white=200"])]), tmp_path / "run"
    cycles = list(run(config, path))
    assert resolve([stored_layer(path)]).data.white is None
    assert list(run(config, path, resume=True)) == cycles


def test_a_run_keeps_what_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alframe.training.device.faster_in_bf16", lambda device: True)
    config, path = resolve([from_overrides(SMALL)]), tmp_path / "run"
    next(iter(run(config, path)))
    assert resolve([stored_layer(path)]).training.precision == "bf16"
    assert json.loads((path / "manifest.json").read_text())["precision"] == "bf16"
    monkeypatch.setattr("alframe.training.device.faster_in_bf16", lambda device: False)
    assert len(list(run(config, path, resume=True))) == 2
    follower = config.model_copy(update={"first_cycle": str(path)})
    assert as_settled(follower, tmp_path / "new").training.precision == "bf16"
    assert as_settled(config, tmp_path / "new").training.precision == "fp32"
    fixed = resolve([from_overrides([*SMALL, "training.precision=fp32"])])
    with pytest.raises(RunError, match=r"precision = 'bf16', now it is 'fp32'"):
        list(run(fixed, path, resume=True))


def folder_of_pictures(
    root: str, *, table: Path | None = None, split: str = "val", share: Place | float = 0.5
) -> Dataset:
    """A dataset of a plugin."""
    raise NotImplementedError


def test_paths_are_known_by_their_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else ``val`` becomes one wherever there is a folder of that name."""
    for name in ("val", "split.txt", "home", "0.5"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    mine = f"dataset={__name__}:folder_of_pictures"
    for pairs, whole in (
        (["dataset=yolo", "dataset.root=.", "dataset.test=val", "dataset.data=split.txt"], "data"),
        (["dataset=voc-seg", "dataset.root=.", "model=fcn"], ""),
        (["dataset=photos", "dataset.root=.", "dataset.test=split.txt"], "test"),
        (["dataset=photos", "dataset.root=.", "dataset.annotations=split.txt"], "annotations"),
        (["dataset=folder", "dataset.root=.", "dataset.test=split.txt", "model=timm"], "test"),
        (["dataset=masks", "dataset.root=.", "dataset.test=split.txt", "model=fcn"], "test"),
        ([mine, "dataset.root=.", "dataset.table=split.txt"], "table"),
        ([mine, "dataset.root=.", "dataset.share=split.txt"], "share"),
        ([mine, "dataset.root=.", "dataset.share=0.5"], ""),
        (["dataset.root=~/", "dataset=voc"], ""),
    ):
        config = resolve([from_overrides([*pairs, "strategy=random"])])
        given, found = config.dataset.options, with_places(config).dataset.options
        root = "home" if given["root"] == "~/" else "."
        expected = {**given, "root": str(tmp_path / root)}
        if whole:
            expected[whole] = type(given[whole])(tmp_path / "split.txt")
        assert found == expected, pairs
    others = ["oracle=files", "oracle.proposals=split.txt", "first_cycle=home"]
    found = with_places(resolve([from_overrides(others)]))
    assert found.oracle.options["proposals"] == str(tmp_path / "split.txt")
    assert found.first_cycle == str(tmp_path / "home")


def test_an_initial_set_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    write_initial(Path("ids.json"), ["pool/000003", "pool/000001"])
    config = resolve([from_overrides([*SMALL, "budget.initial_set=ids.json"])])
    next(iter(run(config, tmp_path / "run")))
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = resolve([stored_layer(tmp_path / "run")])
    assert len(list(run(again, tmp_path / "run", resume=True))) == 2


def test_weights_are_known_by_their_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is resumed elsewhere finds a file of that name there, or none."""
    for name in ("here", "there", "nowhere"):
        (tmp_path / name).mkdir()
    for seed, name in enumerate(("here", "there")):
        torch.manual_seed(seed)
        torch.save(ResNetCifar(3, width=2).body.state_dict(), tmp_path / name / "w.pth")
    data = ("dataset=figures", "dataset.pool=8", "dataset.test=2", "dataset.classes=3")
    net = ("model=resnet18-cifar", "model.width=2", "model.weights=w.pth", "device=cpu")
    budget = ("budget.initial=4", "budget.per_cycle=2", "budget.cycles=2", "training.passes=1")
    config = resolve([from_overrides([*data, *net, *budget, "strategy=random"])])
    path = tmp_path / "run"
    monkeypatch.chdir(tmp_path / "here")
    next(iter(run(config, path)))
    other, follower = tmp_path / "other", config.model_copy(update={"first_cycle": str(path)})
    monkeypatch.chdir(tmp_path / "there")
    with pytest.raises(RunError, match=r"was started with another file of model\.weights"):
        list(run(config, path, resume=True))
    with pytest.raises(RunError, match="it began with another file of weights"):
        list(run(follower, other))
    monkeypatch.chdir(tmp_path / "nowhere")
    moved = config.model.model_copy(update={"weights": str(tmp_path / "here/w.pth")})
    found = config.model_copy(update={"model": moved})
    assert len(list(run(found, path, resume=True))) == 2
    assert resolve([stored_layer(path)]).model.options["weights"] == "w.pth"
    for name in ("there/w.pth", "none"):
        given = tmp_path / name if "/" in name else name
        wrong = config.model.model_copy(update={"weights": str(given)})
        with pytest.raises(RunError, match=r"was started with model\.weights = 'w\.pth'"):
            list(run(config.model_copy(update={"model": wrong}), path, resume=True))
    monkeypatch.chdir(tmp_path / "here")
    assert len(list(run(follower, other))) == 2
