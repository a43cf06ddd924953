"""Collapses of a fit: the classification loss is back where it began."""

import logging
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

logger = logging.getLogger(__name__)

WINDOW = 20
"""Steps that a mean is taken over: single batches differ too much."""
LEARNT, LOST = 0.75, 0.9
"""Shares of the first mean: below the one something was learnt, above the other it is lost."""


class Collapses:
    """Notes at which steps of a fit a loss came back to where it began.

    RetinaNet's focal loss begins where every anchor says "background". At a rate that is too high
    for the batch a detector falls back to that again and again, and may turn to NaN.

    Attributes:
        steps: at which a mean over the last :data:`WINDOW` losses rose above :data:`LOST` of the
            first one, after one below :data:`LEARNT` of it; counted from 1.
    """

    def __init__(self, cycle: int) -> None:
        self._cycle = cycle
        self._last: deque[float] = deque(maxlen=WINDOW)
        self._done, self._first, self._least = 0, 0.0, 0.0
        self.steps: list[int] = []

    def add(self, losses: Iterable[float]) -> None:
        """Take the losses of the next steps; warn of a collapse."""
        for loss in losses:
            self._last.append(loss)
            self._done += 1
            mean = sum(self._last) / WINDOW
            if self._done == WINDOW:
                self._first = self._least = mean
            elif self._done > WINDOW:
                self._take(mean)

    def _take(self, mean: float) -> None:
        self._least = min(self._least, mean)
        if self._least < LEARNT * self._first and mean > LOST * self._first:
            logger.warning(
                "cycle %d: after %d steps the classification loss is back at %.3g, where it began "
                "(%.3g), and was %.3g: set or lower training.clip_norm, lower training.lr, or set "
                "training.warmup or a larger training.batch_size",
                *(self._cycle, self._done, mean, self._first, self._least),
            )
            self.steps.append(self._done)
            self._least = mean

    def state_dict(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        return {
            "last": [*self._last],
            "done": self._done,
            "first": self._first,
            "least": self._least,
            "steps": [*self.steps],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self._last = deque(state["last"], maxlen=WINDOW)
        self._done, self.steps = state["done"], [*state["steps"]]
        self._first, self._least = state["first"], state["least"]
