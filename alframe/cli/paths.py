"""Paths on the command line."""

from pathlib import Path
from typing import Any

import click

from alframe.files.home import expanded


class FilePath(click.Path):
    """The path of a file or folder; no empty text, which a shell makes of an unset variable.

    Args:
        kind: ``str`` leaves the text as it is, for settings.
    """

    def __init__(self, kind: type[Path | str] = Path) -> None:
        super().__init__(path_type=kind)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path that a text is."""
        if value == "":
            self.fail("expected a path, got none.", param, ctx)
        if isinstance(value, str) and self.type is Path:
            value = str(expanded(value))  # quotes keep a shell from it
        return super().convert(value, param, ctx)
