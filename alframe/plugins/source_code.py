"""The source of a plugin: ideas are edited while runs go on."""

import contextlib
import hashlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any


def source_digest(factory: Any) -> str | None:
    """SHA-256 of the file that a plugin lies in, or of its functions where that is a notebook.

    Args:
        factory: a class or a function.

    Returns:
        Hexadecimal; None of what is not written in Python, or was typed at a prompt.
    """
    with contextlib.suppress(TypeError, OSError):
        if file := inspect.getsourcefile(factory):
            return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    with contextlib.suppress(TypeError, OSError):
        if source := "".join(map(inspect.getsource, _functions(factory))):
            return hashlib.sha256(source.encode()).hexdigest()
    return None


def _functions(factory: Any) -> Iterator[FunctionType]:
    """A function; or the methods of a class, and those that it has of others beside it."""
    if isinstance(factory, FunctionType):
        yield factory
    for base in getattr(factory, "__mro__", ()):
        if base.__module__ == factory.__module__:
            for value in vars(base).values():
                function = getattr(value, "__func__", getattr(value, "fget", value))
                if isinstance(function, FunctionType):
                    yield function
