"""Comparison of tensors, and of the states of learners, whatever containers they are made of."""

import contextlib
import copy
import io
from collections.abc import Iterator, Mapping
from typing import Any

from alframe.config.layers import flat
from alframe.files.checkpoints import check_kept
from alframe.learner import Learner
from alframe.shaped import Tensor
from alframe.signals import BOX_FEATURES, DETECTIONS
from alframe.testing.expect import as_assertion, expect
from alframe.words import named

TOLERANCE = 1e-4


def same_state(learner: Learner, state: dict[str, Any], when: str) -> None:
    """Hold a learner to having this state."""
    same = is_state(learner, state)
    expect(same, f"the model differs {when}: expected the same weights")


def is_state(learner: Learner, state: dict[str, Any]) -> bool:
    """Whether a learner's tensors are those of a state."""
    found, expected = _tensors(learner.state_dict()), _tensors(state)
    return [*found] == [*expected] and all(found[name].equal(expected[name]) for name in found)


def kept(state: dict[str, Any]) -> dict[str, Any]:
    """Copies of the tensors of a state, by dotted names."""
    return {name: value.clone() for name, value in _tensors(state).items()}


def _tensors(state: Any) -> dict[str, Tensor]:
    """The tensors of a state, however deep, by dotted names."""
    import torch

    found = flat(state) if isinstance(state, dict) else {}
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


@contextlib.contextmanager
def unchanged(state: dict[str, Any], whose: str) -> Iterator[None]:
    """Hold the code inside to leaving tensors as they are; what it changed is put back.

    Args:
        state: the tensors, by what they are called.
        whose: is blamed if it does not.
    """
    tensors, before = _tensors(state), kept(state)
    changed: list[str] = []
    try:
        yield
    finally:
        for name, tensor in tensors.items():
            if not tensor.equal(before[name]):
                tensor.copy_(before[name])
                changed.append(name)
    expect(not changed, f"{whose} changed {named(changed)} in place: expected a copy first")


def differing(one: Mapping[str, list[Tensor]], other: Mapping[str, list[Tensor]]) -> list[str]:
    """The signals of an image that are not the same, but for having been computed in other batches.

    Detections that differ by rounding alone may come in one order or the other, each with its
    vector; of vectors without their detections nobody knows which of the last ones are padding.
    Where detections are not the same, nothing is said of their vectors.

    Args:
        one: the tensors of each signal, without padding where that is known.
        other: likewise, of the same signals.
    """
    found: list[str] = []
    for name in sorted(one, key=lambda name: name == BOX_FEATURES):
        tensors, others = one[name], other[name]
        if name == BOX_FEATURES and DETECTIONS in one:
            tensors, others = ([*each[DETECTIONS], *each[name]] for each in (one, other))
        elif name == BOX_FEATURES:
            count = min(len(tensors[0]), len(others[0]))
            tensors, others = ([t[:count] for t in each] for each in (tensors, others))
        same = all(map(close, tensors, others))
        if not same and DETECTIONS in one and name in (DETECTIONS, BOX_FEATURES):
            same = all(map(close, tensors, _in_order_of(tensors, others)))
        if not same and not (name == BOX_FEATURES and DETECTIONS in found):
            found.append(name)
    return found


def _in_order_of(one: list[Tensor], other: list[Tensor]) -> list[Tensor]:
    """The rows of ``other``: for each row of ``one``, over all tensors, the nearest still left."""
    import torch

    columns = ([t[:, None].flatten(1).double() for t in each] for each in (one, other))
    rows, left = (torch.cat(each, dim=1) for each in columns)
    order = torch.arange(len(left))
    for place, row in enumerate(rows if rows.shape == left.shape else ()):
        apart = ((left[order[place:]] - row).abs() / (1 + row.abs())).amax(dim=1)
        found = place + int(apart.argmin())
        order[[place, found]] = order[[found, place]]
    return [tensor[order] for tensor in other]


def close(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same, but for having been computed in other batches."""
    import torch

    alike = one.shape == other.shape
    return alike and torch.allclose(one.double(), other.double(), TOLERANCE, TOLERANCE)


def copied(state: Any, what: str) -> Any:
    """A copy of a state that a run's file could keep; deepcopy takes ten times as long.

    Args:
        state: of a learner or of a fit.
        what: it is, to be blamed if no file can keep it.
    """
    with as_assertion():
        check_kept(state, what)
    return _copied(state)


def _copied(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _copied(part) for key, part in state.items()}
    if isinstance(state, list | tuple):
        return type(state)([_copied(part) for part in state])
    return state.detach().clone() if hasattr(state, "detach") else copy.copy(state)


def reread(state: Any) -> Any:
    """A state after it was written and read, as a run does it."""
    import torch

    torch.save(state, file := io.BytesIO())
    file.seek(0)
    return torch.load(file, weights_only=True)


def leaves(state: Any) -> Iterator[Any]:
    """What a state holds, however deep."""
    if isinstance(state, dict | list | tuple):
        for value in state.values() if isinstance(state, dict) else state:
            yield from leaves(value)
    else:
        yield state
