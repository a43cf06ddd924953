"""Values of settings in messages, as YAML writes them."""

from typing import Any

LONGEST = 60
"""Characters of a value in a message."""


def shown(value: Any) -> str:
    """A value that a user gave, cut where it is long.

    Python's words for it, but for those that YAML has words for (``true``, ``null``).
    """
    text = _text(value)
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
