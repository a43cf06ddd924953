"""Power: a random draw in proportion to scores, instead of the top of their ranking."""

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from alframe.config.checks import Checks
from alframe.errors import ConfigError, SelectionError
from alframe.strategy import Query, Scoring, Selection, Strategy, adapted

Kind = Literal["power", "softmax", "softrank"]


class Power:
    """Adds Gumbel noise to the scores of another strategy, then takes the largest.

    Stochastic Batch Acquisition (Kirsch et al., TMLR 2023, section 3): the best by score are much
    alike, and a draw without replacement is a cheap remedy. With the noise of scale 1 / ``beta``
    (the Gumbel-top-k trick), images are drawn without replacement with probabilities in
    proportion to score^beta (``power``), exp(beta score) (``softmax``) or rank^-beta
    (``softrank``, the best has rank 1). Use it as ``--strategy power:entropy``.

    An image with score 0, such as one without detections, has probability 0 in ``power``: such
    images come last, among themselves by noise alone. The scores that are reported are the other
    strategy's, without noise. Of a strategy in two stages (``power:ppal``) it is the
    first that scores, and the second is left out.

    Cost: that of the other strategy.

    Args:
        of: the strategy that scores.
        kind: what the noise is added to: the logarithm of the score (``power``), the score itself
            (``softmax``), or minus the logarithm of its rank (``softrank``).
        beta: larger is closer to the ranking.

    Raises:
        ConfigError: ``of`` gives no scores, or such as may be negative where ``kind`` is ``power``;
            or an option is out of range.
    """

    def __init__(self, of: Strategy, kind: Kind = "power", beta: float = 1.0) -> None:
        if not isinstance(of, Scoring):
            raise ConfigError(
                f"power needs a strategy that scores images, such as entropy; "
                f"{type(of).__name__} does not"
            )
        with Checks() as check:
            check.one_of("kind", kind, get_args(Kind))
            if kind == "power" and of.signed:
                check.problems.append(
                    f"kind: power takes logarithms, and scores of {type(of).__name__} may be "
                    "negative; expected softrank or softmax"
                )
            check.above_zero("beta", beta)
        self._of, self._kind, self._beta = of, kind, beta

    @property
    def requires(self) -> frozenset[str]:
        """What the other strategy requires."""
        return self._of.requires

    def adapt(self, provided: frozenset[str]) -> None:
        """Let the other strategy settle on what there is."""
        self._of = adapted(self._of, provided)

    def select(self, query: Query) -> Selection:
        """Let the other strategy score, and draw ``query.budget`` ids.

        Raises:
            SelectionError: a score is negative, where its logarithm is needed.
        """
        scores = self._of.scores(query)
        return Selection(self.choose(scores, query), scores)

    def choose(self, scores: Mapping[str, float], query: Query) -> tuple[str, ...]:
        """Draw by scores that are known.

        The noise has a generator of its own, which does not depend on what the other strategy
        has drawn from the query's: so the choice can be made again from the scores alone.
        """
        ids = sorted(scores)
        noise = query.rng.spawn(1)[0].gumbel(scale=1 / self._beta, size=len(ids))
        values = self._values(ids, np.array([scores[i] for i in ids], dtype=np.float64))
        order = np.lexsort((-noise, -(values + noise)))  # by noise alone among -inf
        return tuple(ids[i] for i in order[: query.budget])

    def _values(self, ids: list[str], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """What noise is added to."""
        if self._kind == "softmax":
            return scores
        if self._kind == "softrank":
            ranks = np.empty(len(ids))
            ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(ids) + 1)
            return -np.log(ranks)
        if (scores < 0).any():
            item = ids[int(scores.argmin())]
            raise SelectionError(
                f"power takes the logarithm of scores, and that of {item} is {scores.min()}: set "
                "kind to softmax or softrank"
            )
        with np.errstate(divide="ignore"):
            return np.log(scores)
