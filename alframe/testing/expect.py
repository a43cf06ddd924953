"""What all checks share: assertions that cannot be switched off, and watched generators."""

import contextlib
import sys
from collections.abc import Iterator
from random import getrandbits, getstate, setstate
from typing import Any

import numpy as np


def expect(condition: object, message: str) -> None:
    """Raise AssertionError with ``message`` unless ``condition``, under ``python -O`` as well."""
    if not condition:
        raise AssertionError(message)


def expect_names(declared: object, whose: str, where: str = "") -> None:
    """Hold what a plugin declares to being names of signals."""
    expect(
        isinstance(declared, frozenset) and all(isinstance(name, str) for name in declared),
        f"{whose} is {declared!r:.60}: expected a frozenset of names of signals{where}",
    )


@contextlib.contextmanager
def generators_left_alone(whose: str, *, torch_too: bool = True) -> Iterator[None]:
    """Hold the code inside to leaving the global generators where they are.

    Args:
        whose: is blamed if it does not.
        torch_too: watch torch's generator besides those of numpy and ``random``.
    """
    with _stirred(torch_too):
        before = _states(torch_too)
        yield
        after = _states(torch_too)
    moved = [name for name, state in before.items() if after[name] != state]
    expect(
        not moved,
        f"{whose} moved the global generator of {', '.join(moved)}: expected it to draw from the "
        "generator or the seed that it is handed",
    )


@contextlib.contextmanager
def _stirred(torch_too: bool) -> Iterator[None]:
    """Put the generators where nobody else has seeded them to, and back again."""
    plain, drawn = getstate(), np.random.get_state()  # noqa: NPY002
    torch: Any = sys.modules.get("torch") if torch_too else None
    seeded = torch.get_rng_state() if torch else None
    getrandbits(8)
    np.random.random()  # noqa: NPY002
    if torch:
        torch.rand(1)
    try:
        yield
    finally:
        setstate(plain)
        np.random.set_state(drawn)  # noqa: NPY002
        if torch:
            torch.set_rng_state(seeded)


def _states(torch_too: bool) -> dict[str, object]:
    _, keys, position, *_ = np.random.get_state(legacy=True)  # noqa: NPY002 (watched, not used)
    states: dict[str, object] = {
        "random": getstate(),
        "numpy": (np.asarray(keys).tobytes(), position),
    }
    torch: Any = sys.modules.get("torch")
    if torch_too and torch:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
    return states
