"""Text of strangers made safe where it is shown.

Names of files, classes, metrics and plugins, and messages of strangers' code, may hold anything.
Inside the program they stay as they are; whatever shows them passes them through here.
"""

import csv
import io
import json
import logging
import re
import shlex
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of letters that move the cursor, turn the direction, or show nothing."""
_KEPT = frozenset("\u200c\u200d")
"""Joiners, which some scripts and emoji are written with."""


def printable(text: str) -> str:
    r"""Text in one line of a terminal, where nothing acts: ``\x1b`` and ``\u202e`` are shown."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        one if _shows(one) else one.encode("unicode_escape").decode("ascii") for one in text
    )


def printable_lines(text: str) -> str:
    """A text of several lines, each made printable."""
    return "\n".join(map(printable, text.split("\n")))


def _shows(letter: str) -> bool:
    return letter in _KEPT or unicodedata.category(letter) not in _HIDDEN


class LineFormatter(logging.Formatter):
    """Log records of which no message can look like several."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The message in one line."""
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """A traceback, further in than any message."""
        return "\n".join(f"  {printable(line)}" for line in super().formatException(ei).split("\n"))


def command(*words: object) -> str:
    """An ``alframe`` command to be copied into a shell."""
    return " ".join(["alframe", *(_quoted(_argument(word)) for word in words)])


def _argument(word: object) -> str:
    """A word as a command takes it: a path that begins with a dash is no option."""
    return f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word)


def setting(key: str, value: Any) -> str:
    """A ``KEY=VALUE`` to be copied into a shell; texts and lists as YAML reads them."""
    return _quoted(f"{key}={json.dumps(value, ensure_ascii=False)}")


def _quoted(word: str) -> str:
    """As a shell reads it; what does not show is written as ``$'...'`` of bash and zsh."""
    if printable(word) == word:
        return shlex.quote(word)
    letters = (_in_ansi_quotes(letter) for letter in word)
    return f"$'{''.join(letters)}'"


def _in_ansi_quotes(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    if _shows(letter):
        return letter
    return "".join(f"\\x{byte:02x}" for byte in letter.encode(errors="surrogateescape"))


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """A file of comma-separated values, whose cells are those of :func:`csv_cell`."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(csv_cell, row) for row in rows)
    return text.getvalue()


def csv_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; numbers stay as they are."""
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if shown.lstrip()[:1] in {*"=+-@"} and not _is_number(shown) else shown


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_LIVE = re.compile(
    r"""\\(?=[!-/:-@\[-`{-~])  # an escape
    | [`*~|$\[]
    | (?<![^\W_])_ | _(?![^\W_])  # not within a word
    | <(?=[A-Za-z/!?])  # a tag, or an address in brackets
    | &(?=\#?\w+;)
    | (?<=[A-Za-z]):(?=//) | (?<=www)\.  # GitHub makes links of bare addresses
    | ^[#>] | ^[-+=](?=[-+=\s]|$)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What means something in markdown where it stands; a backslash before it takes that away."""
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")


def markdown(text: str) -> str:
    """Text that markdown shows as it is, in one line: no link, picture, heading, list or tag."""
    shown = _LIVE.sub(r"\\\g<0>", printable(" ".join(text.split())))
    shown = _NUMBERED.sub(r"\1\\\2", shown)
    return shown.replace("@", "@<!-- -->")  # else a link to an address of mail, or a mention


def markdown_code(text: str) -> str:
    """Text in a block of code, whose fence is longer than any within."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{printable_lines(text)}\n{fence}\n"


_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # an argument, at the start of a row
    "*": "{*}",  # likewise
    "±": r"$\pm$",
}


def latex(text: str) -> str:
    """Text that LaTeX prints as it is; white space becomes single spaces."""
    return "".join(_LATEX.get(letter, letter) for letter in printable(" ".join(text.split())))


def plot_text(text: str) -> str:
    """Text for matplotlib: dollars are no formula, and no name is left out of a legend."""
    shown = printable_lines(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown
