"""The page of a query: pictures made small and turned upright, text that cannot act."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alframe.annotations.gallery import SecondLook, write_gallery
from alframe.annotations.vocabulary import AskedImage, Proposal, Sheet
from alframe.datasets.objects import Annotated
from alframe.datasets.pictures import Reading, header_size, thumbnail
from alframe.errors import DataError
from tests.datasets.builders import image


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, wanted: str) -> list[dict[str, str | None]]:
        return [found for tag, found in self.tags if tag == wanted]


def page(folder: Path, *images: AskedImage, **more: object) -> Page:
    sheet = Sheet("cycle 2", ("disc", "box"), images, proposed=True)
    path = write_gallery(replace(sheet, **more), folder)
    assert path == folder / "index.html"
    return Page(path.read_text("utf-8"))


def test_pictures_boxes_scores_and_reasons(tmp_path: Path) -> None:
    found = (Proposal("box", (10, 20, 410, 320), 0.912), Proposal("disc", (0, 0, 5, 5), 0.3))
    first = AskedImage(
        "x/a.jpg", image(tmp_path / "a.jpg", (800, 600)), 600, 800, 0.73125, "entropy", found
    )
    second = AskedImage("b.png", image(tmp_path / "b.png", (30, 40)), 40, 30, None, "test")
    shown = page(tmp_path / "query", first, second)
    pictures = shown.all("img")
    assert [p["src"] for p in pictures] == ["thumbnails/0001.jpg", "thumbnails/0002.jpg"]
    sizes = [header_size(tmp_path / "query" / str(p["src"])) for p in pictures]
    assert sizes == [(240, 320), (40, 30)]
    rects = shown.all("rect")[::-1]  # the best is drawn last, on top
    assert {k: rects[0][k] for k in ("x", "y", "width", "height")} == {
        "x": "10.0",
        "y": "20.0",
        "width": "400.0",
        "height": "300.0",
    }
    assert rects[0]["stroke"] != rects[1]["stroke"]
    text = " ".join(shown.text.replace("\u00d7", "x").split())
    for part in ("1. x/a.jpg", "score 0.7312 · entropy · 800 x 600", "box 0.91", "disc 0.30"):
        assert part in text
    assert "2. b.png test · 30 x 40 nothing found" in text
    assert "2 images to annotate, the most worth labelling first, with what the model" in text


def test_where_nothing_tells_images_apart_no_order_is_said(tmp_path: Path) -> None:
    asked = [AskedImage(n, image(tmp_path / f"{n}.jpg"), 80, 100, None, "initial") for n in "ab"]
    text = page(tmp_path / "query", *asked, proposed=False).text
    assert "2 images to annotate. Classes: disc, box." in text


def test_colours_come_again_where_there_are_more_classes(tmp_path: Path) -> None:
    classes = tuple("abcdefghi")
    found = tuple(Proposal(name, (0, 0, 9, 9), 0.5) for name in classes)
    asked = AskedImage("a", image(tmp_path / "a.jpg"), 80, 100, proposals=found)
    strokes = [rect["stroke"] for rect in page(tmp_path, asked, classes=classes).all("rect")]
    assert len(set(strokes)) == 7
    assert strokes[7:] == strokes[:2]


def test_text_of_strangers_does_nothing(tmp_path: Path) -> None:
    bad = '"><script>alert(1)</script>\u202e\x1b'
    file = image(tmp_path / "a.jpg")
    asked = AskedImage(bad, file, 80, 100, 1.0, bad, (Proposal(bad, (0, 0, 9, 9), 0.5),))
    shown = page(tmp_path, asked, title=bad, classes=(bad,))
    assert not shown.all("script")
    assert shown.all("img")[0]["alt"] == '"><script>alert(1)</script>\\u202e\\x1b'
    html = (tmp_path / "index.html").read_text("utf-8")
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert not re.search("https?:|//[a-z]", html)


def test_what_cannot_be_shown_is_told_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    asked = [
        AskedImage("gone", tmp_path / "gone.jpg", 9, 9),
        AskedImage("broken", tmp_path / "broken.jpg", 9, 9),
        AskedImage("drawn", None, 9, 9),
    ]
    shown = page(tmp_path, *asked, proposed=False)
    assert not shown.all("img")
    text = " ".join(shown.text.replace("\u00d7", "x").split())
    assert f"the image is missing: {tmp_path}/gone.jpg; put a picture there 1. gone" in text
    assert "the image is no file 3. drawn" in text
    assert "nothing found" not in text


def test_many_proposals_are_drawn_and_the_best_named(tmp_path: Path) -> None:
    found = tuple(Proposal("disc", (n, 0, n + 9, 9), 1 - n / 100) for n in range(20))
    shown = page(tmp_path, AskedImage("a", image(tmp_path / "a.jpg"), 80, 100, proposals=found))
    assert len(shown.all("rect")) == 20
    assert len(shown.all("text")) == 8
    assert "disc: 1.00, 0.99" in shown.text
    assert "and 8 more" in shown.text


def test_names_of_boxes_that_overlap_stand_below_each_other(tmp_path: Path) -> None:
    left, right = (10, 20, 110, 120), (150, 100, 260, 235)
    found = tuple(
        Proposal(name, box, 0.5) for name, box in (("box", left), ("disc", left), ("box", right))
    )
    asked = AskedImage("a", image(tmp_path / "a.jpg", (240, 240)), 240, 240, proposals=found)
    texts = [(t["x"], t["y"], t.get("text-anchor")) for t in page(tmp_path, asked).all("text")]
    assert texts[::-1] == [
        ("12.0", "30.0", None),
        ("12.0", "42.0", None),
        ("238.0", "110.0", "end"),
    ]
    look = SecondLook({"a": [(Annotated("a", "disc", left), True)]}, {"a": ["disc or box?"]})
    write_gallery(Sheet("look", ("box", "disc"), (asked,), proposed=True), tmp_path, look)
    shown = Page((tmp_path / "index.html").read_text("utf-8"))
    assert [t["y"] for t in shown.all("text")[::-1]] == ["30.0", "117.5", "129.5", "232.5"]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_thumbnails_are_upright_and_of_the_same_colours(
    tmp_path: Path, suffix: str, mode: str
) -> None:
    pixels = np.zeros((600, 1200, 3), np.uint8)
    pixels[:, :600] = 200
    exif = Image.Exif()
    exif[274] = 6  # turn by a quarter, clockwise: what is left comes to the top
    path = tmp_path / f"a{suffix}"
    Image.fromarray(pixels).convert(mode).save(path, exif=exif)
    small = thumbnail(path, 100)
    assert (small.size, small.mode) == ((50, 100), "RGB")
    values = np.asarray(small).astype(int)
    assert abs(values[:40] - 200).max() < 8
    assert values[60:].max() < 8
    with pytest.raises(DataError, match="larger than the limit"):
        thumbnail(path, 100, Reading(max_megapixels=0.1))


def test_a_tall_picture_is_shown_no_taller_than_others(tmp_path: Path) -> None:
    found = (Proposal("box", (0, 0, 100, 1900), 0.9),)
    file = image(tmp_path / "a.jpg", (100, 2000))
    shown = page(tmp_path / "query", AskedImage("a.jpg", file, 2000, 100, 0.5, "entropy", found))
    (frame,) = shown.all("div")
    assert frame["style"] == "max-width: min(20rem, 1.20rem)"
    (caption,) = shown.all("text")
    assert float(str(caption["font-size"])) == pytest.approx(2000 / 28.8, abs=0.1)
