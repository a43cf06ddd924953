"""Losses of a phase: summed on the device, looked at now and then, means at the end."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from alframe.errors import TrainingError
from alframe.learner import Recorder
from alframe.training.distributed import all_gather
from alframe.words import named

Numbers = list[tuple[Sequence[str], dict[str, float]]]
"""Of each step its items and its scalars."""


class LossMeter:
    """Collects scalars without waiting for the device, and reads them in bulk.

    Each of several processes adds its share of a step's scalars; what is read is their sum.

    Args:
        recorder: takes the mean of each bulk.
        prefix: of the recorded names.

    Attributes:
        last: the total loss when it was last read, in words; empty before.
    """

    def __init__(self, recorder: Recorder, prefix: str) -> None:
        self._recorder, self._prefix = recorder, prefix
        self._pending: list[tuple[Sequence[str], dict[str, Tensor]]] = []
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.last = ""

    def add(self, ids: Sequence[str], values: Mapping[str, Tensor]) -> None:
        """Take the scalars of one step, and the items that they were computed on."""
        self._pending.append((ids, {k: v.detach() for k, v in values.items()}))

    def flush(self, step: int) -> dict[str, list[float]]:
        """Read what is pending, with one synchronisation; returns each scalar's values, in order.

        Raises:
            TrainingError: a value is not finite, in every process; the message names the images
                of that step.
        """
        bulk: dict[str, list[float]] = {}
        if not self._pending:
            return bulk
        for ids, numbers in sum_over_ranks(all_gather(self._read())):
            for name, number in numbers.items():
                refuse_nonfinite(name, number, ids)
                bulk.setdefault(name, []).append(number)
        if totals := bulk.get("total"):
            self.last = f"loss {sum(totals) / len(totals):.3g}"
        for name, values in bulk.items():
            self.sums[name] = self.sums.get(name, 0.0) + sum(values)
            self.counts[name] = self.counts.get(name, 0) + len(values)
            self._recorder.scalar(f"{self._prefix}/{name}", sum(values) / len(values), step)
        return bulk

    def _read(self) -> Numbers:
        values = [v.float() for _, step in self._pending for v in step.values()]
        numbers = iter(torch.stack(values).tolist())
        read = [(ids, {name: next(numbers) for name in step}) for ids, step in self._pending]
        self._pending.clear()
        return read

    def means(self) -> dict[str, float]:
        """The mean of each scalar over the phase so far."""
        return {k: self.sums[k] / self.counts[k] for k in self.sums}

    def state_dict(self) -> dict[str, Any]:
        """Sums and counts, for a checkpoint."""
        return {"sums": dict(self.sums), "counts": dict(self.counts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self.sums, self.counts = dict(state["sums"]), dict(state["counts"])


def sum_over_ranks(processes: Sequence[Numbers]) -> Numbers:
    """The steps of all processes together: the items of each step, and the sums of its scalars."""
    whole: Numbers = []
    for shares in zip(*processes, strict=True):
        sums: dict[str, float] = {}
        for _, numbers in shares:
            for name, number in numbers.items():
                sums[name] = sums.get(name, 0.0) + number
        whole.append(([item for ids, _ in shares for item in ids], sums))
    return whole


def refuse_nonfinite(name: str, value: float, ids: Sequence[str]) -> None:
    """Stop on NaN and infinity.

    Raises:
        TrainingError: naming the loss and the images.
    """
    if value != value or abs(value) == float("inf"):
        images = named([*dict.fromkeys(ids)])  # which a small labelled set has several times
        raise TrainingError(
            f"the loss {name!r} became {value} on {images}: look at what is annotated there, or "
            "start anew with another --output and a lower training.lr, with "
            "training.clip_norm, or with training.on_nonfinite=skip, which leaves such steps out"
        )
