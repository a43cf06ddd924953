"""Plugins that are installed: read from each distribution on its own, so that none hides another.

``importlib.metadata.entry_points`` reads all distributions at once and raises for all of them when
one cannot be read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class EntryPoint:
    """An entry point of a distribution, or what keeps its entry points from being read.

    Attributes:
        name: of the entry point.
        package: the distribution that has it.
        version: of that distribution.
        load: imports what it names.
        problem: why there is nothing to load.
        unreadable: whether it stands for a distribution whose entry points cannot be read.
    """

    name: str
    package: str
    version: str
    load: Callable[[], Any]
    problem: str = ""
    unreadable: bool = False


def installed(group: str) -> Iterator[EntryPoint]:
    """The entry points of a group; of a distribution that is there twice, those of the first."""
    seen: set[str] = set()
    for dist in metadata.distributions():
        key = _key(dist)
        if key not in seen:
            seen.add(key)
            yield from _points(dist, group)


def _points(dist: metadata.Distribution, group: str) -> Iterator[EntryPoint]:
    try:
        found = list(dist.entry_points.select(group=group))
    except Exception as error:  # a stranger's file may be damaged in any way
        package, version = _identity(dist)
        problem = f"its entry_points.txt cannot be read ({type(error).__name__}: {error})"
        yield EntryPoint("(unknown)", package, version, lambda: None, problem, True)
        return
    for point in found:
        package, version = _identity(dist)
        names_a_module = point.pattern.match(point.value)
        problem = "" if names_a_module else f"it names {point.value!r}: expected a module"
        yield EntryPoint(point.name, package, version, point.load, problem)


def _key(dist: metadata.Distribution) -> str:
    """The distribution's normalised name; from its folder's where its metadata has none.

    The folder's name is what importlib goes by as well: parsing the metadata of everything that
    is installed would take longer than all else that ``alframe ls`` does.
    """
    name: object = None
    try:
        name = getattr(dist, "_normalized_name", None) or dist.name
    except Exception:  # no metadata, or damaged
        name = None
    return name if isinstance(name, str) else _folder(dist)


def _identity(dist: metadata.Distribution) -> tuple[str, str]:
    """Name and version for messages."""
    found: list[str] = []
    for attribute in ("name", "version"):
        try:
            value = getattr(dist, attribute)
        except Exception:  # no metadata, or damaged
            value = None
        found.append(value if isinstance(value, str) else "")
    name, version = found
    return name or _folder(dist), version or "(no version)"


def _folder(dist: metadata.Distribution) -> str:
    """Where the metadata of a distribution lie, if it lies on a disk."""
    path = getattr(dist, "_path", None)
    return Path(str(path)).name if path else repr(dist)
