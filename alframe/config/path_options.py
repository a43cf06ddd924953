"""Options that are paths: said by their type, so that a run can keep them whole."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from alframe.config.error_locations import members
from alframe.files.home import expanded


def _place(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value.strip():
        raise ValueError("expected a path, got none; leave it out for the default")
    return str(expanded(value)) if value.startswith("~") else value


_VALIDATOR = BeforeValidator(_place)
Place = Annotated[str, _VALIDATOR]
"""The path of a file or folder; ``~`` is that of the user."""


def is_place(option: FieldInfo) -> bool:
    """Whether a value may be a path: a :data:`Place`, or a plugin's ``pathlib.Path``."""
    marked = [getattr(member, "__metadata__", ()) for member in get_args(option.annotation)]
    marked.append(option.metadata)
    return any(_VALIDATOR in each for each in marked) or Path in members(option.annotation)


def words_of(option: FieldInfo) -> frozenset[str]:
    """Values that an option names, which are no paths whatever lies there: ``val``."""
    named = (m for m in get_args(option.annotation) if get_origin(m) is Literal)
    return frozenset(word for member in named for word in get_args(member))
