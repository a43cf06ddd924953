"""Text in pictures and plots, in whatever script the names of classes are written."""

import functools
import io
import logging
import string
import unicodedata
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageFont

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.ft2font import FT2Font

logger = logging.getLogger(__name__)

LATIN = frozenset(string.ascii_letters + string.digits)


def font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """The font for a text in a picture: DejaVu Sans, or an installed one with what that lacks.

    Args:
        text: what is to be written.
        size: in pixels.
    """
    return _sized(_other(_foreign(text)) or _own(), size)


def to_bytes(figure: "Figure", kind: str) -> bytes:
    """The figure as a file, with fonts for what DejaVu Sans lacks.

    Args:
        figure: of matplotlib.
        kind: ``png`` or ``svg``; an SVG carries no date, so that equal figures give equal files.
    """
    from matplotlib import rc_context
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if other := _other(_foreign(text.get_text())):
            letters = text.get_fontproperties().copy()
            letters.set_file(other)
            text.set_fontproperties(letters)
    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "alframe"}), warnings.catch_warnings():  # or ids are random
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(file, format=kind, dpi=160, metadata=metadata)
    return file.getvalue()


@functools.lru_cache(maxsize=32)
def _sized(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@functools.cache
def _own() -> Path:
    import matplotlib as mpl

    return Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


def _foreign(text: str) -> frozenset[str]:
    """The characters that DejaVu Sans lacks."""
    shown = frozenset(c for c in text if c.isprintable() and not c.isascii())
    return shown - _had(shown, face) if shown and (face := _face(_own())) else frozenset()


@functools.cache
def _other(foreign: frozenset[str]) -> Path | None:
    """The font that has most of ``foreign``, and Latin; None where none has any.

    Fonts are looked for anew, as matplotlib's list of them is that of its first use.
    """
    if not foreign:
        return None
    from matplotlib.font_manager import findSystemFonts

    paths = {*_own().parent.glob("*.ttf"), *map(Path, findSystemFonts())}
    best = max(sorted(paths), key=lambda path: _worth(_face(path), foreign))
    face = _face(best)
    has = _had(foreign, face) if face else frozenset[str]()
    for script in sorted(set(map(_script, foreign - has))):
        _tell(script)
    return best if has else None


def _worth(face: "FT2Font | None", foreign: frozenset[str]) -> tuple[int, ...]:
    # The font of the last resort shows the code of a character in place of it.
    if face is None or "lastresort" in face.family_name.replace(" ", "").lower():
        return (0,)
    if not (has := len(_had(foreign, face))) or not face.scalable:
        return (0,)
    latin = len(_had(LATIN, face))
    return has + latin, not face.style_flags, "sans" in face.family_name.lower()


def _face(path: Path) -> "FT2Font | None":
    from matplotlib.ft2font import FT2Font

    try:
        return FT2Font(str(path))
    except (OSError, RuntimeError):  # it is gone, or broken
        return None


def _had(characters: frozenset[str], face: "FT2Font") -> frozenset[str]:
    return frozenset(c for c in characters if face.get_char_index(ord(c)))


def _script(character: str) -> str:
    if unicodedata.category(character).startswith("S"):
        return "symbols"
    return f"{unicodedata.name(character, 'unnamed').split()[0]} characters"


@functools.cache
def _tell(script: str) -> None:
    logger.warning(
        "no installed font has all %s that are to be written: pictures show boxes in their place; "
        "install one that has them (one of Noto, say)",
        script,
    )
