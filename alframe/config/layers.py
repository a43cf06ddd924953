"""What is left of a layer of settings under another one."""

from collections.abc import Container, Mapping
from typing import Any


def without_renamed(
    lower: Mapping[str, Any], upper: Mapping[str, Any], sections: Container[str]
) -> dict[str, Any]:
    """``lower``, without the components in whose place ``upper`` names others.

    Options are of the component that they were given with, and go with its name.

    Args:
        lower: nested mappings.
        upper: what is to be put on top of it.
        sections: keys of components; what a component wraps (``of``) is one as well.
    """
    kept: dict[str, Any] = {}
    for key, old in lower.items():
        new = upper.get(key)
        if key in sections and isinstance(old, dict) and isinstance(new, dict):
            if new.get("name", old.get("name")) != old.get("name", new.get("name")):
                continue
            old = without_renamed(old, new, {"of"})
        kept[key] = old
    return kept
