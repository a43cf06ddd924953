"""The fit loop on a model of a few numbers."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from alframe.config.sections import TrainingConfig
from alframe.datasets.base import ImageSet
from alframe.errors import TrainingError
from alframe.learner import FitContext
from alframe.seeds import Seeds
from alframe.training import fit as fit_module
from alframe.training.batch import Batch
from alframe.training.data import TrainingStream
from alframe.training.fit import fit
from alframe.training.loss_meter import LossMeter, refuse_nonfinite, sum_over_ranks
from alframe.training.phases import Losses, Phase, Step
from tests.fakes import FakeImages, MemoryCheckpoint, Numbers

CPU = torch.device("cpu")
IDS = tuple(f"i{n}" for n in range(10))


class Toy(nn.Module):
    """Predicts the brightness of an image through two layers, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.second = nn.Linear(1, 4), nn.Linear(4, 1)
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, batch: Batch) -> torch.Tensor:
        x = batch.images.float().mean(dim=(1, 2, 3))[:, None] / 255
        return self.second(self.drop(self.norm(self.first(x))))


def loss(model: nn.Module, batch: Batch) -> Losses:
    error = (model(batch) - 0.3).square().mean()
    return Losses({"error": error}, {"images": torch.tensor(float(len(batch)))})


def evaluating() -> Toy:
    """A toy that stays in evaluation mode: no dropout, no batch statistics."""
    model = Toy().eval()
    model.train = lambda mode=True: model  # type: ignore[method-assign, assignment]
    return model


class Killed(BaseException):
    pass


class Journal:
    def __init__(self) -> None:
        self.phases: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, name: str, summary: Any) -> None:
        self.phases.append((name, summary))


class Rates(dict[int, float]):
    """Learning rates as they are recorded, by iteration."""

    def scalar(self, name: str, value: float, step: int) -> None:
        if name.endswith("/lr"):
            self[step] = value


def streams() -> dict[str, TrainingStream]:
    settings: dict[str, Any] = {"batch_size": 3, "pad": 8, "augment": ("hflip",)}
    return {
        name: TrainingStream(ImageSet(FakeImages(), ids), seeds=Seeds(0).within(name), **settings)
        for name, ids in {"labelled": IDS, "unlabelled": IDS[:5]}.items()
    }


def train(
    config: TrainingConfig,
    phases: tuple[Phase, ...],
    *,
    checkpoint: Any = None,
    model: Toy | None = None,
    journal: Journal | None = None,
    cycle: int = 0,
    recorder: Any = None,
) -> nn.Module:
    context = FitContext(
        cycle=cycle,
        seeds=Seeds(1),
        checkpoint=checkpoint or MemoryCheckpoint(),
        recorder=Numbers() if recorder is None else recorder,
        phase_finished=journal or Journal(),
    )
    return fit(model or Toy(), phases, streams(), config, context, CPU)


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


LABELLED = Step("labelled", loss)
PHASES = (
    Phase("first", 2, (LABELLED,)),
    Phase("second", 2, (LABELLED, Step("unlabelled", loss)), lambda n: n.startswith("second")),
    Phase("third", 1, (LABELLED,)),
)
SGD = {"optimizer": "sgd", "lr": 0.05, "channels_last": False}
ADAM = {"optimizer": "adamw", "lr": 0.05, "schedule": "cosine", "ema": 0.9, "clip_norm": 1.0}


@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("settings", [SGD, ADAM], ids=["sgd", "adamw-ema"])
def test_killed_after_any_epoch_it_ends_in_the_same_weights(settings: Any, restart: bool) -> None:
    config = TrainingConfig(passes=5, restart=restart, **settings)
    checkpoint, journal = MemoryCheckpoint(), Journal()
    expected = weights(train(config, PHASES, checkpoint=checkpoint, journal=journal))
    assert len(checkpoint.states) == 4, "after each pass, and none after the last"
    for number in range(len(checkpoint.states)):
        resumed, again = MemoryCheckpoint(), Journal()
        resumed.states = checkpoint.states[: number + 1]
        # A learner builds its model anew after a kill: other initial weights must not matter.
        model = Toy()
        nn.init.zeros_(model.first.weight)
        assert same(
            weights(train(config, PHASES, checkpoint=resumed, model=model, journal=again)), expected
        )
        assert again.phases == journal.phases[-len(again.phases) :]


