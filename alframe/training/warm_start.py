"""A warm start with more classes than before: rows of old classes carry over, new ones are fresh.

What a layer says of classes lies in its rows (the first dimension of weight and bias). Which row
is whose, no shape tells: a layer says it by :func:`lay_out`, whatever model it is part of.
"""

import logging
from dataclasses import dataclass

from torch import Tensor, nn

from alframe.learner import WarmStart
from alframe.words import plural

logger = logging.getLogger(__name__)

_NAME = "class_rows"


@dataclass(frozen=True)
class ClassRows:
    """The rows of a layer: ``[groups, before + classes + rest, each]``.

    Attributes:
        groups: repetitions of the whole, such as anchors of a cell.
        before: rows of a group before those of the classes (a background that is the first).
        each: rows of one class, such as the four sides of its box.
    """

    groups: int = 1
    before: int = 0
    each: int = 1


def lay_out(layer: nn.Module, rows: ClassRows) -> None:
    """Say how the rows of a layer are laid out.

    A layer that has a row for each class, and no other, need not say so.
    """
    layer.__dict__[_NAME] = rows  # nn.Module takes tensors and modules alone as attributes


def carry_over(network: nn.Module, start: WarmStart, classes: int) -> None:
    """Give a fresh network the weights that a warm start goes on from.

    A layer that has grown and does not say how stays as it was drawn, with a warning; so does one
    that the model of the cycle before has not, as where each class has a module of its own.

    Args:
        network: for all classes, as drawn.
        start: the model of the cycle before, which may know fewer of them.
        classes: how many there are now.
    """
    if start.classes == classes:
        network.load_state_dict(start.state)
        return
    layouts = {
        f"{name}.{part}": module.__dict__[_NAME]
        for name, module in network.named_modules()
        if _NAME in module.__dict__
        for part in ("weight", "bias")
    }
    grown: dict[str, Tensor] = {}
    for name, fresh in network.state_dict().items():
        if name not in start.state:
            before = plural(start.classes, "class")
            logger.warning("%s is drawn anew: with %s there was none", name, before)
            grown[name] = fresh
            continue
        old, rows = start.state[name], layouts.get(name)
        alike = old.shape[1:] == fresh.shape[1:]
        if old.shape != fresh.shape and not (rows and alike):
            rows = _plain(name, alike and len(old) == start.classes and len(fresh) == classes)
            old = old if rows else fresh
        grown[name] = _carried(old, fresh, rows, start.classes, classes) if rows else old
    network.load_state_dict(grown)


def _plain(name: str, only_classes: bool) -> ClassRows | None:
    if only_classes:
        return ClassRows()
    logger.warning(
        "%s is drawn anew: it does not say which of its rows are of which class "
        "(alframe.training.warm_start.lay_out)",
        name,
    )
    return None


def _carried(old: Tensor, fresh: Tensor, rows: ClassRows, before: int, now: int) -> Tensor:
    """``fresh`` with the rows of ``old`` that are of a class, or of none (background)."""
    was, new = (t.reshape(rows.groups, -1, rows.each, *t.shape[1:]) for t in (old, fresh.clone()))
    known, all_of_them = rows.before + before, rows.before + now
    new[:, :known] = was[:, :known].to(new)
    rest = min(was.shape[1] - known, new.shape[1] - all_of_them)
    new[:, all_of_them : all_of_them + rest] = was[:, known : known + rest].to(new)
    return new.reshape(fresh.shape)
