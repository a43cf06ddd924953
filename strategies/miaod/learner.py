"""The learner of MI-AOD: two classifiers that are made to agree, and to disagree."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, ClassVar, cast, get_args

from torch import nn

from alframe.config.checks import Checks
from alframe.datasets.base import ImageSet, LabelledSet
from alframe.detectors.dense import DenseDetector
from alframe.errors import ConfigError
from alframe.learner import FitContext, LearnerSetup
from alframe.seeds import Seeds
from alframe.signals import ANCHOR_WEIGHT, DISAGREEMENT
from alframe.strategies.miaod.formulas import Skip
from alframe.strategies.miaod.kinds import KINDS, suited
from alframe.strategies.miaod.variants import OBJECTIVES, Mode
from alframe.tasks.classification.classifier import Classifier
from alframe.training.batch import Batch
from alframe.training.data import TrainingStream
from alframe.training.phases import Phase, Step
from alframe.training.plain_learner import PlainLearner

logger = logging.getLogger(__name__)

VANISHED = 1e-4
"""Below this mean difference of probabilities the two classifiers say the same."""


class MIAODLearner(PlainLearner):
    """Trains a detector or classifier by multiple instance active learning (Yuan, CVPR 2021).

    A fit is a label phase, and then ``rounds`` times a min, a max and a label phase, all within
    the length of the training section (the code's ``tools/train.py``):

    ========  ===============================  ==================================  =============
    phase     labelled batch                   unlabelled batch                    trains
    ========  ===============================  ==================================  =============
    label     detection + image loss                                               everything
    min       detection + image loss           discrepancy + image loss of         all but the
                                               pseudo-labels                       classifiers
    max       classification                   minus discrepancy                   classifiers
    ========  ===============================  ==================================  =============

    That is for dense detectors; a classifier has two heads and the discrepancy, and no image loss
    (:mod:`alframe.strategies.miaod.classifiers`).

    Each batch has its own backward pass and optimiser step, labelled before unlabelled. The
    unlabelled images are as many as there are labelled ones, drawn anew in each cycle. When none
    are left, only the label phases remain, stretched to the full length.

    # Deviation: in an unlabelled step of a min phase the code gives the box tower a gradient of
    exact zeros, with which SGD's momentum and weight decay go on; here the tower rests. Likewise
    the code tops up too small a pool with labelled images; here its images come round again.

    Args:
        setup: classes, device, model and the training section.
        mode: ``sound``: the authors' code, but with probabilities of the foreground where the
            detector's classes exclude each other (softmax); ``parity``: the code to the letter,
            which takes the sigmoid of such logits and background for a class, has nothing to learn
            from images of a single class, and begins every cycle with the same weights
            (``training.same_weights``); ``paper``: the paper's order, frozen sets and losses.
        discrepancy_weight: lambda of the paper.
        label_ratio: length of a label phase to that of a min or max phase; 3 in the code for
            RetinaNet, 5 for SSD.
        rounds: how often min and max are done; with 0 there is one label phase, and only labelled
            images are trained on.
        image_weight: of the image loss, on labelled images and of pseudo-labels; with 0 the MIL
            head stays as it was drawn.
        skip: pseudo-labels are not used for the whole ``batch`` (of one in parts, for the part), or
            only for the ``image``, when an image has none.
        mask_padding: leave anchors in the padding out of weights, pseudo-labels and score.
        watch_gradients: record the norms of the gradients, as the plain learner does.

    Raises:
        ConfigError: an option is out of range, or the training too short for its phases.
    """

    provides: ClassVar[frozenset[str]] = frozenset({ANCHOR_WEIGHT, DISAGREEMENT})
    trains_only = tuple(KINDS)

    def __init__(
        self,
        setup: LearnerSetup,
        mode: Mode = "sound",
        discrepancy_weight: float = 0.5,
        label_ratio: int = 3,
        rounds: int = 2,
        image_weight: float = 1.0,
        skip: Skip = "batch",
        mask_padding: bool = False,
        watch_gradients: bool = False,
    ) -> None:
        with Checks() as check:
            check.one_of("mode", mode, get_args(Mode))
            check.one_of("skip", skip, get_args(Skip))
            check.at_least("discrepancy_weight", discrepancy_weight, 0)
            check.at_least("label_ratio", label_ratio, 1)
            check.at_least("rounds", rounds, 0)
            check.at_least("image_weight", image_weight, 0)
            self._given = OBJECTIVES[mode](
                setup.training.batch_size, discrepancy_weight, image_weight, skip, mask_padding
            )
            self._names = phase_names(self._given.order, rounds)
            if not check.problems:  # of which the lengths may come
                phase_lengths(self._names, setup.training.length, label_ratio)
        self._label_ratio, self._rounds = label_ratio, rounds
        training = setup.training
        if mode == "parity" and training.same_weights is None:
            training = training.model_copy(update={"same_weights": True})
        # This builds a model, for which the above is needed.
        super().__init__(replace(setup, training=training), watch_gradients)

    def build(self) -> nn.Module:
        """A fresh model, with a second classifier and, for a detector, a MIL head."""
        model = super().build()
        self._objective = suited(self._given, model)
        return self._objective.network(model)

    def inner(self, network: nn.Module) -> DenseDetector | Classifier:
        """The model in ``network``; f1 makes the predictions (``single_stage.py:108``)."""
        return self._objective.inner(network)

    def phases(self, unlabelled: ImageSet) -> tuple[Phase, ...]:
        """Label phases, and min and max phases unless nothing is unlabelled."""
        labelled = Step("labelled", self._objective.label)
        steps = {
            "label": (labelled,),
            "min": (labelled, Step("unlabelled", self._objective.minimise)),
            "max": (
                Step("labelled", self._objective.maximise_labelled),
                Step("unlabelled", self._objective.maximise),
            ),
        }
        names = [n for n in self._names if n == "label" or len(unlabelled)]
        lengths = phase_lengths(names, self.setup.training.length, self._label_ratio)
        return tuple(
            Phase(name, length, steps[name], partial(self._objective.trains, name))
            for name, length in zip(names, lengths, strict=True)
        )

    def streams(
        self, labelled: LabelledSet, unlabelled: ImageSet, seeds: Seeds
    ) -> dict[str, TrainingStream]:
        """Labelled batches, and batches of a part of the unlabelled images."""
        streams = super().streams(labelled, unlabelled, seeds)
        if len(unlabelled) and self._rounds:
            count = len(unlabelled) if self._objective.whole_pool else len(labelled)
            part = drawn(unlabelled, count, seeds)
            streams["unlabelled"] = self.stream(part, seeds.within("unlabelled"))
        return streams

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        """Train a fresh model, and warn of phases in which there was nothing to learn."""
        if self._rounds and not len(unlabelled):
            logger.info("cycle %d: nothing is unlabelled, so no min and max phases", context.cycle)

        def finished(name: str, summary: Mapping[str, Any]) -> None:
            warn_if_vanished(context.cycle, name, summary.get("means", {}))
            context.phase_finished(name, summary)

        super().fit(labelled, unlabelled, replace(context, phase_finished=finished))

    def read(self, batch: Batch, features: Any, names: frozenset[str]) -> dict[str, Any]:
        """The named signals of one batch; disagreement takes the two classifiers and no more."""
        values = super().read(batch, features, names)
        model, objective = cast(Any, self.network), self._objective
        if DISAGREEMENT in names:
            values[DISAGREEMENT] = objective.disagreement(model, features, batch)
        if ANCHOR_WEIGHT in names:
            values[ANCHOR_WEIGHT] = objective.anchor_weights(model, features, batch)
        return values


def drawn(images: ImageSet, count: int, seeds: Seeds) -> ImageSet:
    """``count`` of ``images`` at random, or all where there are fewer."""
    order = seeds.rng("unlabelled").permutation(len(images))
    return ImageSet(images.images, tuple(images.ids[i] for i in sorted(order[:count])))


def warn_if_vanished(cycle: int, phase: str, means: Mapping[str, float]) -> None:
    """Say so when the two classifiers agree on nothing being there."""
    if means.get("disagreement", 1) < VANISHED and not means.get("pseudo_label_rate", 1):
        logger.warning(
            "cycle %d, %s phase: both classifiers say that unlabelled images show nothing (mean "
            "difference %.1e, no pseudo-label); train longer, or begin with more labelled images",
            cycle,
            phase,
            means["disagreement"],
        )


def phase_names(between: Sequence[str], rounds: int) -> tuple[str, ...]:
    """The phases of one fit: label, then ``rounds`` times those ``between`` and label again."""
    return ("label", *(*between, "label") * rounds)


def phase_lengths(names: Sequence[str], length: int, label_ratio: int) -> tuple[int, ...]:
    """Whole numbers that sum to ``length``; label phases are ``label_ratio`` times the others.

    Each phase ends where it would without rounding, rounded down (the code's configurations: 26
    passes at 3:1 are 6, 2, 2, 6, 2, 2, 6; 304 at 5:1 are 80, 16, 16, 80, 16, 16, 80).

    Raises:
        ConfigError: a phase would have no length.
    """
    shares = [label_ratio if name == "label" else 1 for name in names]
    ends = [length * end // sum(shares) for end in accumulate(shares, initial=0)]
    lengths = tuple(end - start for start, end in pairwise(ends))
    if not all(lengths):
        raise ConfigError(
            f"training.passes (or training.iterations) is {length}: too little for the "
            f"{len(names)} phases of MI-AOD ({', '.join(names)}); give {sum(shares)} or more, or "
            "lower learner.rounds or learner.label_ratio"
        )
    return lengths
