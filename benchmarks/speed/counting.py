"""How many operations a piece of work launches, and how often the host has to wait for them."""

import re
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from alframe.benchmarks.speed.clock import Work

WAITS = re.compile(r"nonzero|_local_scalar_dense|item|equal|masked_select|unique|nms|_assert")
"""Operations whose result, or the shape of it, the host has to know."""


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what is computed while it is active, on any device.

    Views cost nothing and are not counted. An operation is one launch at least; most of them
    are exactly one.

    Attributes:
        operations: so far.
        waits: those among them that the host waits for.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = self.waits = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one and do it."""
        if not _is_view(func):
            self.operations += 1
            self.waits += bool(WAITS.search(func.name())) or _indexes_by_mask(func, args)
        return func(*args, **(kwargs or {}))


def _is_view(func: Any) -> bool:
    returned = func._schema.returns
    return any(r.alias_info is not None and not r.alias_info.is_write for r in returned)


def _indexes_by_mask(func: Any, args: Any) -> bool:
    """``x[mask]``: how many there are is known when they have been counted."""
    if "index" not in func.name() or len(args) < 2 or not isinstance(args[1], list | tuple):
        return False
    return any(isinstance(each, torch.Tensor) and each.dtype == torch.bool for each in args[1])


def counted(work: Work) -> tuple[int, int]:
    """Operations of one call, and how many of them the host waits for."""
    with Counter() as counter:
        work()
    return counter.operations, counter.waits
