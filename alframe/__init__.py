"""alframe chooses the images worth labelling: active learning in PyTorch.

A notebook needs no other module::

    import alframe

    config = alframe.resolve("strategy=entropy", {"dataset": {"name": "voc", "root": "VOCdevkit"}})
    for cycle in alframe.run(config, "runs/mine"):
        print(cycle["labelled"], cycle["metrics"])

From predictions or embeddings of one's own model, without a run::

    ids = alframe.select("coreset", budget=100, ids=names, embedding=array, labelled=done)

What is offered here is imported when it is first used, so that ``import alframe`` takes no torch.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alframe.api import resolve, run, select
    from alframe.errors import AlframeError, Waiting
    from alframe.signals import (
        ANCHOR_WEIGHT,
        ANCHORS,
        AUGMENTED,
        BOX_FEATURES,
        CLASS_PROBS,
        DETECTIONS,
        DISAGREEMENT,
        EMBEDDING,
        PREDICTED_LOSS,
        SAMPLES,
        SignalBatch,
    )
    from alframe.strategy import Query, ScoringStrategy, Selection, Strategy

__all__ = [
    "ANCHORS", "ANCHOR_WEIGHT", "AUGMENTED", "BOX_FEATURES", "CLASS_PROBS", "DETECTIONS",
    "DISAGREEMENT", "EMBEDDING", "PREDICTED_LOSS", "SAMPLES", "AlframeError", "Query",
    "ScoringStrategy", "Selection", "SignalBatch", "Strategy", "Waiting", "resolve", "run",
    "select",
]  # fmt: skip

try:
    __version__ = version("alframe")
except PackageNotFoundError:  # a bare checkout on the path, never installed
    __version__ = "0+unknown"

_LIES_IN = {
    "alframe.api": ("resolve", "run", "select"),
    "alframe.errors": ("AlframeError", "Waiting"),
    "alframe.strategy": ("Query", "ScoringStrategy", "Selection", "Strategy"),
}


if not TYPE_CHECKING:  # to which it would promise any name

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'alframe' has no attribute {name!r}")
        module = next((m for m, names in _LIES_IN.items() if name in names), "alframe.signals")
        return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
