"""The configuration of a run: typed sections, YAML and ``key=value`` on top of each other.

:func:`alframe.config.resolve.resolve` builds a :class:`RunConfig` of presets, files and overrides.
Sections that name a plugin (:class:`Component`) hold the plugin's own options beside ``name``;
they are checked against the signature of its factory.
"""

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from alframe.config.checks import whole
from alframe.config.path_options import Place
from alframe.config.section import Effects, Section

LONGEST_SIDE = 10_000
"""Pixels."""
TRAINED = ("model", "training")
"""Sections that a run has whose learner trains, and no other."""
MOST_WORKERS = 1000
"""Processes: more would bring a machine down before they loaded an image."""


class Component(BaseModel):
    """A plugin by name, and its options."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the name."""
        return dict(self.model_extra or {})


class DataConfig(Section):
    """How images come from files to the model.

    Attributes:
        resize: ``fit`` keeps the ratio, as large as fits ``long`` and ``short``; ``stretch``
            makes every image ``long`` wide and ``short`` high; ``none`` leaves them, and
            is the default where the learner trains no model of ``model``, unless a side is given.
        long: pixels of the longer side.
        short: pixels of the shorter side.
        pad: batches are padded to a multiple of this many pixels.
        cache: keep decoded, resized images in ``ram``, in a file on ``disk`` that
            later runs use again as long as the images lie where they did, or not at all (``none``).
        cache_gb: the cache's limit; images beyond it are decoded each time. In memory, those
            that are labelled when a process starts are within first; a file on disk stays as it
            was written.
        cache_dir: where the disk cache lies; null is the user's cache folder.
        workers: processes that load training images, and threads that load those to evaluate and
            to query; 0 loads in the main process. By default (null) 0 on the CPU, and for a GPU one
            for each processor (CPU core) that is its share, but no more than 8.
        max_megapixels: images of more than as many million pixels are refused before they are
            decoded; 400 lets in 20,000 x 20,000.
        white: the value that is white in images of more than 8 bits (16-bit and float); smaller
            ones are scaled in proportion, larger ones cut. By default (null) the smallest of the
            maxima of 8, 10, 12, 14, 16, 20, 24 and 32 bits (of floats also 1, with a tolerance of
            5 %) that no value in the dataset exceeds; a run writes it into its ``config.yaml``.
    """

    called = "data"
    only: ClassVar[Effects] = {
        "long": ("resize", ("fit", "stretch")),
        "short": ("resize", ("fit", "stretch")),
        "cache_gb": ("cache", ("ram", "disk")),
        "cache_dir": ("cache", ("disk",)),
    }

    resize: Literal["fit", "stretch", "none"] = "fit"
    long: int = Field(default=1000, ge=1, le=LONGEST_SIDE)
    short: int = Field(default=600, ge=1, le=LONGEST_SIDE)
    pad: int = Field(default=32, ge=1, le=LONGEST_SIDE)
    cache: Literal["ram", "disk", "none"] = "ram"
    cache_gb: float = Field(default=4.0, ge=0)
    cache_dir: Place | None = None
    workers: int | None = Field(default=None, ge=0, le=MOST_WORKERS)
    max_megapixels: float = Field(default=100.0, gt=0)
    white: float | None = Field(default=None, gt=0)


Augment = Literal["hflip", "padded_crop", "photometric", "random_crop", "zoom_out", "zoom_out_crop"]


