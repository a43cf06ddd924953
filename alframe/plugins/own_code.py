"""Which code a configuration may name as ``module:attribute``: it may be somebody else's file."""

import functools
import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

OWN = "alframe"
"""The package of what is built in."""
INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders of installed packages."""
_REQUIRED = re.compile(rf"{OWN}(?![\w.-])(?!.*\bextra *==)", re.IGNORECASE)


def foreign(module: str) -> str | None:
    """The package that a module is part of, if that is not made for alframe; None: it may be named.

    It may where it is one's own, in the current folder, on ``PYTHONPATH`` or installed for
    development, and where its package requires alframe.
    """
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return "Python"
    try:
        place = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # it is no name, or made by hand
        return None
    places = [*(place.submodule_search_locations or [place.origin or ""])] if place else []
    if not any(INSTALLED & {*Path(each).parts} for each in places):
        return None
    owners = importlib.metadata.packages_distributions().get(top, [])
    needed = (line for owner in owners for line in importlib.metadata.requires(owner) or ())
    if OWN in owners or any(map(_REQUIRED.match, needed)):
        return None
    return ", ".join(owners) or "a package that does not say what it requires"


def defined_by_others(found: Any) -> str | None:
    """Whose an object is that a module has imported, ``own:os.system`` for example; None: own.

    Of alframe itself only classes may be named: its functions are not made for that.
    """
    while isinstance(found, functools.partial):
        found = found.func
    module = getattr(found, "__module__", None) or type(found).__module__
    if module.partition(".")[0] == OWN and not isinstance(found, type):
        return f"{OWN} and no class"
    return foreign(module)