def test_killed_in_an_epoch_it_ends_in_the_same_weights() -> None:
    config = TrainingConfig(passes=5, **SGD)
    expected = weights(train(config, PHASES))
    for step in range(1, 27, 4):
        checkpoint, left = MemoryCheckpoint(), [step]

        def dying(model: nn.Module, batch: Batch, left: list[int] = left) -> Losses:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return loss(model, batch)

        mortal = tuple(
            Phase(p.name, p.length, tuple(Step(s.stream, dying) for s in p.steps), p.trains)
            for p in PHASES
        )
        with pytest.raises(Killed):
            train(config, mortal, checkpoint=checkpoint)
        assert same(weights(train(config, PHASES, checkpoint=checkpoint)), expected)


def test_two_steps_on_one_stream_have_batches_of_their_own() -> None:
    seen: list[tuple[str, ...]] = []

    def watching(model: nn.Module, batch: Batch) -> Losses:
        seen.append(batch.ids)
        return loss(model, batch)

    step = Step("labelled", watching)
    two, one = Phase("two", 1, (step, LABELLED, step)), Phase("one", 1, (step,))
    stream = streams()["labelled"]
    length = stream.batches_per_pass()
    train(TrainingConfig(passes=2, **SGD), (two, one))
    expected = [batch.ids for batch in stream.batches(0, 4 * length)]
    assert seen[: 2 * length] == [ids for n, ids in enumerate(expected[: 3 * length]) if n % 3 != 1]
    assert seen[2 * length :] == expected[3 * length :]


@pytest.mark.parametrize(("trained", "moves"), [("norm", True), ("second", False)])
def test_batch_norm_rests_with_its_weights(trained: str, moves: bool) -> None:
    phase = Phase("part", 2, (LABELLED,), lambda name: name.startswith(trained))
    before, after = (
        Toy().norm,
        train(TrainingConfig(passes=2, **SGD), (phase,)).get_submodule("norm"),
    )
    for name in ("running_mean", "running_var", "weight", "bias"):
        assert torch.equal(getattr(before, name), getattr(after, name)) is not moves, name


