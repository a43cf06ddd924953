"""CDAL: images that show classes in contexts which the labelled ones do not."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from alframe.config.checks import Checks
from alframe.errors import SelectionError
from alframe.shaped import Bool, Float
from alframe.signals import CLASS_PROBS, DETECTIONS, SignalBatch
from alframe.strategies.gather import gather
from alframe.strategies.k_center import k_center
from alframe.strategies.points import Points
from alframe.strategies.uncertainty import Unit, distributions, entropy
from alframe.strategy import Query, Selection

Missing = Literal["skip", "uniform"]
LEAST = 1e-12
"""Probabilities are at least this, so that their logarithms are finite."""
LIGHTEST = 1e-6
"""Of a prediction without entropy, so that a class of such alone has a mean."""


class CDAL:
    """k-center greedy on contextual diversity (Agarwal et al., ECCV 2020; the variant CDAL-CS).

    For each image and each class predicted on it, the distributions of the predictions of this
    class are averaged, weighted by their entropy (section 3.1): what the class is confused with
    there. The distance of two images, their pairwise contextual diversity, is the symmetric
    Kullback-Leibler divergence of these distributions, halved and summed over classes (the
    authors' code takes the mean over the classes that both images show). Then k-center: the image
    farthest from all that are labelled or taken. With nothing labelled the smallest id is first;
    the authors' code draws the first pick of each cycle.

    # Deviation: a sigmoid detector's probabilities are divided by their sum; the paper's models
    are softmax ones. Softmax distributions include background, but it is no class of its own.
    The only class of a sigmoid detector is confused with nothing: then the selection is refused.

    # Deviation: an image that is classified as a whole shows one class, and by the paper's
    distance any two of different classes are at 0: there ``missing`` is ``uniform`` by default.

    # Deviation: a labelled image on which nothing is predicted is at distance 0 from all, so that
    none would be far from what is labelled: it is left out.

    # Deviation: a probability below 1e-12 counts as that; the authors' code leaves out a class of
    which one is 0. All others enter as they are, and the divergence of a class is the authors'.

    Cost: one forward pass over labelled and unlabelled images; O(images x C x K) memory, some
    1,300 numbers an image for 20 classes; time as k-center at that width.

    Args:
        unit: predictions are ``anchors`` (every dense one) or ``detections`` (after suppression).
        min_score: predictions count whose best foreground probability is above this.
        missing: a class that is not predicted on one of two images is ``skip``-ped in their
            distance, as in the paper: an image without predictions is then at distance 0 from
            all and is taken last; or it is taken for ``uniform``, as if nothing were known. By
            default (null) ``skip``, and ``uniform`` for a model that classifies whole images.

    Raises:
        ConfigError: an option is out of range, or not one of these.
    """

    def __init__(
        self, unit: Unit = "anchors", min_score: float = 0.05, missing: Missing | None = None
    ) -> None:
        with Checks() as check:
            check.one_of("unit", unit, get_args(Unit))
            check.one_of("missing", missing, (None, *get_args(Missing)))
            check.in_range("min_score", min_score, 0, 1)
        self.requires = frozenset({DETECTIONS if unit == "detections" else CLASS_PROBS})
        self._unit: Unit = unit
        self._min_score, self._missing = min_score, missing

    def select(self, query: Query) -> Selection:
        """Summarise every image and pick ``query.budget`` of the unlabelled ones.

        Raises:
            SelectionError: the detector knows one class and no background.
        """
        ids = (*query.labelled, *query.unlabelled)
        if not query.budget:
            return Selection(())
        classes = len(query.classes)
        table = gather(query, ids, self.requires, lambda batch: self._contexts(batch, classes))
        labelled = table[: len(query.labelled)].any(dim=1).nonzero().squeeze(1).tolist()
        rows = [*labelled, *range(len(query.labelled), len(ids))]
        points = Contexts.of(table[rows].reshape(len(rows), classes, -1))
        picks = k_center(points, len(labelled), query.budget)
        return Selection(tuple(ids[rows[i]] for i in picks))

    def _contexts(self, batch: SignalBatch, classes: int) -> Tensor:
        uniform = self._missing == "uniform"
        if self._unit == "anchors":
            dense = batch[CLASS_PROBS]
            uniform |= self._missing is None and dense.of_whole_images(classes)
            probs, exclusive = dense.values.float(), dense.exclusive
            valid = torch.ones_like(probs[..., 0], dtype=torch.bool)
        else:
            found = batch[DETECTIONS]
            probs, exclusive, valid = found.probs.float(), found.exclusive, found.valid
        if probs.shape[-1] == 1:
            raise SelectionError(
                "cdal compares what classes are confused with, and the detector knows one class "
                "and no background: choose another strategy, or a softmax detector (SSD)"
            )
        low = (probs[..., :classes] <= self._min_score).all(dim=-1)
        valid = valid & ~low  # NaN stays, to be refused
        return contexts(probs, exclusive, valid, classes, uniform=uniform).flatten(1)


def contexts(
    probs: "Float[Tensor, 'B N K']",
    exclusive: bool,
    valid: "Bool[Tensor, 'B N']",
    classes: int,
    *,
    uniform: bool,
) -> "Float[Tensor, 'B C K']":
    """For each class the entropy-weighted mean of the distributions predicted as this class.

    Zeros, or the uniform distribution, for a class that is not predicted.
    """
    # Valid ones first, and the others, nearly all of a detector's anchors, away.
    most = int(valid.sum(dim=1).amax()) if len(valid) else 0
    counts, first = valid.byte().sort(dim=1, descending=True, stable=True)
    probs = probs.gather(1, first[:, :most, None].expand(-1, -1, probs.shape[-1]))
    counts = counts[:, :most]
    probs = torch.where(counts.bool().unsqueeze(-1), probs, 1 / probs.shape[-1])
    weights = entropy(probs, exclusive).clamp(min=LIGHTEST) * counts  # [B, N]
    predicted = probs[..., :classes].argmax(dim=-1)
    onehot = torch.nn.functional.one_hot(predicted, classes) * weights.unsqueeze(-1)
    # [B, C, N] @ [B, N, K] -> [B, C, K]
    total = onehot.transpose(1, 2) @ distributions(probs, exclusive)
    mass = onehot.sum(dim=1).unsqueeze(-1)  # [B, N, C] -> [B, C, 1]
    mean = total / mass.clamp(min=torch.finfo(mass.dtype).tiny)
    return mean + (mass == 0) / probs.shape[-1] if uniform else mean


@dataclass(frozen=True)
class Contexts(Points):
    """Images as C distributions each; half the symmetric Kullback-Leibler divergence.

    ``left`` holds p, log p, the sum of p log p, and whether the class is predicted; where it is
    not, zeros, so that the class drops out of every product.
    """

    classes: int

    @classmethod
    def of(cls, contexts: "Float[Tensor, 'N C K']") -> "Contexts":
        """Wrap distributions; zeros where a class is not predicted."""
        shown = contexts.sum(dim=-1) > 0  # [N, C, K] -> [N, C]
        p = contexts.clamp(min=LEAST) * shown.unsqueeze(-1)
        logs = contexts.clamp(min=LEAST).log() * shown.unsqueeze(-1)
        own = (p * logs).sum(dim=-1)
        left = torch.cat([p.flatten(1), logs.flatten(1), own, shown], dim=1)
        if left.is_cuda:
            left = left.double()
        # |a @ b| <= |a||b| <= (|a|^2 + |b|^2) / 2, and the right factor is half the left one.
        length = torch.linalg.vecdot(left, left) / 4
        error = length * ((left.shape[1] + 32) * torch.finfo(left.dtype).eps / 2)
        return cls(left, -error, error, left, contexts.shape[1])

    def right(self) -> Tensor:
        """The factors of p, log p, sum p log p and 1 in half the divergence."""
        p, logs, own, shown = self._split(self.left)
        return torch.cat([-logs, -p, shown, own], dim=1) / 2

    def exact(self, a: Tensor, b: Tensor) -> Tensor:
        """Half of the sum of (p - q) (log p - log q) over the classes that both show."""
        p, p_logs, _, p_shown = self._split(a)
        q, q_logs, _, q_shown = self._split(b)
        columns = p.shape[1] // self.classes
        terms = ((p - q) * (p_logs - q_logs)).reshape(len(a), self.classes, columns)
        total: Tensor = (terms.sum(dim=2) * p_shown * q_shown).sum(dim=1) / 2
        return total

    def _split(self, left: Tensor) -> tuple[Tensor, ...]:
        size = left.shape[1] // 2 - self.classes  # C * K
        return torch.split(left, [size, size, self.classes, self.classes], dim=1)
