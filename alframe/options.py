"""Options of a component, checked against the signature of its factory."""

import datetime
import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError, create_model

from alframe.config import Section
from alframe.hints import unknown_setting
from alframe.locations import keys, owner
from alframe.shown import shown


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
    return create_model("Options", __base__=Section, **fields)


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
    factory: Callable[..., Any],
    given: Mapping[str, Any],
    injected: frozenset[str],
    where: str,
    known: Collection[str] = (),
) -> tuple[dict[str, Any], list[str]]:
    """All options with their defaults filled in, and every problem found.

    Args:
        factory: what will be called.
        given: what the user set.
        injected: parameters that the framework fills in.
        where: the section's name, for messages.
        known: dotted keys of all settings of the run, for suggestions.
    """
    model = options_model(factory, injected)
    try:
        return model.model_validate(dict(given)).model_dump(), []
    except ValidationError as error:
        return dict(given), problems(error, where, model, known)


def problems(
    error: ValidationError, where: str, model: type[BaseModel], known: Collection[str] = ()
) -> list[str]:
    """One line for each setting that pydantic objects to.

    Args:
        error: what it says.
        where: the section's name.
        model: what was validated.
        known: dotted keys of all settings of the run, for suggestions.
    """
    settings: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for found in error.errors():
        foreign = found["type"] == "extra_forbidden"
        path = tuple(keys(found["loc"], model, foreign=foreign))
        settings.setdefault(path, []).append(dict(found))
    return [_sentence(path, found, where, model, known) for path, found in settings.items()]


def _sentence(
    path: tuple[str, ...],
    errors: list[dict[str, Any]],
    where: str,
    model: type[BaseModel],
    known: Collection[str],
) -> str:
    """What is wrong with one setting; of a union, what each of its members expected."""
    key, first = ".".join(([where] if where else []) + list(path)), errors[0]
    if first["type"] == "extra_forbidden":
        lacking = owner(path, model)
        own = lacking.model_fields if lacking else ()
        return unknown_setting(key, path[-1], first["input"], own, known)
    if first["type"] == "missing":
        return f"{key} is required: give {_FLAGS.get(key, '')}{key}=..."
    if first["type"] == "invalid_key":
        return f"{key}: the name of a setting is text, not {first['input']!r}"
    messages = dict.fromkeys(map(_message, errors))
    got = f" (got {shown(first['input'])})" if path else ""
    return (f"{key}: " if key else "") + "; or: ".join(messages) + got


def _message(error: dict[str, Any]) -> str:
    """In pydantic's words, but for those that speak of Python's types."""
    if error["type"] == "string_type" and isinstance(error["input"], _UNQUOTED):
        unquoted = "unquoted yes, no, on and off mean true and false"
        why = f" ({unquoted})" if isinstance(error["input"], bool) else ""
        return f"expected text: put it in quotes{why}"
    if error["type"] in _IN_WORDS:
        return _IN_WORDS[error["type"]].format(**error.get("ctx", {}))
    return str(error["msg"]).removeprefix("Value error, ")


_UNQUOTED = (bool, int, float, datetime.date)
"""What YAML makes of words without quotes."""

_IN_WORDS = {
    "model_type": "expected settings of this section, such as NAME=VALUE",
    "dict_type": "expected settings, such as NAME=VALUE",
    "sequence_str": "expected a list, such as [a, b]",
    "is_instance_of": "expected a list, such as [a, b]",
    "list_type": "expected a list, such as [a, b]",
    "tuple_type": "expected a list, such as [a, b]",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing_size": "expected a whole number of at most 18 digits",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected text",
    "string_unicode": "expected text",
    "literal_error": "expected {expected}",
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected at least {ge:g}",
    "less_than": "expected less than {lt:g}",
    "less_than_equal": "expected at most {le:g}",
    "too_short": "expected at least {min_length} of them",
    "too_long": "expected at most {max_length} of them",
}

_FLAGS = {"dataset.root": "--data-root DIR, or "}
