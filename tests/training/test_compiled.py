"""Compiled losses: one graph, and few of them."""

import _ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._filelock import FileLock

from alframe.config.resolve import from_overrides, resolve
from alframe.datasets.base import ImageSet
from alframe.errors import ConfigError
from alframe.runs.build import build_learner
from alframe.training import compiled as module
from alframe.training.batch import Batch
from alframe.training.compiled import Compiled, compiled, even
from alframe.training.phases import Losses, Phase, Step
from tests.fakes import FakeImages

CPU = torch.device("cpu")
TINY = ("model=retina-tiny", "model.fpn_channels=16", "dataset=shapes")
LITE = ("model=ssd-lite0", "dataset=shapes", "strategy=entropy", "model.weights=none")
LEARNERS = {
    "plain": (*TINY, "strategy=entropy"),
    "miaod": (*TINY, "strategy=miaod"),
    "ll4al": (*TINY, "strategy=ll4al"),
    "ssd": (*LITE, "model.frozen_stages=-1", "model.norm_eval=false"),
}


def batch(*, count: int = 2, height: int = 64, width: int = 64, objects: int = 3) -> Batch:
    generator = torch.Generator().manual_seed(height + width)
    images = torch.randint(0, 256, (count, height, width, 3), generator=generator)
    sizes = torch.tensor([[height, width]] * count)
    corner = torch.rand(count, objects, 2, generator=generator) * 0.5
    frame = torch.tensor([width, height], dtype=torch.float32)
    return Batch(
        ids=tuple(f"{height}x{width} {n}" for n in range(count)),
        images=images.to(torch.uint8).permute(0, 3, 1, 2),
        sizes=sizes,
        originals=sizes,
        boxes=torch.cat([corner * frame, (corner + 0.4) * frame], dim=2),
        labels=torch.randint(0, 2, (count, objects), generator=generator),
    )


def unlabelled(labelled: Batch) -> Batch:
    return replace(labelled, boxes=None, labels=None)


