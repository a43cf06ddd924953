"""Values of settings in messages, as YAML writes them."""

from typing import Any

LONGEST = 60
"""Characters of a name or a value in a message."""


def shown(value: Any) -> str:
    """A value that a user gave, cut where it is long.

    Python's words for it, but for those that YAML has words for (``true``, ``null``).
    """
    return cut(_text(value))


def cut(text: str) -> str:
    """A text, with dots for what is over ``LONGEST``."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of thousands of digits"