class TrainingConfig(Section):
    """How a learner trains its model in each cycle.

    Attributes:
        passes: length, in passes over the labelled images. Exactly one of this and ``iterations``
            is set.
        iterations: length, in batches.
        batch_size: images of one optimiser step, whatever number of processes computes it.
        accumulate: the batch, or a process's share of it, is computed in this many parts, to save
            memory. What a model's loss takes a mean over (boxes that are matched) is that of a
            part.
        per_process: ``batch_size`` and ``lr`` are those of one process: N processes take N times
            the images at N times the rate (the linear scaling rule). ``passes`` then hold fewer
            iterations; where the length is in ``iterations``, it stays.
        optimizer: ``sgd`` or ``adamw``.
        lr: learning rate.
        momentum: of SGD.
        weight_decay: on every trained parameter.
        schedule: ``step`` multiplies by ``gamma`` at each of ``milestones`` (in the unit of the
            length); ``cosine`` falls to zero at the end.
        milestones: of ``step``; see ``schedule``.
        gamma: of ``step``; see ``schedule``.
        restart: each phase of a learner that has several begins with a fresh optimiser and a
            warm-up (MI-AOD's code); otherwise one optimiser goes through all phases.
        warmup: iterations of linear warm-up; see ``restart``.
        warmup_start: factor on the learning rate in the first iteration of a warm-up.
        clip_norm: largest norm of the gradient; null does not clip.
        augment: what is done to training images, in order; SSD: photometric, zoom_out_crop, hflip;
            CIFAR: padded_crop, hflip.
        precision: ``fp32``, ``bf16`` (autocast), or ``auto``: bf16 on a GPU or CPU that is faster
            in it, else fp32. What a run has begun with is written into its
            ``config.yaml``, and kept.
        channels_last: memory format of images and weights.
        compile: run the losses through ``torch.compile``, which takes minutes at the start:
            ``true`` fuses operations; ``graphs`` also launches them together (CUDA graphs), for a
            GPU that waits for launches: small batches of few shapes. A resumed run then agrees
            with an uninterrupted one up to rounding.
        ema: decay of an exponential moving average of the weights, which is then evaluated and
            queried in place of the trained ones; null keeps none.
        same_weights: every cycle draws the same weights; null: in MI-AOD's ``mode: parity`` alone.
        warm_start: each cycle but the first goes on from the model of the one before, in the place
            of fresh weights; a report says so.
        on_nonfinite: ``stop`` at a loss that is not finite, with the names of the images; or
            ``skip`` a step whose loss or gradient is not, and count it.
    """

    called = "training"
    only: ClassVar[Effects] = {
        "momentum": ("optimizer", ("sgd",)),
        "milestones": ("schedule", ("step",)),
        "gamma": ("schedule", ("step",)),
    }

    passes: int | None = Field(default=None, ge=1)
    iterations: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=16, ge=1)
    accumulate: int = Field(default=1, ge=1)
    per_process: bool = False
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(default=1e-3, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    schedule: Literal["step", "cosine"] = "step"
    milestones: tuple[float, ...] = ()
    gamma: float = Field(default=0.1, gt=0, le=1)
    restart: bool = True
    warmup: int = Field(default=0, ge=0)
    warmup_start: float = Field(default=0.001, ge=0, le=1)
    clip_norm: float | None = Field(default=None, gt=0)
    augment: tuple[Augment, ...] = ("hflip",)
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    channels_last: bool = True
    compile: bool | Literal["graphs"] = False
    ema: float | None = Field(default=None, gt=0, lt=1)
    same_weights: bool | None = None
    warm_start: bool = False
    on_nonfinite: Literal["stop", "skip"] = "stop"

    def contradictions(self) -> Iterator[str]:
        """Those of every section, of the length, and of the weights to start with."""
        yield from super().contradictions()
        if self.passes is None and self.iterations is None:
            yield (
                "no preset says how long this model is trained: set training.passes or "
                "training.iterations"
            )
        elif self.passes is not None and self.iterations is not None:
            yield "set training.passes or training.iterations, not both"
        elif self.iterations and any(m < 1 or m % 1 for m in self.milestones):
            yield (
                "training.milestones are iterations, as training.iterations is: expected whole "
                f"numbers from 1 on, got {list(self.milestones)}"
            )
        elif any(m <= 0 for m in self.milestones):
            yield (
                "training.milestones are passes, as training.passes is: expected numbers above 0, "
                f"got {list(self.milestones)}"
            )
        if self.same_weights and self.warm_start:
            yield (
                "training.same_weights begins each cycle with the same weights, "
                "training.warm_start with those of the one before: set one of them"
            )

    @property
    def length(self) -> int:
        """Passes or iterations, whichever is set."""
        return self.passes or self.iterations or 0


class EvaluationConfig(Section):
    """How a learner runs its model for evaluation and signals.

    Attributes:
        batch_size: images a forward pass.
        coco: also compute COCO AP (pycocotools), where objects are detected.
    """

    batch_size: int = Field(default=16, ge=1)
    coco: bool = True


def _amount(value: Any) -> Any:
    """Accept 827, "827" and "5%"."""
    if isinstance(value, str) and value.endswith("%"):
        if not 0 < _share(value) <= 100:
            raise ValueError("a share of the pool lies between 0% and 100%")
        return value
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError('expected a number of images, at least 1, or a share such as "5%"')
    return number


def _share(text: str) -> float:
    try:
        return float(text[:-1])
    except ValueError:
        return math.nan


Amount = Annotated[int | str, BeforeValidator(_amount)]


def _device(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", value):
        raise ValueError("expected auto, cpu, cuda or cuda:N")
    return value


Device = Annotated[str, BeforeValidator(_device)]


class BudgetConfig(Section):
    """What may be labelled, in images.

    Attributes:
        initial: images labelled at random before the first cycle; a number, or a share of the
            pool such as ``5%`` (rounded down, at least 1).
        per_cycle: images that each selection adds; a number, or a share of the pool.
        cycles: how many times to train; selections are one fewer. null goes on until the pool is
            exhausted, or somebody stops the run.
        test: images drawn from the pool to evaluate on, for a dataset without a test split; a
            number or a share. They are annotated first, and never chosen.
        candidates: images that each selection is made from, drawn anew from the unlabelled ones
            (LL4AL: 10,000 of CIFAR-10), but never fewer than it takes; a number or a share of the
            pool. null: all of them.
        initial_set: a JSON file with the ids to label first, ``{"ids": [...]}``, in the place of
            a random draw; null draws.
    """

    initial: Amount = "5%"
    per_cycle: Amount = "2.5%"
    cycles: int | None = Field(default=7, ge=1)
    test: Amount | None = None
    candidates: Amount | None = None
    initial_set: Place | None = None

    def images(self, pool: int) -> tuple[int, int]:
        """``initial`` and ``per_cycle`` in images, for a pool of this size."""
        return images_of(self.initial, pool), images_of(self.per_cycle, pool)

    def test_images(self, pool: int) -> int:
        """``test`` in images, for a pool of this size; 0 where none are drawn."""
        return 0 if self.test is None else images_of(self.test, pool)


def images_of(amount: int | str, pool: int) -> int:
    """An amount in images, for a pool of this size."""
    if isinstance(amount, int):
        return amount
    return max(1, whole(float(amount[:-1]) * pool / 100))


class RunConfig(Section):
    """One run: a strategy, a learner, its model, a dataset and an oracle, and how they are used.

    Attributes:
        seed: the root of all randomness.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        output: the run directory; null names one under ``runs/``.
        keep_models: keep the final model of ``all`` cycles or of the ``last`` one.
        first_cycle: a run with the same learner, data and seed, whose first cycle is taken over
            instead of trained again; null trains.
        dataset: what is chosen from, and the test split.
        model: None where the learner does not train one; then ``training`` is None as well.
        learner: who trains; by default the strategy's own.
        strategy: who chooses.
        oracle: who annotates.
        data: how images are read, resized and kept.
        training: how long and by which optimiser, in each cycle.
        evaluation: how images are predicted and measured.
        budget: how many images are labelled when.
    """

    seed: int = Field(default=0, ge=0)
    device: Device = "auto"
    output: Place | None = None
    keep_models: Literal["all", "last"] = "all"
    first_cycle: Place | None = None
    dataset: Component
    model: Component | None = None
    learner: Component
    strategy: Component
    oracle: Component = Component(name="simulated")
    data: DataConfig = DataConfig()
    training: TrainingConfig | None = None
    evaluation: EvaluationConfig = EvaluationConfig()
    budget: BudgetConfig = BudgetConfig()

    @model_serializer(mode="wrap")
    def _without_absent(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        absent = [name for name in TRAINED if getattr(self, name) is None]
        return {name: value for name, value in dump(self).items() if name not in absent}
