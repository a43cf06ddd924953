"""Losses of transformers' DETRs, as terms that add up, of what one process computes."""

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from alframe.shaped import Float

NO_LOSS = "cardinality"
"""Is only recorded: how many objects a model counts too many."""
COEFFICIENTS = {"ce": "class"}
"""What the configuration calls a term, where that is another word."""


def loss_terms(losses: Mapping[str, Tensor], config: Any) -> "dict[str, Float[Tensor, '']]":
    """One term a kind (``bbox``, ``giou``, ``vfl``, ...), of all layers together.

    RT-DETR and D-FINE weight what they return, the others do not.

    Args:
        losses: by names such as ``loss_bbox_aux_0``.
        config: of the network, with the weights.
    """
    terms: dict[str, Tensor] = {}
    for name, value in losses.items():
        kind = name.removeprefix("loss_").partition("_")[0]
        if kind == NO_LOSS:
            continue
        weight = getattr(config, f"{COEFFICIENTS.get(kind, kind)}_loss_coefficient", 1.0)
        terms[kind] = terms.get(kind, 0.0) + weight * value
    return terms


@contextlib.contextmanager
def of_one_process() -> Iterator[None]:
    """Let RF-DETR's loss be divided by the number of objects that this process sees.

    It would ask the other processes, which may have no part of a batch left to compute, and N
    processes would not equal ``accumulate=N``.
    """
    library: Any = importlib.import_module("transformers.loss.loss_lw_detr")
    asks = library._is_torch_distributed_initialized
    library._is_torch_distributed_initialized = lambda: False
    try:
        yield
    finally:
        library._is_torch_distributed_initialized = asks
