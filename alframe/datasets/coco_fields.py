"""Fields of the rows of a COCO file: taken where they are what is expected, else explained."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from alframe.datasets.names import is_utf8
from alframe.datasets.objects import Box
from alframe.grouping import by_key
from alframe.words import named, plural

Key = int | str
Row = Mapping[str, Any]
T = TypeVar("T")
V = TypeVar("V")


class WrongFieldError(Exception):
    """A field is missing or of the wrong type; whoever catches it knows in which row.

    Args:
        field: its name with a dot in front, or nothing where the row itself is wrong.
        expected: what should be there.
        got: what is, where that helps.
    """

    def __init__(self, field: str, expected: str, got: str = "") -> None:
        self.field, self.expected, self.got = field, expected, got
        super().__init__(f"{field}: {expected}")


def take(row: Row, name: str, accept: Callable[[Any], T | None], expected: str) -> T:
    """The field ``name`` as ``accept`` makes it.

    Raises:
        WrongFieldError: the row is no object, has no such field, or ``accept`` gives None.
    """
    if not isinstance(row, dict):
        raise WrongFieldError("", "expected an object", shown(row))
    value = accept(row[name]) if name in row else None
    if value is None:
        got = shown(row[name]) if name in row else "nothing"
        raise WrongFieldError(f".{name}", f"expected {expected}", got)
    return value


def given(row: Row, name: str, accept: Callable[[Any], T | None], expected: str) -> T | None:
    """Like :func:`take`; None where the field is missing or null."""
    return None if row.get(name) is None else take(row, name, accept, expected)


def take_id(row: Row) -> Key:
    """An id: a number or a string."""
    found: Key = take(row, "id", key, "a whole number or a string")
    return found


def take_reference(row: Row, name: str) -> Any:
    """The id of a row of another table, which may be of another type there."""
    return take(row, name, _reference, "a whole number or a string")


def shown(value: object) -> str:
    """The beginning of a value as JSON."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def key(value: Any) -> Any:  # a Key or None, of which mypy makes `object` in `take`
    """An id: a whole number, if with a decimal point, or a string."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _reference(value: Any) -> Any:
    return value if isinstance(value, int | str | float) and not isinstance(value, bool) else None


def text(value: Any) -> str | None:
    """Text that is not empty and that a file name or a report can hold."""
    if not isinstance(value, str) or not value:
        return None
    return value if is_utf8(value) else None


def size(row: Row) -> tuple[int, int] | None:
    """(height, width) of an image in pixels; None where they are missing, null or zero."""
    sides = [given(row, name, _side, "a number of pixels") for name in ("height", "width")]
    height, width = sides
    return (height, width) if height and width else None


def flag(value: Any) -> bool | None:
    """0 or 1."""
    return bool(value) if value in (0, 1) else None


def amount(value: Any) -> float | None:
    """A number of square pixels, or of seconds."""
    return float(value) if _is_number(value) and value >= 0 else None


def finite(value: Any) -> float | None:
    """A finite number."""
    return float(value) if _is_number(value) else None


def box(value: Any) -> Box | None:
    """Four finite numbers."""
    if isinstance(value, list) and len(value) == 4 and all(map(_is_number, value)):
        x, y, width, height = map(float, value)
        return x, y, width, height
    return None


def _side(value: Any) -> int | None:
    return int(value) if _is_number(value) and value >= 0 else None


def _is_number(value: Any) -> bool:
    """Whether it is one, finite, that also a float can hold."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return bool(number and abs(value) <= sys.float_info.max)


class ById(Generic[V]):
    """Values by id, which finds ``"1"`` and ``1.0`` where only ``1`` can be meant."""

    def __init__(self, values: Iterable[tuple[Key, V]] = ()) -> None:
        self.values = dict(values)
        self._plain: dict[str, list[Key]] | None = None
        self._otherwise: list[str] = []

    def get(self, wanted: Any) -> V | None:
        """The value of an id, or None; call it once all are there."""
        if type(wanted) in (int, str) and wanted in self.values:
            return self.values[wanted]
        meant = self.meant(wanted)
        if len(meant) != 1:
            return None
        self._otherwise.append(f"{shown(wanted)} ({shown(meant[0])})")
        return self.values[meant[0]]

    def meant(self, wanted: Any) -> Sequence[Key]:
        """The ids that an id of another type may mean."""
        if self._plain is None:
            self._plain = by_key((_plain(known), known) for known in self.values)
        return self._plain.get(_plain(wanted), [])

    def notes(self, field: str) -> list[str]:
        """One sentence on the ids that were not of the type of those that they name."""
        if not self._otherwise:
            return []
        return [
            f"{plural(len(self._otherwise), field)} of another type than the id that can alone be "
            f"meant, as text for a number: {named(list(dict.fromkeys(self._otherwise)))}"
        ]


def _plain(value: Any) -> str:
    """An id without its type: ``1``, ``1.0``, ``"1"`` and ``"01"`` are one."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    plain = str(value).strip()
    return plain.lstrip("0") or "0" if plain.isdecimal() else plain
