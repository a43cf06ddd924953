"""Words of messages: lists of names, counts with their nouns, and what may be meant."""

import difflib
from collections.abc import Mapping, Sequence

MOST_NAMES = 5
MEANT = {
    "coreset": "k_center k_center_greedy kcenter",
    "entropy": "uncertainty max_entropy",
    "folder": "imagefolder",
    "hf": "detr rt_detr rtdetr huggingface transformers segformer",
    "least-confidence": "lc leastconf",
    "ll4al": "learning_loss loss_prediction",
    "margin": "bvsb best_vs_second_best",
    "mc-dropout": "bald",
    "photos": "images pictures",
    "voc": "pascal pascal_voc",
}
"""Plugins of alframe -> what else the field calls them, or what is had by them."""


def named(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """The first names of a list, and how many more there are: ``a, b and 3 more``."""
    shown = ", ".join(names[:most])
    rest = len(names) - most
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def tallied(counts: Mapping[str, int]) -> str:
    """The first names of a tally with their counts: ``a (2), b (1) and 3 more``."""
    return named([f"{name} ({count:,})" for name, count in counts.items()])


def plural(count: int, noun: str) -> str:
    """``1 box``, ``2 boxes``, ``1,204 items``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith(('x', 's')) else 's'}"


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """The end of a message, a question, where one of the names is like an unknown one."""
    plain = name.lower().replace("-", "_")
    said = [each for each in names if plain in MEANT.get(each, "").split()]
    close = said or difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
