"""Names of classes are written in fonts that have their letters."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from PIL import Image

from alframe import fonts
from alframe.detectors.painting import with_boxes, with_legend
from alframe.fonts import font, to_bytes

RARE = "\U0001d4d0"
"""A mathematical A that DejaVu Sans lacks, but not STIX, which comes with matplotlib, too."""
NOBODY = "\U00012000"
"""A cuneiform sign."""
BOX = np.array([[4.0, 30.0, 60.0, 60.0]], np.float32)


@pytest.fixture(autouse=True)
def first_time() -> Iterator[None]:
    yield
    fonts._other.cache_clear()
    fonts._tell.cache_clear()


def has(path: str, text: str) -> bool:
    face = FT2Font(path)
    return all(face.get_char_index(ord(letter)) for letter in text)


@pytest.mark.parametrize(
    "name", ["cat", "Großer Möwe", "pájaro ñ", "Łódź šž", "кошка", "γάτα", "כלב كلب", f"a{RARE}"]
)
def test_the_font_has_all_letters(name: str, caplog: pytest.LogCaptureFixture) -> None:
    path = font(f"{name} 0.95", 12).path
    assert has(str(path), name)
    assert (Path(path).name == "DejaVuSans.ttf") == (RARE not in name)
    assert not caplog.messages


def test_pictures_are_written_in_it(tmp_path: Path) -> None:
    """What is missing looks the same, whatever letter it is."""
    blank = np.zeros((80, 80, 3), np.uint8)
    for draw in (
        lambda name: with_boxes(blank, BOX, [0], [name]),
        lambda name: with_legend(Image.fromarray(blank), [(name, (0, 0, 0))]),
    ):
        pictures = {draw(name).tobytes() for name in ("é", "ж", "\U0001d4d0", "\U0001d4d1")}
        assert len(pictures) == 4
        assert draw(NOBODY).tobytes() == draw("\U00012001").tobytes()


def test_plots_are_written_in_it(caplog: pytest.LogCaptureFixture) -> None:
    figure = Figure()
    plain, rare = figure.text(0, 0, "é"), figure.text(0, 0.5, f"é{RARE}")
    assert to_bytes(figure, "png")
    assert plain.get_fontproperties().get_file() is None
    assert has(str(rare.get_fontproperties().get_file()), f"é{RARE}")
    assert not caplog.messages


def test_what_no_font_has_is_said_once_a_script(caplog: pytest.LogCaptureFixture) -> None:
    for name in (NOBODY, f"{NOBODY}x", "\U00012001", "plain"):
        font(name, 12)
    (told,) = caplog.messages
    assert "no installed font has all CUNEIFORM characters" in told
    assert caplog.records[0].levelno == logging.WARNING


def test_fonts_that_are_gone_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.ttf").write_text("no font")
    installed = [str(tmp_path / name) for name in ("broken.ttf", "gone.ttf")]
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: installed)
    assert has(str(font(RARE, 12).path), RARE)
    assert Path(font(NOBODY, 12).path).name == "DejaVuSans.ttf"
