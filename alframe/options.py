"""Options of a component, checked against the signature of its factory."""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from alframe.plugins import unknown


@functools.cache
def options_model(factory: Callable[..., Any], injected: frozenset[str]) -> type[BaseModel]:
    """A pydantic model of the keyword arguments that users may set.

    Args:
        factory: a class or function with annotated parameters.
        injected: names of parameters that the framework fills in.
    """
    call = factory.__init__ if inspect.isclass(factory) else factory
    hints = typing.get_type_hints(call)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if name in injected or parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints.get(name, Any), default)
    return create_model("Options", __config__=ConfigDict(extra="forbid"), **fields)


def check_options(
    factory: Callable[..., Any], given: Mapping[str, Any], injected: frozenset[str], where: str
) -> tuple[dict[str, Any], list[str]]:
    """All options with their defaults filled in, and every problem found.

    Args:
        factory: what will be called.
        given: what the user set.
        injected: parameters that the framework fills in.
        where: the section's name, for messages.
    """
    model = options_model(factory, injected)
    try:
        return model.model_validate(dict(given)).model_dump(), []
    except ValidationError as error:
        return dict(given), problems(error, where, model)


def problems(error: ValidationError, where: str, model: type[BaseModel]) -> list[str]:
    """One line for each setting that pydantic objects to."""
    settings: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for found in error.errors():
        path = tuple(str(part) for part in found["loc"] if not _is_branch(part))
        settings.setdefault(path, []).append(dict(found))
    return [_sentence(path, found, where, model) for path, found in settings.items()]


def _sentence(
    path: tuple[str, ...], errors: list[dict[str, Any]], where: str, model: type[BaseModel]
) -> str:
    """What is wrong with one setting; of a union, what each of its members expected."""
    key, first = ".".join(([where] if where else []) + list(path)), errors[0]
    if first["type"] == "extra_forbidden":
        owner = _model_at(model, path[:-1])
        return unknown(f"setting {key!r}:", path[-1], owner.model_fields)
    if first["type"] == "missing":
        return f"{key} is required: give {key}=..."
    messages = dict.fromkeys(map(_message, errors))
    got = f" (got {first['input']!r})" if path else ""
    return (f"{key}: " if key else "") + "; or: ".join(messages) + got


def _message(error: dict[str, Any]) -> str:
    """In pydantic's words, but for those that speak of Python's types."""
    if error["type"] in _IN_WORDS:
        return _IN_WORDS[error["type"]]
    return str(error["msg"]).removeprefix("Value error, ")


_IN_WORDS = {
    "model_type": "expected settings of this section, such as NAME=VALUE",
    "sequence_str": "expected a list, such as [a, b]",
    "tuple_type": "expected a list, such as [a, b]",
}


def _is_branch(part: Any) -> bool:
    """Pydantic names the tried member of a union in the path: int, constrained-str, ..."""
    return isinstance(part, str) and (part in _BRANCHES or "[" in part or "-" in part)


_BRANCHES = {"int", "float", "str", "bool", "none", "tuple", "list", "dict"}


def _model_at(model: type[BaseModel], path: tuple[str, ...]) -> type[BaseModel]:
    """The model that has the keys at a path; a mapping of names to models is passed through."""
    rest = iter(path)
    for name in rest:
        inner = model.model_fields[name].annotation
        if typing.get_origin(inner) is not None and typing.get_args(inner):
            inner = typing.get_args(inner)[-1]
            next(rest, None)
        if not (inspect.isclass(inner) and issubclass(inner, BaseModel)):
            break
        model = inner
    return model
