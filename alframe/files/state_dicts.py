"""State dicts in files that others wrote."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from alframe.words import named

if TYPE_CHECKING:
    from torch import Tensor

WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and ``torch.compile`` put before every name."""
NO_STATE = "not a state dict (a mapping from name to tensor)"


def without_prefix(
    state: "Mapping[str, Tensor]", own: Collection[str] = frozenset()
) -> "Mapping[str, Tensor]":
    """A state dict without what wrappers of a model put before the names of all its tensors.

    Args:
        state: by name.
        own: names of the model; where they have one of them, it is not wrapped.
    """
    while state and not any(name in own for name in state):
        prefix = next((p for p in WRAPPERS if all(name.startswith(p) for name in state)), None)
        if prefix is None:
            break
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def misfit(state: Mapping[str, Any], own: Mapping[str, Any], of: str) -> str:
    """Why a state dict does not fit, in words; empty where it does.

    Args:
        state: by name.
        own: of the module that is to take it.
        of: what that is called.
    """
    alike = state.keys() & own.keys()
    wrong = {
        "missing": own.keys() - state.keys(),
        f"unknown to the {of}": state.keys() - own.keys(),
        "of another shape": [k for k in alike if _shape(state[k]) != _shape(own[k])],
    }
    return "; ".join(f"{what}: {named(sorted(map(str, n)))}" for what, n in wrong.items() if n)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", (-1,)))


def wrong_with(content: Any) -> str | None:
    """What a file holds that is no state dict to be used, in words; None where it is one."""
    if not isinstance(content, Mapping):
        return NO_STATE
    if inside := [str(key) for key, value in content.items() if isinstance(value, Mapping)]:
        return f"{NO_STATE}; save what it has under {' or '.join(inside[:3])} alone"
    from torch import Tensor, strided

    if not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
        return NO_STATE
    odd = [
        name
        for name, value in content.items()
        if value.layout != strided or value.is_meta or value.is_quantized or value.is_complex()
    ]
    if odd:
        return f"a state dict with tensors that hold no plain numbers: {named(sorted(odd))}"
    if odd := [name for name, value in content.items() if bool(value.isnan().any())]:
        return f"a state dict with NaN among its numbers: {named(sorted(odd))}"
    return None
