"""Options of a component, checked against the signature of its factory."""

import contextlib
import functools
import inspect
import math
import os
import re
import types
import typing
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError

from alframe.config.error_locations import keys, owner
from alframe.config.hints import shown, unknown_setting
from alframe.config.section import ContradictionError, Section
from alframe.config.sections import Component
from alframe.errors import PluginError


@functools.cache
def options_model(factory: Callable[..., Any], injected: frozenset[str]) -> type[BaseModel]:
    """A pydantic model of the keyword arguments that users may set.

    Args:
        factory: a class or function with annotated parameters.
        injected: names of parameters that the framework fills in.

    Raises:
        PluginError: the factory does not say which arguments it takes.
    """
    settable = _settable(factory, injected)
    hints = _hints(factory, settable)
    fields: dict[str, Any] = {}
    try:
        for name, parameter in settable.items():
            default = ... if parameter.default is parameter.empty else parameter.default
            hint = hints.get(name, Any)
            fields[name] = (hint | None if default is None else hint, default)  # "k: int = None"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return create_model("Options", __base__=_Options, **fields)
    except (PydanticUserError, NameError, TypeError) as error:
        raise PluginError(f"its options cannot be read: {str(error).splitlines()[0]}") from error


class _Options(Section):
    # Values of other types than YAML has are only defaults.
    model_config = ConfigDict(arbitrary_types_allowed=True)


def _settable(
    factory: Callable[..., Any], injected: frozenset[str]
) -> dict[str, inspect.Parameter]:
    """The parameters that users may set, by name.

    Raises:
        PluginError: there is no signature, or one that cannot be called with names alone.
    """
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"its options cannot be read: {error}; give it a factory that is written in Python"
        ) from error
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    lacking = sorted(injected - parameters.keys() - {"of"})  # which only wrappers take
    if lacking and not anything:
        raise PluginError(f"it does not take {lacking[0]}: expected that among its arguments")
    for name, parameter in parameters.items():
        if parameter.default is not parameter.empty:
            continue
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise PluginError(f"{name!r} can only be given by position: expected a keyword")
        if name.startswith("_"):
            raise PluginError(
                f"{name!r} is private and has no default: expected a name without underscore"
            )
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    settable = {n: p for n, p in parameters.items() if n not in injected and p.kind in named}
    if "name" in settable:
        raise PluginError("'name' is what users call it by: expected another name for an option")
    return settable


def _hints(factory: Callable[..., Any], names: Collection[str]) -> dict[str, Any]:
    """The types of these parameters, but for those that are known to type checkers alone."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    call: Any = factory
    if inspect.isclass(factory):
        call = factory.__init__ if "__init__" in _defined(factory) else factory.__new__
    elif not inspect.isroutine(factory):
        call = type(factory).__call__
    call = inspect.unwrap(call)
    annotations = getattr(call, "__annotations__", {})
    hints: dict[str, Any] = {}
    for name in names & annotations.keys():
        alone = types.SimpleNamespace(__annotations__={name: annotations[name]})
        with contextlib.suppress(NameError, AttributeError, SyntaxError, TypeError):
            names_of = getattr(call, "__globals__", {})
            hints |= typing.get_type_hints(alone, globalns=names_of, include_extras=True)
    return hints


def _defined(factory: type) -> set[str]:
    """The attributes of a class that are not those of every object."""
    return {name for each in factory.__mro__[:-1] for name in vars(each)}


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

    Raises:
        PluginError: see :func:`options_model`, or a default is nothing that a configuration keeps.
    """
    model = options_model(factory, injected)
    try:
        options = model.model_validate(dict(given)).model_dump(warnings=False)
    except ValidationError as error:
        return dict(given), problems(error, where, model, known)
    options = _read(options)
    kept = _as_kept(options, model)
    changed = [name for name, value in options.items() if _listed(kept[name]) != _listed(value)]
    if own := [name for name in changed if name not in given]:
        raise _unkept(own[0], options[own[0]], f"; it would become {kept[own[0]]!r:.60}")
    return kept, [
        f"{where}.{name}: expected a value that config.yaml keeps as it is (got "
        f"{shown(options[name])}, which would become {shown(kept[name])})"
        for name in changed
    ]


def _as_kept(options: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Options as a run that is resumed reads them.

    Where the factory gives no type, a tuple is a list from the start, and a path is text.

    Raises:
        PluginError: one cannot be kept.
    """
    kept: dict[str, Any] = {}
    for name, value in options.items():
        try:
            kept |= Component(name="", **{name: value}).model_dump(mode="json", include={name})
        except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
            raise _unkept(name, value, "") from error
    try:
        again = model.model_validate(kept).model_dump()
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        said = problems(error, "", model)[0]
        raise _unkept(name, options[name], f"; its type says otherwise, {said}") from error
    return _read(again)


def _read(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with a list for what can be read only once, as pydantic makes it of an iterable."""
    return {name: list(v) if isinstance(v, Iterator) else v for name, v in options.items()}


def _listed(value: Any) -> Any:
    """A value with lists in the place of its tuples, and text in that of paths."""
    if isinstance(value, dict):
        return {name: _listed(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_listed(each) for each in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _unkept(name: str, value: object, why: str) -> PluginError:
    return PluginError(
        f"its option {name!r} is {value!r:.60} ({type(value).__name__}): expected a value that "
        f"config.yaml keeps as it is{why}"
    )


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
        least = found.get("ctx", {}).get("min_length", math.inf)
        if found["type"] == "too_short" and len(found["input"]) >= least:
            continue  # elements that are wrong are not counted; each is told
        foreign = found["type"] == "extra_forbidden"
        path = tuple(keys(found["loc"], model, foreign=foreign))
        if found["type"] in ("string_type", "missing") and path:  # elements of one list are one
            path = (*path[:-1], re.sub(r"\[\d+\]$", "", path[-1]))
        settings.setdefault(path, []).append(dict(found))
    lines: list[str] = []
    for path, each in settings.items():
        of_section = each[0].get("ctx", {}).get("error")
        if isinstance(of_section, ContradictionError):
            lines += of_section.problems
        else:
            lines.append(_sentence(path, each, where, model, known))
    return lines


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
    if first["type"] == "missing" and isinstance(last := errors[-1]["loc"][-1], int):
        return f"{key}: expected {last + 1} values in a list (got {shown(first['input'])})"
    if first["type"] == "missing":
        return f"{key} is required: give {_FLAGS.get(key, '')}{key}=..."
    if first["type"] == "invalid_key":
        return f"{key or 'settings'}: the name of a setting is text, not {first['input']!r}"
    messages = dict.fromkeys(map(_message, errors))
    got = f" (got {shown(first['input'])})" if path else ""
    return (f"{key}: " if key else "") + "; or: ".join(messages) + got


def _message(error: dict[str, Any]) -> str:
    """In pydantic's words, but for those that speak of Python's types."""
    if error["type"] == "string_type" and isinstance(error["input"], bool | int | float):
        return "expected text: put it in quotes"
    if error["type"] in _IN_WORDS:
        return _IN_WORDS[error["type"]].format(**error.get("ctx", {}))
    return str(error["msg"]).removeprefix("Value error, ")


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
    "string_too_short": "expected a longer text",
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
