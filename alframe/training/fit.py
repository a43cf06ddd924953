"""The fit loop that learners share: phases, optimiser, schedule, precision, checkpoints."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from alframe.config.sections import TrainingConfig
from alframe.errors import DIVERGED, TrainingError
from alframe.learner import FitContext
from alframe.profiling import span
from alframe.progress import Progress
from alframe.training import distributed
from alframe.training.batch import Batch
from alframe.training.collapses import Collapses
from alframe.training.compiled import compiled
from alframe.training.data import TrainingStream
from alframe.training.device import autocast, rng_state, seeded, set_rng_state
from alframe.training.gradients import GRADIENT, WATCH_EVERY, Parts, Watched
from alframe.training.layer_errors import large_enough
from alframe.training.loss_meter import LossMeter
from alframe.training.optimizer import build_optimizer, ema_of, late_milestones, lr_factor, set_lr
from alframe.training.phases import Phase, Step, parallel, unfinished
from alframe.words import named

logger = logging.getLogger(__name__)

READ_EVERY = 20
"""Iterations between two looks at the losses; each look waits for the device."""
SHORTEST_EPOCH = 100
"""Iterations between two checkpoints at least, where the length is counted in iterations."""
CLASS_LOSS = "cls"
"""The term of a loss that collapses are looked for in; a model without it is not watched."""


def fit(
    model: nn.Module,
    phases: Sequence[Phase],
    streams: Mapping[str, TrainingStream],
    config: TrainingConfig,
    context: FitContext,
    device: torch.device,
    watch: Parts | None = None,
) -> nn.Module:
    """Train ``model`` through ``phases``, going on from ``context.checkpoint`` where it has one.

    Args:
        model: on ``device``; trained in place.
        phases: in order; their lengths sum to the length of the schedule.
        streams: batches by name; ``labelled`` counts the passes.
        config: the ``training`` section.
        context: seeds, checkpoint, recorder of this cycle.
        device: where to compute.
        watch: parts of the network, to record the norms of their gradients now and then.

    Returns:
        The model to evaluate: ``model``, or its moving average.

    Raises:
        TrainingError: a loss is not finite or has no gradient, or memory does not suffice for half
            a batch.
    """
    if config.compile:
        graphs = config.compile == "graphs" and distributed.world_size() == 1
        phases = compiled(phases, device, graphs=graphs)
    with seeded(context.seeds.integer("training"), device):
        return _Fit(model, phases, streams, config, context, device, watch).run()


@dataclass
class _Fit:
    """The state of one fit. See :func:`fit`."""

    _model: nn.Module
    _phases: Sequence[Phase]
    _streams: Mapping[str, TrainingStream]
    _config: TrainingConfig
    _context: FitContext
    _device: torch.device
    _watch: Parts | None

    def __post_init__(self) -> None:
        model, config, streams = self._model, self._config, self._streams
        self._trainable = {n for n, p in model.named_parameters() if p.requires_grad}
        self._per_pass = streams["labelled"].batches_per_pass()
        self._chunks = config.accumulate
        self._skipped = 0
        self._collapses = Collapses(self._context.cycle)
        self._optimizer: torch.optim.Optimizer | None = None
        self._computation: nn.Module = model  # until the first phase
        self._ema = ema_of(model, config.ema)

    def run(self) -> nn.Module:
        """Train; returns the model to evaluate."""
        self._draw_own(0, 0)
        saved = self._context.checkpoint.load()
        first = saved["phase"] if saved else 0
        lengths = list(map(self._iterations, self._phases))
        self._look_at_schedule(lengths)
        with Progress(sum(lengths), "fit", "iterations") as progress:
            progress.skip(sum(lengths[:first]))
            for index in range(first, len(self._phases)):
                self._run_phase(index, saved, progress)
                saved = None
        self._check_weights()
        self._freeze(self._trainable.__contains__)
        self._model.zero_grad()  # which would stay in memory while the model is used
        return self._ema.module if self._ema else self._model

    def _look_at_schedule(self, lengths: Sequence[int]) -> None:
        """Say so where the rate does not rise or fall as told; ``lengths`` are of the phases."""
        if self._context.cycle:
            return
        most = max(lengths) if self._config.restart else sum(lengths)
        if self._config.warmup > most:
            logger.warning(
                "training.warmup=%d is more than the %d iterations until a phase or the fit ends: "
                "the rate stays below training.lr",
                self._config.warmup,
                most,
            )
        if late := late_milestones(self._config):
            logger.warning("%s", late)

    def _run_phase(self, index: int, saved: dict[str, Any] | None, progress: Progress) -> None:
        phase, length = self._phases[index], self._iterations(self._phases[index])
        self._freeze(phase.trains)
        self._computation = parallel(self._model)
        optimizer = self._optimizer_of_phase()
        before = sum(map(self._iterations, self._phases[:index]))
        prefix = f"cycle_{self._context.cycle:02d}/{index}_{phase.name}"
        meter = LossMeter(self._context.recorder, prefix)
        start = self._restore(saved, optimizer, meter) if saved else 0
        progress.rename(f"cycle {self._context.cycle} {phase.name}")
        progress.skip(start)
        batches = self._batches(index, start, length)
        self._train_mode()
        for iteration in range(start, length):
            lr = self._lr(before, iteration)
            set_lr(optimizer, lr)
            for step, stream in zip(phase.steps, batches, strict=True):
                with span("data"):
                    batch = next(stream).to(self._device)
                self._step(self._watched(step, before + iteration), batch, optimizer, meter)
            progress.update(note=meter.last)
            self._context.tick()
            done = iteration + 1
            ends_epoch = done % self._epoch() == 0 or done == length
            if ends_epoch or done % READ_EVERY == 0:
                self._collapses.add(meter.flush(before + done).get(CLASS_LOSS, ()))
                self._context.recorder.scalar(f"{prefix}/lr", lr, before + done)
            if ends_epoch and done < length:
                self._save(index, done, optimizer, meter)
        self._finish_phase(index, optimizer, meter)

    def _optimizer_of_phase(self) -> torch.optim.Optimizer:
        """A fresh one over what the phase trains, or the one that goes through all phases.

        That one knows every parameter; those that a phase froze have no gradient and rest.
        """
        if self._config.restart:
            return build_optimizer(self._model, self._parameters(), self._config)
        if self._optimizer is None:
            named = self._model.named_parameters()
            everything = [p for name, p in named if name in self._trainable]
            self._optimizer = build_optimizer(self._model, everything, self._config)
        return self._optimizer

    def _finish_phase(self, index: int, optimizer: torch.optim.Optimizer, meter: LossMeter) -> None:
        name, means = self._phases[index].name, meter.means()
        summary: dict[str, Any] = {"index": index, "means": means}
        if self._skipped:
            summary["skipped"], self._skipped = self._skipped, 0
        if self._chunks != self._config.accumulate:
            summary["accumulate"] = self._chunks  # since memory did not suffice for fewer
        if CLASS_LOSS in means:
            summary["collapses"], self._collapses.steps = self._collapses.steps, []
        losses = {key: value for key, value in means.items() if not key.startswith(GRADIENT)}
        shown = ", ".join(f"{key} {value:.4g}" for key, value in losses.items())
        position = f"phase {index + 1} of {len(self._phases)} ({name})"
        logger.info("cycle %d: %s: %s", self._context.cycle, position, shown)
        self._context.phase_finished(name, summary)
        if index + 1 < len(self._phases):
            self._save(index + 1, 0, None if self._config.restart else optimizer, None)

    def _watched(self, step: Step, iteration: int) -> Step:
        if not self._watch or iteration % WATCH_EVERY:
            return step
        return replace(step, loss=Watched(step.loss, self._watch))

    def _step(
        self, step: Step, batch: Batch, optimizer: torch.optim.Optimizer, meter: LossMeter
    ) -> None:
        optimizer.zero_grad()
        skips, most = self._config.on_nonfinite == "skip", self._config.clip_norm
        kept = [buffer.clone() for buffer in self._model.buffers()] if skips else []
        values = self._backward_within_memory(step, batch, optimizer)
        with span("optimizer"):
            if skips or most is not None:
                # The gradients of all processes are one, also where one of them is not finite.
                norm = nn.utils.clip_grad_norm_(self._parameters(), most or math.inf)
                if skips and not torch.isfinite(distributed.all_reduce(values["total"]) + norm):
                    self._skip(batch, kept)
                    return
            optimizer.step()
            if self._ema:
                self._ema.update_parameters(self._model)
        meter.add(batch.ids, values)

    def _skip(self, batch: Batch, buffers: Sequence[Tensor]) -> None:
        """Leave the model as it was: the forward pass has moved the statistics of BatchNorm."""
        for buffer, before in zip(self._model.buffers(), buffers, strict=True):
            buffer.copy_(before)
        self._skipped += 1
        ids = dict.fromkeys(chain.from_iterable(distributed.all_gather(batch.ids)))
        logger.warning("skipped a step with a non-finite loss or gradient on %s", named([*ids]))

    def _backward_within_memory(
        self, step: Step, batch: Batch, optimizer: torch.optim.Optimizer
    ) -> dict[str, Tensor]:
        """Back-propagate; out of memory, do it once more in twice as many chunks.

        Statistics of BatchNorm keep what the attempt has added: a copy of all buffers in each step,
        for what happens once in a fit, would cost more than it is worth.

        One of several processes stops instead: the others are waiting for its gradients.
        """
        try:
            return self._backward(step, batch)
        except torch.OutOfMemoryError as error:
            if distributed.world_size() > 1:
                raise self._out_of_memory(batch) from error
            self._chunks *= 2
            logger.warning(
                "out of memory with %d images; from here on a batch is computed in %d chunks",
                len(batch),
                self._chunks,
            )
        optimizer.zero_grad()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            return self._backward(step, batch)
        except torch.OutOfMemoryError as error:
            raise self._out_of_memory(batch) from error

    def _out_of_memory(self, batch: Batch) -> TrainingError:
        return TrainingError(
            f"out of memory with a batch of {len(batch)} images in {self._chunks} chunks: lower "
            "training.batch_size or data.long and data.short, or set training.accumulate, with "
            "another --output (a resumed run keeps them)"
        )

    def _backward(self, step: Step, batch: Batch) -> dict[str, Tensor]:
        """Gradients of one batch, in chunks weighted by their images; returns its scalars.

        Of several processes, each has its share of the batch, and its share of the scalars; their
        gradients are averaged, so each counts as many times as there are processes.
        """
        values: dict[str, Tensor] = {}
        chunks = batch.chunk(self._chunks)
        for number, chunk in enumerate(chunks, 1):
            share = len(chunk) / self._streams[step.stream].batch_size
            with unfinished(self._computation, more=number < len(chunks)):
                with (
                    span("forward"),
                    large_enough(chunk),
                    autocast(self._device, self._config.precision),
                ):
                    total, scalars = self._computation(step.loss, chunk)
                if not total.requires_grad:
                    raise TrainingError(
                        "the loss has no gradient: expected one that is computed from the "
                        "network's parameters, without detach() or no_grad()"
                    )
                with span("backward"):
                    (total * (share * distributed.world_size())).backward()
            for name, value in scalars.items():
                weighted = value * share
                values[name] = values[name] + weighted if name in values else weighted
        return values

    def _batches(self, index: int, start: int, stop: int) -> list[Iterator[Batch]]:
        """An iterator for each step of the phase; earlier phases have used up some batches.

        Steps that read one stream share its iterator, so that each has batches of its own.
        """
        own = (distributed.rank(), distributed.world_size())
        iterators: dict[str, Iterator[Batch]] = {}
        for name, times in _readers(self._phases[index]).items():
            used = sum(self._iterations(p) * _readers(p)[name] for p in self._phases[:index])
            begin, end = used + start * times, used + stop * times
            iterators[name] = self._streams[name].batches(begin, end, *own)
        return [iterators[step.stream] for step in self._phases[index].steps]

    def _iterations(self, phase: Phase) -> int:
        return phase.length * self._per_pass if self._config.passes else phase.length

    def _epoch(self) -> int:
        return self._per_pass if self._config.passes else max(self._per_pass, SHORTEST_EPOCH)

    def _lr(self, before: int, iteration: int) -> float:
        done = before + iteration
        progress = done / self._per_pass if self._config.passes else done
        since_start = iteration if self._config.restart else done
        return self._config.lr * lr_factor(self._config, progress, since_start)

    def _freeze(self, trains: Callable[[str], bool]) -> None:
        for name, parameter in self._model.named_parameters():
            parameter.requires_grad_(name in self._trainable and trains(name))

    def _train_mode(self) -> None:
        """Train mode, but BatchNorm whose weights rest in this phase keeps its statistics too."""
        self._model.train()
        for module in self._model.modules():
            own = [*module.parameters(recurse=False)]
            if isinstance(module, _BatchNorm) and own and not any(p.requires_grad for p in own):
                module.training = False

    def _parameters(self) -> list[nn.Parameter]:
        return [p for p in self._model.parameters() if p.requires_grad]

    def _save(self, phase: int, iteration: int, *stateful: Any) -> None:
        """Keep everything that the next iteration depends on.

        The schedule is a function of the iteration, as order and augmentation are: none of them
        has a state to be kept. Nor have the random numbers of other processes than the main one,
        whose state is kept for all: they begin anew here.

        Raises:
            TrainingError: weights are not finite.
        """
        self._check_weights()
        optimizer, meter = (s.state_dict() if s else None for s in stateful)
        self._context.checkpoint.save(
            {
                "phase": phase,
                "iteration": iteration,
                "model": self._model.state_dict(),
                "ema": self._ema.state_dict() if self._ema else None,
                "optimizer": optimizer,
                "meter": meter,
                "collapses": self._collapses.state_dict(),
                "chunks": self._chunks,
                "skipped": self._skipped,
                "rng": rng_state(self._device),
            }
        )
        self._draw_own(phase, iteration)

    def _check_weights(self) -> None:
        """Look for what a finite loss with an infinite gradient leaves, before it is kept.

        Raises:
            TrainingError: a trained parameter is not finite.
        """
        named = [(n, p) for n, p in self._model.named_parameters() if n in self._trainable]
        finite = torch.stack([p.detach().isfinite().all() for _, p in named])
        if not finite.all():
            name = named[int(finite.int().argmin())][0]
            raise TrainingError(
                f"the weights {name} are not finite: the loss was finite, its gradient was not: "
                f"{DIVERGED}, or with training.on_nonfinite=skip"
            )

    def _draw_own(self, phase: int, iteration: int) -> None:
        """Let each process but the main one draw random numbers of its own from here on."""
        if rank := distributed.rank():
            torch.manual_seed(self._context.seeds.integer("training", rank, phase, iteration))

    def _restore(self, saved: dict[str, Any], *stateful: Any) -> int:
        """Take up a saved state; returns the iteration to go on with."""
        self._model.load_state_dict(saved["model"])
        if self._ema:
            self._ema.load_state_dict(saved["ema"])
        names = ("optimizer", "meter")
        for target, name in zip(stateful, names, strict=True):
            if saved[name] is not None:
                target.load_state_dict(saved[name])
        self._chunks, self._skipped = saved["chunks"], saved["skipped"]
        self._collapses.load_state_dict(saved["collapses"])
        set_rng_state(saved["rng"], self._device)
        iteration: int = saved["iteration"]
        self._draw_own(saved["phase"], iteration)
        return iteration


def _readers(phase: Phase) -> Counter[str]:
    """How many steps of a phase read each stream."""
    return Counter(step.stream for step in phase.steps)
