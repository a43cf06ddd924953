"""Where in a configuration pydantic found something wrong, in the user's own words.

Pydantic's location names more than keys: of a union, also the member that it tried (``int``,
``function-after[...]``). Which part is which follows from the model alone, so that a setting may
have any name.
"""

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from pydantic import BaseModel

Part = int | str


def keys(location: Sequence[Part], model: type[BaseModel], *, foreign: bool) -> list[str]:
    """The keys of a location, an index in brackets: ``["training", "augment[0]"]``.

    Args:
        location: ``loc`` of an error.
        model: what was validated.
        foreign: the last part is a key that the model does not have.
    """
    path: list[str] = []
    here: list[Any] = [model]
    for number, part in enumerate(location):
        last = number + 1 == len(location)
        inside, is_key = _step(here, part)
        if isinstance(part, int) and path and not _has_fields(here):
            path[-1] += f"[{part}]"
        elif is_key or (foreign and last):
            path.append(str(part))
        here = inside
    return path


def owner(path: Sequence[str], model: type[BaseModel]) -> type[BaseModel] | None:
    """The model that has, or lacks, the key at the end of a path; None where no model is there."""
    here: list[Any] = [model]
    for key in path[:-1]:
        here, _ = _step(here, key.partition("[")[0])
    return next((each for each in _members(here) if _is_model(each)), None)


def members(annotation: Any) -> list[Any]:
    """Every type that a value of this annotation may have; containers are not opened."""
    return list(_members([annotation]))


def _step(here: Sequence[Any], part: Part) -> tuple[list[Any], bool]:
    """What lies behind a part of a location, and whether it is a key and no member of a union."""
    possible = list(_members(here))
    several = len([each for each in possible if each is not types.NoneType]) > 1
    if several and len(here) == 1:
        return possible, False  # pydantic names the member that it tried, and only then goes on
    found = [each for annotation in possible for each in _behind(annotation, part)]
    return (found, True) if found else (possible, False)


def _behind(annotation: Any, part: Part) -> Iterator[Any]:
    """The type of a field, of an item of a list or of a value of a mapping."""
    fields = _fields(annotation)
    if part in fields:
        yield fields[str(part)]
        return
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if not inspect.isclass(origin):
        return
    if issubclass(origin, Mapping):
        if part != "[key]":
            yield arguments[-1]
    elif issubclass(origin, Sequence | Set) and isinstance(part, int):
        own = [a for a in arguments if a is not Ellipsis]
        yield own[part] if len(own) > 1 and part < len(own) else own[0]


def _members(annotations: Iterable[Any]) -> Iterator[Any]:
    for annotation in annotations:
        plain = _plain(annotation)
        if typing.get_origin(plain) in (typing.Union, types.UnionType):
            yield from _members(typing.get_args(plain))
        else:
            yield plain


def _plain(annotation: Any) -> Any:
    """Without ``Annotated``, aliases and new types around it."""
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        else:
            return annotation


def _fields(annotation: Any) -> dict[str, Any]:
    if _is_model(annotation):
        return {name: field.annotation for name, field in annotation.model_fields.items()}
    if dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation):
        return typing.get_type_hints(annotation)
    return {}


def _has_fields(here: Iterable[Any]) -> bool:
    return any(_fields(annotation) for annotation in _members(here))


def _is_model(annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, BaseModel)
