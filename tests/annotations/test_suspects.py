"""The label check, by hand: what contradicts a confident proposal, and what does not."""

from pathlib import Path

import pytest

from alframe.annotations.suspects import (
    Suspect,
    counted,
    overlap,
    suspects,
    suspects_page,
    write_suspects,
)
from alframe.annotations.vocabulary import Annotations, AskedImage, Proposal, Sheet
from alframe.datasets.objects import Annotated, Box
from tests.annotations.test_gallery import Page
from tests.datasets.builders import image as picture

BOX: Box = (10.0, 10.0, 30.0, 30.0)
NEAR: Box = (12.0, 10.0, 32.0, 30.0)  # 18 x 20 of 22 x 20 in common
HALF: Box = (10.0, 10.0, 20.0, 30.0)  # of BOX
FAR: Box = (50.0, 50.0, 60.0, 60.0)


def checked(proposals: list[Proposal], *objects: Annotated, ignored: bool = False) -> list[Suspect]:
    image = AskedImage("p", None, 100, 100, proposals=tuple(proposals))
    found = Annotations(("cat", "dog"), ["p"], list(objects), {"p"} if ignored else set())
    return suspects(Sheet("", ("cat", "dog"), (image,)), found)


def test_the_most_confident_come_first_whatever_their_image() -> None:
    scores = {"a": 0.8, "b": 0.95, "c": 0.9}
    images = [
        AskedImage(i, None, 99, 99, proposals=(Proposal("cat", BOX, s),)) for i, s in scores.items()
    ]
    found = suspects(Sheet("", ("cat",), tuple(images)), Annotations(("cat",), [*scores]))
    assert [each.item for each in found] == ["b", "c", "a"]


def test_overlap_by_hand() -> None:
    assert overlap(BOX, NEAR) == pytest.approx(360 / 440)
    assert overlap(BOX, FAR) == 0
    assert overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0


@pytest.mark.parametrize(
    ("proposals", "objects", "what"),
    [
        ([Proposal("cat", BOX, 0.9)], [("cat", NEAR)], []),
        ([Proposal("cat", BOX, 0.9)], [("cat", HALF)], []),
        ([Proposal("cat", BOX, 0.69)], [], []),
        ([Proposal("cat", BOX, 0.7)], [("cat", FAR)], ["'cat' is left out"]),
        (
            [Proposal("cat", BOX, 0.9)],
            [("dog", NEAR)],
            ["annotated as 'dog', the model sees 'cat'"],
        ),
        ([Proposal("cat", BOX, 0.9)], [("dog", BOX), ("cat", NEAR)], []),
        (
            [Proposal("cat", BOX, 0.9)],
            [("cow", (10.0, 10.0, 22.0, 30.0)), ("dog", (10.0, 10.0, 28.0, 30.0))],
            ["annotated as 'dog', the model sees 'cat'"],
        ),
        (
            [Proposal("dog", FAR, 0.8), Proposal("cat", BOX, 0.9)],
            [],
            ["nothing is annotated, the model sees 'cat'"],
        ),
        (
            [Proposal("dog", FAR, 0.8), Proposal("cat", BOX, 0.9)],
            [("cat", (80.0, 80.0, 90.0, 90.0))],
            ["'cat' is left out", "'dog' is left out"],
        ),
    ],
)
def test_what_is_suspected(
    proposals: list[Proposal], objects: list[tuple[str, Box]], what: list[str]
) -> None:
    found = checked(proposals, *(Annotated("p", name, box) for name, box in objects))
    assert [each.what for each in found] == what


def test_an_image_that_was_given_up_is_not_suspected() -> None:
    assert checked([Proposal("cat", BOX, 0.99)], ignored=True) == []


def test_the_list_is_safe_to_open_in_a_spreadsheet(tmp_path: Path) -> None:
    image = AskedImage("=p", None, 100, 100, proposals=(Proposal("cat", BOX, 0.9),))
    answers = Annotations(("cat",), ["=p"], [Annotated("=p", "cat", FAR)])
    sheet = Sheet("run, cycle 3", ("cat", "dog"), (image,))
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers/cycle_00.json").touch()
    write_suspects(sheet, answers, tmp_path, 0)
    path = tmp_path / "answers/cycle_00_suspects.csv"
    header, row = path.read_text().splitlines()
    assert header == "image,score,what,x1,y1,x2,y2"
    assert row == "'=p,0.9,'cat' is left out,10.0,10.0,30.0,30.0"
    assert counted(tmp_path) == {0: 1}
    corrected = Annotations(("cat",), ["=p"], [Annotated("=p", "cat", NEAR)])
    assert write_suspects(sheet, corrected, tmp_path, 0) == []
    assert counted(tmp_path) == {}
    assert not suspects_page(tmp_path, 0).parent.exists()


def test_cycles_without_suspects_hide_none_of_later_ones(tmp_path: Path) -> None:
    image = AskedImage("p", None, 100, 100, proposals=(Proposal("cat", BOX, 0.9),))
    (tmp_path / "answers").mkdir()
    for cycle, box in enumerate((NEAR, FAR)):
        (tmp_path / f"answers/cycle_{cycle:02d}.json").touch()
        answers = Annotations(("cat",), ["p"], [Annotated("p", "cat", box)])
        write_suspects(Sheet("", ("cat",), (image,)), answers, tmp_path, cycle)
    assert counted(tmp_path) == {1: 1}


def test_they_are_shown_with_both_boxes_and_the_reason(tmp_path: Path) -> None:
    right: Box = (0.0, 0.0, 9.0, 9.0)
    sure = (Proposal("cat", BOX, 0.93), Proposal("dog", FAR, 0.71), Proposal("cat", FAR, 0.2))
    sure = (*sure, Proposal("dog", right, 0.9))
    file = picture(tmp_path / "p.png", (100, 100))
    asked = (AskedImage("q", None, 9, 9), AskedImage("p", file, 100, 100, 0.5, "entropy", sure))
    given = [Annotated("p", "dog", NEAR), Annotated("p", "dog", right)]
    answers = Annotations(("cat", "dog"), ["p", "q"], given)
    (tmp_path / "answers").mkdir()
    write_suspects(Sheet("run, cycle 1", ("cat", "dog"), asked, True), answers, tmp_path, 1)
    page = Page(suspects_page(tmp_path, 1).read_text("utf-8"))
    assert [image["alt"] for image in page.all("img")] == ["p"]
    rects = [(r["x"], r["width"], r.get("class")) for r in page.all("rect")]
    assert rects == [
        ("12.0", "20.0", None),
        ("0.0", "9.0", "other"),
        ("50.0", "10.0", "model"),
        ("10.0", "20.0", "model"),
    ]
    wrong, other, left_out, swapped = (rect["stroke"] for rect in page.all("rect"))
    assert wrong == other == left_out != swapped, "a colour a class"
    assert len(page.all("text")) == 3, "what is not suspected has no name"
    text = " ".join(page.text.split())
    assert text.count("run, cycle 1, second look") == 2, "title and head"
    assert "2 answers worth a second look in 1 image, the surest first. Solid: what was" in text
    assert "annotated as 'dog', the model sees 'cat' (0.93) 'dog' is left out (0.71)" in text
    assert "entropy" not in text
