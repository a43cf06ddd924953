"""A fit in several processes: the steps of one that computes each batch in as many parts."""

from typing import Any

import pytest
import torch
from torch import nn

from alframe.config.sections import TrainingConfig
from alframe.datasets.base import ImageSet
from alframe.errors import TrainingError
from alframe.learner import FitContext
from alframe.seeds import Seeds
from alframe.training import distributed
from alframe.training.batch import Batch, chunks
from alframe.training.data import TrainingStream
from alframe.training.distributed import broadcast
from alframe.training.fit import fit
from alframe.training.phases import Losses, Phase, Step
from tests.fakes import FakeImages, MemoryCheckpoint, Numbers
from tests.processes import side_by_side

IDS = tuple(f"i{n}" for n in range(11))
SETTINGS: dict[str, Any] = {"lr": 0.05, "weight_decay": 0.1, "channels_last": False}


class Towers(nn.Module):
    """Two predictions of an image's brightness; steps use one of them or both."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.trunk, self.one, self.two = nn.Linear(1, 4), nn.Linear(4, 1), nn.Linear(4, 1)
            self.never = nn.Linear(4, 4)

    def errors(self, batch: Batch, tower: nn.Module) -> torch.Tensor:
        x = batch.images.float().mean(dim=(1, 2, 3))[:, None] / 255
        return (tower(torch.tanh(self.trunk(x))) - 0.3).square().squeeze(1)


def both(model: nn.Module, batch: Batch) -> Losses:
    assert isinstance(model, Towers)
    each = {n: model.errors(batch, getattr(model, n)) for n in ("one", "two")}
    return Losses({n: e.mean() for n, e in each.items()}, {"stat": each["one"].detach().mean()})


def nonlinear(model: nn.Module, batch: Batch) -> Losses:
    """Not a mean over images: how a batch is split makes a difference."""
    assert isinstance(model, Towers)
    return Losses({"largest": model.errors(batch, model.two).max()})


def broken(model: nn.Module, batch: Batch) -> Losses:
    """Infinite for one image."""
    losses = both(model, batch)
    return Losses({"one": losses.total() * (float("inf") if "i3" in batch.ids else 1.0)})


def starving(model: nn.Module, batch: Batch) -> Losses:
    if distributed.rank() == 1:
        raise torch.OutOfMemoryError
    return both(model, batch)


PHASES = (
    Phase("all", 5, (Step("labelled", both),)),
    Phase("towers", 5, (Step("labelled", both), Step("others", nonlinear)), lambda n: "o" in n),
    Phase("half", 5, (Step("labelled", nonlinear),)),
)


def train(settings: dict[str, Any], phases: tuple[Phase, ...] = PHASES) -> Any:
    """Weights, the phases' summaries and the last checkpoint of a fit."""
    config = TrainingConfig(iterations=15, **SETTINGS | settings)
    summaries: dict[str, Any] = {}
    checkpoint = MemoryCheckpoint()
    context = FitContext(0, Seeds(1), checkpoint, Numbers(), summaries.__setitem__)
    streams = {
        name: TrainingStream(
            ImageSet(FakeImages(), ids),
            batch_size=settings.get("batch_size", 5),
            pad=8,
            augment=(),
            seeds=Seeds(0),
        )
        for name, ids in {"labelled": IDS, "others": IDS[:7]}.items()
    }
    model = fit(Towers(), phases, streams, config, context, torch.device("cpu"))
    state = {name: value.tolist() for name, value in model.state_dict().items()}
    saved = checkpoint.load()
    return state, summaries, saved and sorted(saved["model"])


def close(one: Any, other: Any) -> None:
    for name, value in one[0].items():
        torch.testing.assert_close(torch.tensor(value), torch.tensor(other[0][name]))
    for name, summary in one[1].items():
        assert summary["means"] == pytest.approx(other[1][name]["means"], rel=1e-5), name
    assert one[2] == other[2]


