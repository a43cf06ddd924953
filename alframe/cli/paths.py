"""Paths on the command line."""

from pathlib import Path
from typing import Any

import click


class FilePath(click.Path):
    """The path of a file or folder; no empty text, which a shell makes of an unset variable."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path that a text is."""
        if value == "":
            self.fail("expected a path, got none.", param, ctx)
        return super().convert(value, param, ctx)