def test_names_and_numbers_of_objects_are_evened_out():
    made = even(batch(count=2, objects=3))
    assert made.ids == ("", "")
    assert len(made) == 2
    assert made.boxes.shape == (2, 8, 4)
    assert torch.equal(made.boxes[:, :3], batch(objects=3).boxes)
    assert made.boxes[:, 3:].abs().sum() == 0
    assert (made.labels[:, 3:] == -1).all()
    rows = [even(batch(objects=n)).labels.shape[1] for n in (1, 8, 9, 16, 17)]
    assert rows == [8, 8, 16, 16, 32]
    assert even(unlabelled(batch())).boxes is None


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """How functions were compiled; they are run as they are."""
    calls: list[dict[str, Any]] = []

    def compile_(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            calls[number]["runs"] += 1
            return function(*args)

        number = len(calls)
        calls.append({**options, "runs": 0})
        return run

    monkeypatch.setattr(module.torch, "compile", compile_)
    return calls


def error(model: nn.Module, images: Batch) -> Losses:
    return Losses({"error": model(images.images.float().mean(dim=(2, 3))).square().mean()})


ON_GPU: Any = SimpleNamespace(images=SimpleNamespace(is_cuda=True))


def test_a_graph_is_not_replayed_onto_gradients_that_are_added_to(
    backends: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "even", lambda batch: batch)
    model = nn.Linear(3, 1)
    loss = Compiled(lambda model, batch: Losses({}), graphs=True)
    assert [call.get("mode") for call in backends] == [None, "reduce-overhead"]
    runs = []
    for gradient, frozen in ((None, False), (torch.ones(1, 3), False), (torch.ones(1, 3), True)):
        model.weight.grad = gradient
        model.weight.requires_grad_(not frozen)
        loss(model, ON_GPU)
        runs.append([call["runs"] for call in backends])
    assert runs == [[0, 1], [1, 1], [1, 2]]


def test_on_a_cpu_nothing_is_recorded(backends: list[dict[str, Any]]) -> None:
    Compiled(error, graphs=True)(nn.Linear(3, 1), batch())
    assert [call["runs"] for call in backends] == [1, 0]


def test_a_loss_of_several_phases_is_compiled_once(backends: list[dict[str, Any]]) -> None:
    other: Any = lambda model, batch: error(model, batch)  # noqa: E731
    steps = Step("labelled", error), Step("unlabelled", other)
    phases = (Phase("label", 3, steps[:1]), Phase("min", 1, steps), Phase("label", 3, steps[:1]))
    made = compiled(phases, CPU, graphs=False)
    assert len(backends) == 2
    assert [(p.name, p.length, [s.stream for s in p.steps]) for p in made] == [
        ("label", 3, ["labelled"]),
        ("min", 1, ["labelled", "unlabelled"]),
        ("label", 3, ["labelled"]),
    ]
    assert made[0].steps[0].loss is made[1].steps[0].loss is made[2].steps[0].loss
    expected = error(nn.Linear(3, 1), batch())
    assert made[0].steps[0].loss(nn.Linear(3, 1), batch()).terms.keys() == expected.terms.keys()


def test_without_a_compiler_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        ConfigError, match=r"needs a C\+\+ compiler, and there is no no-such-compil"
    ):
        compiled((), CPU, graphs=False)
    monkeypatch.setattr(module.shutil, "which", lambda name: name == "clang" or None)
    compiled((), torch.device("cuda"), graphs=False)
    monkeypatch.setattr(module.shutil, "which", lambda name: name == "g++" or None)
    with pytest.raises(ConfigError, match=r"needs a C compiler, and there is no gcc or clang: "):
        compiled((), torch.device("cuda"), graphs=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", LEARNERS)
def test_a_step_is_one_graph_for_any_shape(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``fullgraph`` refuses to leave it. A few are made, and those of one cycle serve the next."""
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()
    make = torch.compile
    monkeypatch.setattr(module.torch, "compile", lambda f: make(f, backend=counter, fullgraph=True))
    torch._dynamo.reset()
    learner: Any = build_learner(resolve([from_overrides(LEARNERS[kind])]), ("a", "b"))
    shapes = [(256, 256)] if kind == "ssd" else [(64, 64), (64, 96), (96, 64), (96, 128)]
    made = []
    for cycle in range(2):
        model = learner._fresh(cycle).train()
        phases = compiled(learner.phases(ImageSet(FakeImages(), ("a",))), CPU, graphs=False)
        for phase in phases:
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(phase.trains(name))
            for step in phase.steps:
                for height, width in shapes:
                    images = batch(height=height, width=width, objects=height // 8)
                    labelled = step.stream == "labelled"
                    step.loss(model, images if labelled else unlabelled(images)).total()
        made.append(counter.frame_count)
    losses = len({step.loss for phase in phases for step in phase.steps})
    assert losses <= made[0] <= 6 * losses
    assert made[1] == made[0]


def test_libraries_that_a_killed_process_left_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    whole = Path(_ctypes.__file__).read_bytes()
    (tmp_path / "ab").mkdir()
    sizes = {"empty": 0, "header": 63, "begun": 64, "cut": len(whole) - 1, "whole": len(whole)}
    for name, size in sizes.items():
        (tmp_path / f"ab/{name}.main.so").write_bytes(whole[:size])
    compiled((), CPU, graphs=False)
    left = {path.name for path in tmp_path.glob("*/*.so")}
    assert left == ({"whole.main.so"} if whole[:4] == b"\x7fELF" else set(sizes) - {"empty"})


def test_a_library_that_another_process_still_links_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    library = tmp_path / "ab/key.main.so"
    library.parent.mkdir()
    library.touch()
    (tmp_path / "locks").mkdir()
    whole = Path(_ctypes.__file__).read_bytes()
    with ThreadPoolExecutor(1) as pool:
        with FileLock(tmp_path / "locks/key.lock"):
            ended = pool.submit(compiled, (), CPU, graphs=False)
            with pytest.raises(TimeoutError):
                ended.result(timeout=0.3)
            library.write_bytes(whole)
        ended.result(timeout=60)
    assert library.read_bytes() == whole