@pytest.mark.parametrize(
    ("processes", "settings"),
    [
        (2, {}),
        (3, {"restart": False}),
        (2, {"optimizer": "adamw", "ema": 0.9, "clip_norm": 0.1, "restart": False}),
    ],
    ids=["sgd", "three", "adamw-ema-clip"],
)
def test_processes_compute_the_parts_of_a_batch(processes: int, settings: dict[str, Any]) -> None:
    each = side_by_side(train, settings, processes=processes)
    assert all(other[0] == each[0][0] for other in each), "one model in all processes"
    close(each[0], train(settings | {"accumulate": processes}))
    with pytest.raises(AssertionError):
        close(each[0], train(settings))


def test_processes_compute_their_part_in_parts() -> None:
    """Of 3 images the first process has 2, in two parts, and the other has 1."""
    linear = (Phase("all", 15, (Step("labelled", both),)),)
    each = side_by_side(train, {"accumulate": 2, "batch_size": 3}, linear)
    close(each[0], train({"batch_size": 3}, linear))


def test_what_no_process_uses_rests() -> None:
    (state, *_), _ = side_by_side(train, {"restart": False})
    assert state["never.weight"] == Towers().never.weight.tolist()


def drawing() -> tuple[list[float], list[float]]:
    """The random numbers of a fit, and of one that goes on from its last checkpoint."""
    drawn: list[float] = []

    def drawn_by(model: nn.Module, batch: Batch) -> Losses:
        drawn.append(torch.rand(()).item())
        return both(model, batch)

    checkpoint = MemoryCheckpoint()
    context = FitContext(0, Seeds(1), checkpoint, Numbers(), lambda *_: None)
    config = TrainingConfig(passes=3, **SETTINGS)
    phases = (Phase("p", 3, (Step("labelled", drawn_by),)),)
    for _ in range(2):
        images = ImageSet(FakeImages(), IDS)
        stream = TrainingStream(images, batch_size=5, pad=8, augment=(), seeds=Seeds(0))
        fit(Towers(), phases, {"labelled": stream}, config, context, torch.device("cpu"))
        state = checkpoint.load()
        assert state
        state["rng"] = broadcast(lambda state=state: state["rng"])  # the main one's, for all
        checkpoint.save(state)
    return drawn[:9], drawn[9:]


def test_each_process_draws_its_own_also_when_resumed() -> None:
    alone, after = drawing()
    assert alone[6:] == after
    (main, resumed), (other, again) = side_by_side(drawing)
    assert main == alone
    assert not {*main} & {*other}
    assert (main[6:], other[6:]) == (resumed, again)


def test_a_nonfinite_loss_in_one_process_stops_all() -> None:
    phases = (Phase("p", 15, (Step("labelled", broken),)),)
    (stopped,) = (a for a in side_by_side(train, {}, phases) if isinstance(a, TrainingError))
    with pytest.raises(TrainingError) as alone:
        train({}, phases)
    assert str(stopped) == str(alone.value), "it names the images of all processes"


def test_a_nonfinite_loss_in_one_process_is_skipped_by_all() -> None:
    phases = (Phase("p", 15, (Step("labelled", broken),)),)
    each = side_by_side(train, {"on_nonfinite": "skip"}, phases)
    alone = train({"on_nonfinite": "skip", "accumulate": 2}, phases)
    assert each[1][1]["p"]["skipped"] == each[0][1]["p"]["skipped"] == alone[1]["p"]["skipped"] > 0
    close(each[0], alone)


def test_a_process_without_memory_says_what_to_do() -> None:
    first, second = side_by_side(train, {}, (Phase("p", 15, (Step("labelled", starving),)),))
    assert isinstance(first, SystemExit)
    assert isinstance(second, TrainingError)
    assert "out of memory with a batch of 2 images in 1 chunks: lower" in str(second)


@pytest.mark.parametrize(("length", "parts"), [(5, 2), (5, 4), (16, 6), (3, 8), (1, 1)])
def test_shares_are_nearly_equal(length: int, parts: int) -> None:
    lengths = [s.stop - s.start for s in chunks(length, parts)]
    assert sum(lengths) == length
    assert len(lengths) == min(parts, length)
    assert max(lengths) - min(lengths) <= 1


def test_shares_of_equal_shares_are_shares_of_the_whole() -> None:
    whole = [list(range(30))[s] for s in chunks(30, 15)]
    halves = [list(range(30))[s] for s in chunks(30, 3)]
    assert [half[s] for half in halves for s in chunks(10, 5)] == whole
