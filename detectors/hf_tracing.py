"""Code of transformers that is traced for export, so that sides and batch of a graph stay free."""

import builtins
import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import SymInt, nn
from torch.overrides import TorchFunctionMode

LIBRARY = "transformers."


def _count(value: Any) -> Any:
    return value.shape[0] if isinstance(value, torch.Tensor) else builtins.len(value)


def _whole(value: Any) -> Any:
    return value if isinstance(value, SymInt) else int(value)


def _unchecked(condition: Any, *others: Any) -> None:
    """What the library asserts of its own arithmetic; ONNX has no assertions."""


HELPERS = {"len": _count, "torch_int": _whole, "torch_compilable_check": _unchecked}
"""By the names that the library's modules have for them: what would make a size a constant."""


class _FreeSizes(TorchFunctionMode):
    """Functions that take a size for a constant, by others with the very same numbers."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.linspace and args[0] == 0 and isinstance(args[2], SymInt):
            return torch.arange(args[2], **kwargs)  # from 0 to n - 1 in n steps, in the library
        if func in (torch.tensor, torch.as_tensor) and isinstance(args[0], list):
            return _stacked(args[0], kwargs)
        return func(*args, **kwargs)


def _stacked(values: Any, kwargs: Any) -> torch.Tensor:
    if isinstance(values, list | tuple):
        return torch.stack([_stacked(value, kwargs) for value in values])
    return torch.full((), values, **kwargs)


@contextlib.contextmanager
def free_sizes(network: nn.Module) -> Iterator[None]:
    """While it lasts, a graph that is traced of a network takes other images than the dummy's."""
    names = {type(part).__module__ for part in network.modules()}
    modules = [importlib.import_module(name) for name in names if name.startswith(LIBRARY)]
    with contextlib.ExitStack() as stack:
        for scope in map(vars, modules):
            for name in HELPERS.keys() & {"len", *scope}:
                if name in scope:
                    stack.callback(scope.__setitem__, name, scope[name])
                else:
                    stack.callback(scope.pop, name)
                scope[name] = HELPERS[name]
        stack.enter_context(_FreeSizes())
        yield