def test_a_phase_trains_only_what_it_names() -> None:
    config = TrainingConfig(passes=2, **SGD)
    model = Toy()
    before = weights(model)
    model.norm.weight.requires_grad_(False)
    only_second = Phase("only", 2, (LABELLED,), lambda n: n.startswith(("second", "norm")))
    after = weights(train(config, (only_second,), model=model))
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    statistics = {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
    assert changed == {"second.weight", "second.bias", "norm.bias"} | statistics
    frozen = [n for n, p in model.named_parameters() if not p.requires_grad]
    assert frozen == ["norm.weight"], "what the phase froze is free again"


@pytest.mark.parametrize("settings", [SGD, ADAM], ids=["sgd", "adamw-ema"])
def test_without_restarts_two_phases_are_one(settings: Any) -> None:
    two = (Phase("a", 2, (LABELLED,)), Phase("b", 3, (LABELLED,)))
    one = (Phase("c", 5, (LABELLED,)),)
    kept = TrainingConfig(passes=5, restart=False, warmup=4, **settings)
    assert same(weights(train(kept, two)), weights(train(kept, one)))
    fresh = TrainingConfig(passes=5, restart=True, warmup=4, **settings)
    assert not same(weights(train(fresh, two)), weights(train(fresh, one)))


def test_without_restarts_what_a_phase_freezes_rests() -> None:
    frozen: list[torch.Tensor] = []

    def spying(model: nn.Module, batch: Batch) -> Losses:
        frozen.append(model.first.weight.detach().clone())  # type: ignore[union-attr, operator]
        return loss(model, batch)

    config = TrainingConfig(passes=5, restart=False, weight_decay=0.1, **SGD)
    second = Step("labelled", spying)
    train(config, (PHASES[0], Phase("b", 3, (second,), lambda n: n.startswith("second"))))
    assert all(torch.equal(frozen[0], later) for later in frozen)


def test_iterations_count_batches() -> None:
    seen = []

    def counting(model: nn.Module, batch: Batch) -> Losses:
        seen.append(batch.ids)
        return loss(model, batch)

    train(TrainingConfig(iterations=7, **SGD), (Phase("p", 7, (Step("labelled", counting),)),))
    assert len(seen) == 7


def test_counted_in_iterations_a_short_pass_is_not_saved_and_the_end_recorded() -> None:
    """A pass of 4 batches: weights would be written after every few of them."""
    checkpoint, rates = MemoryCheckpoint(), Rates()
    phases = (Phase("p", 7, (LABELLED,)),)
    train(TrainingConfig(iterations=7, **SGD), phases, checkpoint=checkpoint, recorder=rates)
    assert checkpoint.states == []
    assert rates == {7: 0.05}


def test_the_rate_falls_within_passes_and_on_from_phase_to_phase(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By cosine over two phases of a pass, of 4 batches, each."""
    rates = Rates()
    monkeypatch.setattr(fit_module, "READ_EVERY", 1)
    phases = (Phase("a", 1, (LABELLED,)), Phase("b", 1, (LABELLED,)))
    config = TrainingConfig(passes=2, schedule="cosine", **SGD)
    train(config, phases, recorder=rates)
    expected = {n + 1: 0.05 * (1 + math.cos(math.pi * n / 8)) / 2 for n in range(8)}
    assert rates == pytest.approx(expected)


def test_one_step_of_sgd_by_hand() -> None:
    """w <- w - lr * (gradient + weight decay * w), the gradient of the mean over the batch."""
    config = TrainingConfig(iterations=1, **SGD, weight_decay=0.1, augment=())
    model = evaluating()
    batch = next(iter(streams()["labelled"].batches(0, 1)))
    losses = loss(model, batch)
    (gradient,) = torch.autograd.grad(losses.total(), [model.second.weight])
    expected = model.second.weight - 0.05 * (gradient + 0.1 * model.second.weight)
    train(config, (Phase("p", 1, (LABELLED,)),), model=model)
    torch.testing.assert_close(model.second.weight, expected)


def test_accumulation_gives_the_gradient_of_the_whole_batch() -> None:
    results = []
    for parts in (1, 2, 3):
        model = evaluating()
        config = TrainingConfig(iterations=4, **SGD, accumulate=parts)
        results.append(weights(train(config, (Phase("p", 4, (LABELLED,)),), model=model)))
    for other in results[1:]:
        torch.testing.assert_close(results[0], other)


def test_a_nonfinite_loss_stops_and_names_the_images() -> None:
    batches: list[tuple[str, ...]] = []

    def broken(model: nn.Module, batch: Batch) -> Losses:
        batches.append(batch.ids)
        good = loss(model, batch).terms["error"]
        return Losses({"error": good, "box": good * (float("nan") if len(batches) == 3 else 1)})

    phases = (Phase("p", 5, (Step("labelled", broken),)),)
    with pytest.raises(TrainingError, match="the loss 'box' became nan on") as error:
        train(TrainingConfig(passes=5, **SGD), phases)
    assert ", ".join(batches[2]) in str(error.value)
    with pytest.raises(TrainingError, match="became inf on a, b: look"):
        refuse_nonfinite("box", float("inf"), ("a", "b", "a", "a"))
    with pytest.raises(TrainingError, match="the loss 'box' became -inf on a"):
        refuse_nonfinite("box", float("-inf"), ("a",))


def test_a_nonfinite_step_is_skipped_and_counted_if_so_configured(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = [0]

    def broken(model: nn.Module, batch: Batch) -> Losses:
        calls[0] += 1
        return Losses({"error": loss(model, batch).total() * (float("inf") ** (calls[0] % 2))})

    journal, model = Journal(), Toy()
    config = TrainingConfig(passes=2, on_nonfinite="skip", **SGD)
    phases = (Phase("p", 1, (Step("labelled", broken),)), Phase("q", 1, (LABELLED,)))
    train(config, phases, model=model, journal=journal)
    assert [summary.get("skipped") for _, summary in journal.phases] == [2, None]
    assert "skipped a step with a non-finite loss or gradient on i" in caplog.text
    assert all(torch.isfinite(v).all() for v in model.state_dict().values())


def test_what_happened_before_a_kill_is_in_the_summary() -> None:
    """Memory does not suffice for the first batch, and the first half of it has no finite loss."""
    calls = [0]

    def troubled(model: nn.Module, batch: Batch) -> Losses:
        calls[0] += 1
        if calls[0] == 1:
            raise torch.OutOfMemoryError
        return Losses({"error": loss(model, batch).total() * (math.nan if calls[0] == 2 else 1)})

    config, checkpoint = TrainingConfig(passes=2, on_nonfinite="skip", **SGD), MemoryCheckpoint()
    whole, resumed = Journal(), Journal()
    for journal in (whole, resumed):
        phases = (Phase("p", 2, (Step("labelled", troubled),)),)
        train(config, phases, checkpoint=checkpoint, model=evaluating(), journal=journal)
    ((_, summary),) = whole.phases
    assert (summary["skipped"], summary["accumulate"]) == (1, 2)
    assert resumed.phases == whole.phases


@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize("broken", ["gradient", "forward"])
def test_a_skipped_step_leaves_the_model_as_it_was(broken: str, clip_norm: float | None) -> None:
    """The root has a gradient without end at 0; what a layer is given moves the statistics."""
    model, states = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1, bias=False)), []

    def loss_of(model: nn.Module, batch: Batch) -> Losses:
        states.append(weights(model))
        second = len(states) == 2
        images = batch.images.float() * (math.inf if second and broken == "forward" else 1)
        found = model(images).mean()
        return Losses({"error": (found - found.detach()).sqrt() if second else found})

    config = TrainingConfig(iterations=3, on_nonfinite="skip", clip_norm=clip_norm, **SGD)
    train(config, (Phase("p", 3, (Step("labelled", loss_of),)),), model=model)
    (first, second, third), last = states, weights(model)
    torch.testing.assert_close(second, third, rtol=0, atol=0)
    assert not any(torch.equal(second[name], last[name]) for name in ("1.weight", "0.running_var"))
    assert not any(torch.equal(first[name], second[name]) for name in ("1.weight", "0.running_var"))
    assert all(torch.isfinite(v).all() for v in last.values())


@pytest.mark.parametrize("when", [2, 4, 8])
def test_weights_that_are_not_finite_are_not_kept(when: int) -> None:
    """In the midst of a pass, at its end, where it is saved, and at the end of the fit."""
    calls, checkpoint = [0], MemoryCheckpoint()

    def poisoned(model: nn.Module, batch: Batch) -> Losses:
        calls[0] += 1
        error = loss(model, batch).total()
        return Losses({"error": error + (error * 0).sqrt() if calls[0] == when else error})

    config = TrainingConfig(passes=2, **SGD)
    phases = (Phase("p", 2, (Step("labelled", poisoned),)),)
    with pytest.raises(TrainingError, match=r"first\.weight are not finite|'error' became nan"):
        train(config, phases, checkpoint=checkpoint)
    state = checkpoint.load()
    assert state is None or all(v.isfinite().all() for v in state["model"].values())
    assert (state is None) == (when < 5)


@pytest.mark.parametrize(
    ("restart", "warmup", "told"),
    [(True, 9, True), (True, 8, False), (False, 21, True), (False, 20, False)],
)
def test_a_warm_up_that_does_not_end_is_told(
    restart: bool, warmup: int, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 8, 8 and 4 iterations; with one optimiser for all phases of 20."""
    train(TrainingConfig(passes=5, restart=restart, warmup=warmup, **SGD), PHASES)
    assert ("the rate stays below training.lr" in caplog.text) == told


@pytest.mark.parametrize(("cycle", "milestone", "told"), [(0, 5, 1), (0, 4, 0), (1, 5, 0)])
def test_milestones_beyond_the_end_are_told_once(
    cycle: int, milestone: int, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    train(TrainingConfig(passes=5, milestones=(milestone,), **SGD), PHASES, cycle=cycle)
    assert caplog.text.count("training.milestones: 5 is not before the end") == told


def test_out_of_memory_is_retried_in_halves_once(caplog: pytest.LogCaptureFixture) -> None:
    sizes = []

    def hungry(model: nn.Module, batch: Batch) -> Losses:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError
        return loss(model, batch)

    phases = (Phase("p", 2, (Step("labelled", hungry),)),)
    train(TrainingConfig(iterations=2, **SGD), phases, model=evaluating())
    assert sizes == [3, 2, 1, 2, 1]
    assert "from here on a batch is computed in 2 chunks" in caplog.text


def test_out_of_memory_with_half_a_batch_says_what_to_do() -> None:
    def starving(model: nn.Module, batch: Batch) -> Losses:
        raise torch.OutOfMemoryError

    phases = (Phase("p", 2, (Step("labelled", starving),)),)
    with pytest.raises(
        TrainingError, match=r"batch of 3 images in 2 chunks: lower training\.batch.* another --o"
    ):
        train(TrainingConfig(iterations=2, **SGD), phases)


def test_the_moving_average_by_hand() -> None:
    """avg <- 0.9 avg + 0.1 w after each step, starting from the first trained weights."""
    path: list[torch.Tensor] = []

    def spying(model: nn.Module, batch: Batch) -> Losses:
        path.append(model.second.weight.detach().clone())  # type: ignore[union-attr, operator]
        return loss(model, batch)

    model = Toy()
    config = TrainingConfig(iterations=4, ema=0.9, **SGD)
    averaged = train(config, (Phase("p", 4, (Step("labelled", spying),)),), model=model)
    after = [*path[1:], model.second.weight.detach()]
    expected = after[0]
    for step in after[1:]:
        expected = 0.9 * expected + 0.1 * step
    torch.testing.assert_close(averaged.second.weight, expected)  # type: ignore[union-attr]


def test_means_of_losses_and_stats_are_reported_per_phase() -> None:
    journal = Journal()
    train(TrainingConfig(passes=5, **SGD), PHASES, journal=journal)
    assert [name for name, _ in journal.phases] == ["first", "second", "third"]
    means = journal.phases[0][1]["means"]
    assert means["images"] == 3.0
    assert means["total"] == pytest.approx(means["error"])


def test_what_is_recorded_is_the_mean_since_the_last_reading() -> None:
    seen: list[Any] = []
    recorder: Any = SimpleNamespace(scalar=lambda *said: seen.append(said))
    meter = LossMeter(recorder, "cycle_0/joint")
    for value in (1.0, 3.0):
        meter.add(["a"], {"error": torch.tensor(value)})
    meter.flush(7)
    assert seen == [("cycle_0/joint/error", 2.0, 7)]


def test_the_shares_of_processes_add_up() -> None:
    first, second = [(["a"], {"error": 1.0})], [(["b"], {"error": 2.0, "more": 4.0})]
    assert sum_over_ranks([first, second]) == [(["a", "b"], {"error": 3.0, "more": 4.0})]


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    train(TrainingConfig(passes=5, **SGD), PHASES)
    assert torch.equal(before, torch.get_rng_state())
    assert fit_module.READ_EVERY > 1
