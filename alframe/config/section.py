"""What every section of a configuration refuses, whatever its settings are."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

from alframe.config.error_locations import members

LARGEST_INT = 2**63
"""Whole numbers stay below it: more is a slip, and nothing could count so far."""


Effects = Mapping[str, tuple[str, tuple[str, ...]]]
"""Setting -> another, and the values of that one at which it has an effect."""


class ContradictionError(ValueError):
    """Settings that are right by themselves, and not beside each other.

    Attributes:
        problems: a line each.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class Section(BaseModel):
    """A part of the configuration; unknown keys are errors.

    Nor is ``true`` a number, or a number infinite; and text is text that can be written.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )

    called: ClassVar[str] = ""
    """In messages."""
    only: ClassVar[Effects] = {}

    @field_validator("*", mode="before")
    @classmethod
    def _no_bool_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[str(info.field_name)].annotation
        possible = {*_classes(members(annotation))}
        if isinstance(value, list | tuple) and any(isinstance(v, bool) for v in value):
            possible = {*_classes(k for m in members(annotation) for k in get_args(m))}
        elif not isinstance(value, bool):
            return value
        if possible & {int, float} and not possible & {bool, str}:
            raise ValueError(f"expected a {'whole ' * (int in possible)}number, not true or false")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _usable(cls, value: Any) -> Any:
        for each in _scalars(value):
            if isinstance(each, int) and abs(each) >= LARGEST_INT:
                raise ValueError("expected a whole number of at most 18 digits")
            if isinstance(each, str):
                _check_writable(each)
        return value

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if found := tuple(self.contradictions()):
            raise ContradictionError(found)
        return self

    def contradictions(self) -> Iterator[str]:
        """What settings that are right by themselves are not beside each other, a line each."""
        given = dict(self)
        for name, other in self.idle(given).items():
            if given[name] != type(self).model_fields[name].default:
                yield (
                    f"{self.called}.{name} has no effect where {self.called}.{other} is "
                    f"{given[other]}: leave it out, or give "
                    f"{self.called}.{other}={' or '.join(self.only[name][1])}"
                )

    @classmethod
    def idle(cls, given: Mapping[str, Any]) -> dict[str, str]:
        """The settings without effect beside those that are given, and what makes each idle."""
        return {
            name: other
            for name, (other, values) in cls.only.items()
            if other in given and given[other] not in values
        }


def _classes(annotations: Iterable[Any]) -> Iterator[type]:
    return (each for each in annotations if isinstance(each, type))


def _scalars(value: Any) -> Iterator[Any]:
    inside = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list | tuple):
        for each in inside:
            yield from _scalars(each)
    else:
        yield value


def _check_writable(text: str) -> None:
    if "\0" in text:
        raise ValueError("expected text without a zero byte")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # what the shell gave was not UTF-8
        raise ValueError("expected text in UTF-8") from error
