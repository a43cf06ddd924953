"""Options of a component, checked against the signature of its factory."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from datetime import date
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
    settable = {
        name: parameter
        for name, parameter in inspect.signature(factory).parameters.items()
        if name not in injected and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    hints = _hints(factory, settable)
    fields: dict[str, Any] = {}
    for name, parameter in settable.items():
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints.get(name, Any), default)
    return create_model("Options", __config__=ConfigDict(extra="forbid"), **fields)


def _hints(factory: Callable[..., Any], names: Collection[str]) -> dict[str, Any]:
    """The types of these parameters; those of others may be known to type checkers alone."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    call: Any = factory.__init__ if inspect.isclass(factory) else factory
    if not names:  # a class without an __init__ has no annotations either
        return {}
    annotations = {k: v for k, v in call.__annotations__.items() if k in names}
    shown = types.SimpleNamespace(__annotations__=annotations)
    return typing.get_type_hints(shown, globalns=call.__globals__)


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
        if found["type"] == "string_type" and path and path[-1].isdecimal():
            path = path[:-1]  # the elements of a list are one problem
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
        return f"{key} is required: give {_FLAGS.get(key, '')}{key}=..."
    messages = dict.fromkeys(map(_message, errors))
    got = f" (got {first['input']!r})" if path else ""
    if first["type"] == "string_type" and isinstance(first["input"], int | float | date | None):
        got += ": quote it, as YAML takes yes, no, on, off, null, numbers and dates for no text, "
        got += 'such as \'["yes", "no"]\''
    return (f"{key}: " if key else "") + "; or: ".join(messages) + got


def _message(error: dict[str, Any]) -> str:
    """In pydantic's words, but for those that speak of Python's types."""
    if error["type"] in _IN_WORDS:
        return _IN_WORDS[error["type"]].format(**error.get("ctx", {}))
    return str(error["msg"]).removeprefix("Value error, ")


_IN_WORDS = {
    "model_type": "expected settings of this section, such as NAME=VALUE",
    "sequence_str": "expected a list, such as [a, b]",
    "tuple_type": "expected a list, such as [a, b]",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected text",
    "literal_error": "expected {expected}",
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected at least {ge:g}",
    "less_than": "expected less than {lt:g}",
    "less_than_equal": "expected at most {le:g}",
}

_FLAGS = {"dataset.root": "--data-root DIR, or "}


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
