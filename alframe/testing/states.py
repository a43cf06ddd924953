"""Comparison of tensors, and of the states of learners, whatever containers they are made of."""

from collections.abc import Iterator
from typing import Any

from alframe.config.layers import flat
from alframe.learner import Learner
from alframe.shaped import Tensor
from alframe.testing.expect import expect

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


def close(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same, but for having been computed in other batches."""
    import torch

    alike = one.shape == other.shape
    return alike and torch.allclose(one.double(), other.double(), TOLERANCE, TOLERANCE)


def leaves(state: Any) -> Iterator[Any]:
    """What a state holds, however deep."""
    if isinstance(state, dict | list | tuple):
        for value in state.values() if isinstance(state, dict) else state:
            yield from leaves(value)
    else:
        yield state
