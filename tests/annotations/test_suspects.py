"""The label check, by hand: what contradicts a confident proposal, and what does not."""

from pathlib import Path

import pytest

from alframe.annotations.base import Annotations, AskedImage, Proposal, Sheet
from alframe.annotations.suspects import Suspect, overlap, suspects, write_suspects
from alframe.datasets.objects import Annotated, Box

BOX: Box = (10.0, 10.0, 30.0, 30.0)
NEAR: Box = (12.0, 10.0, 32.0, 30.0)  # 18 x 20 of 22 x 20 in common
FAR: Box = (50.0, 50.0, 60.0, 60.0)


def checked(proposals: list[Proposal], *objects: Annotated, ignored: bool = False) -> list[Suspect]:
    image = AskedImage("p", None, 100, 100, proposals=tuple(proposals))
    found = Annotations(("cat", "dog"), ["p"], list(objects), {"p"} if ignored else set())
    return suspects(Sheet("", ("cat", "dog"), (image,)), found)


def test_overlap_by_hand() -> None:
    assert overlap(BOX, NEAR) == pytest.approx(360 / 440)
    assert overlap(BOX, FAR) == 0
    assert overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0


@pytest.mark.parametrize(
    ("proposals", "objects", "what"),
    [
        ([Proposal("cat", BOX, 0.9)], [("cat", NEAR)], []),
        ([Proposal("cat", BOX, 0.69)], [], []),
        ([Proposal("cat", BOX, 0.7)], [("cat", FAR)], ["'cat' is left out"]),
        (
            [Proposal("cat", BOX, 0.9)],
            [("dog", NEAR)],
            ["annotated as 'dog', the model sees 'cat'"],
        ),
        ([Proposal("cat", BOX, 0.9)], [("dog", BOX), ("cat", NEAR)], []),
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
    found = [Suspect("=p", 0.9, "'cat' is left out", BOX)]
    (tmp_path / "answers").mkdir()
    path = write_suspects(found, tmp_path, 3)
    assert path == tmp_path / "answers/cycle_03_suspects.csv"
    header, row = path.read_text().splitlines()
    assert header == "image,score,what,x1,y1,x2,y2"
    assert row == "'=p,0.9,'cat' is left out,10.0,10.0,30.0,30.0"
