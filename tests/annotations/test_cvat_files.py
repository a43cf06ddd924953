"""CVAT for images 1.1: shapes, sources, scores; of tasks, projects and zips."""

import json
import math
from pathlib import Path

import pytest

from alframe.annotations.formats import read_annotations, write_query
from alframe.annotations.vocabulary import Proposal
from alframe.datasets.problems import Problems
from alframe.errors import DataError
from tests.annotations.known import Known, boxes, read, sheet, zipped

CORNERS = 'xtl="40" ytl="50.5" xbr="100" ybr="110"'
LABELS = "<labels><label><name>disc</name></label><label><name>box</name></label></labels>"


def xml(*images: str, meta: str = f"<task>{LABELS}</task>") -> str:
    return f"<annotations><meta>{meta}</meta>{''.join(images)}</annotations>"


def image(*shapes: str, name: str = "a.jpg", size: str = 'width="320" height="240"') -> str:
    return f'<image id="0" name="{name}" {size}>{"".join(shapes)}</image>'


def box(inner: str = "", label: str = "disc", more: str = "") -> str:
    return f'<box label="{label}" {CORNERS} {more}>{inner}</box>'


def written(path: Path, text: str) -> Path:
    (path / "x.xml").write_text(text)
    return path / "x.xml"


def mask(runs: str) -> str:
    return f'<mask label="disc" rle="{runs}" left="3" top="4" width="10" height="20"/>'


def turned_ellipse(rx: float, degrees: float) -> str:
    where = f'cx="50" cy="60" rx="{rx}" ry="10" rotation="{degrees}"'
    return f'<ellipse label="disc" {where}/>'


@pytest.mark.parametrize(
    ("shape", "corners"),
    [
        (box(), [40, 50.5, 100, 110]),
        (box(more='rotation="0.0"'), [40, 50.5, 100, 110]),
        (box(more='rotation=""'), [40, 50.5, 100, 110]),
        (f'<box label="disc" rotation="90" {CORNERS}/>', [40.25, 50.25, 99.75, 110.25]),
        ('<polygon label="disc" points="1,2;30.5,4;5,60"/>', [1, 2, 30.5, 60]),
        ('<mask label="disc" left="3" top="4" width="10" height="20"/>', [3, 4, 13, 24]),
        (mask("0, 200"), [3, 4, 13, 24]),
        (mask("12,2,8,1,177"), [5, 5, 7, 7]),  # two pixels, and one below the first
        ('<ellipse label="disc" cx="50" cy="60" rx="10" ry="20"/>', [40, 40, 60, 80]),
        (turned_ellipse(10, 45), [40, 50, 60, 70]),  # a circle stays what it is
        (turned_ellipse(24, 90), [40, 36, 60, 84]),
    ],
)
def test_shapes(tmp_path: Path, shape: str, corners: list[float]) -> None:
    found = read(written(tmp_path, xml(image(shape))), Known("a.jpg"))
    assert boxes(found) == [("a.jpg", "disc", corners)]
    assert found.classes == ("disc", "box")
    assert (found.notes, found.resized) == ([], set()), "it says the size of the picture"


@pytest.mark.parametrize(
    ("source", "text", "score"),
    [
        ('source="auto"', "0.910", 0.91),
        ("", "0.5", 0.5),
        ('source="manual"', "0.910", math.nan),
        ('source="manual"', "", math.nan),
    ],
)
def test_scores_are_those_of_a_model(tmp_path: Path, source: str, text: str, score: float) -> None:
    inner = f'<attribute name="x">y</attribute><attribute name="score">{text}</attribute>'
    found = read(written(tmp_path, xml(image(box(inner, more=source)))), Known("a.jpg"))
    assert found.objects[0].score == pytest.approx(score, nan_ok=True)


def test_an_image_without_a_box_is_empty_and_other_shapes_are_told(tmp_path: Path) -> None:
    points = '<points label="box" points="1,2"/>'
    shown = image(points + box(label="disc"), name="b")
    text = xml(image(), image('<tag label="disc"/>', name="c"), shown)
    found = read(written(tmp_path, text), Known("a.jpg", "b.jpg", "c.jpg"))
    assert found.images == ["a.jpg", "c.jpg", "b.jpg"]
    assert [thing.owner for thing in found.objects] == ["b.jpg"]
    assert found.notes[0].endswith("shapes that are no boxes: tag (1), points (1)")
    with pytest.raises(DataError, match=r"a shape is no box: points.* without objects: draw"):
        read(written(tmp_path, xml(image(points))), Known("a.jpg"))


@pytest.mark.parametrize("kind", ["task", "project", "job"])
def test_tasks_projects_jobs_and_zips(tmp_path: Path, kind: str) -> None:
    meta = f"<{kind}><tasks><task><name>t</name></task></tasks>{LABELS}</{kind}>"
    text = xml(image(box(label="box"), name="sub/a.jpg"), meta=meta)
    path = zipped(tmp_path / "x.zip", {"annotations.xml": text, "images/sub/a.jpg": "no picture"})
    found = read(path, Known("sub/a.jpg"))
    assert found.classes == ("disc", "box")
    assert boxes(found) == [("sub/a.jpg", "box", [40, 50.5, 100, 110])]


def test_all_problems_at_once(tmp_path: Path) -> None:
    bad = '<box label="disc" xtl="a" ytl="1" xbr="2" ybr="3"/>'
    scored = '<attribute name="score">7</attribute>'
    text = xml(
        image(box(), '<box xtl="1"/>', bad, '<box label="disc" xtl="1"/>', box(scored)),
        image(name="b.jpg"),
        image(name="b.jpg"),
        image(name="c.jpg"),
        image(box(), name="d.jpg", size=""),
        image('<box label="disc" xtl="inf" ytl="1" xbr="2" ybr="3"/>', name="e.jpg"),
        image(box(more='rotation="nan"'), name="f.jpg"),
    )
    problems = Problems("error")
    found = read_annotations(
        written(tmp_path, text), Known(*(f"{name}.jpg" for name in "abdef")), problems
    )
    assert found.images == ["d.jpg"]
    with pytest.raises(DataError) as raised:
        problems.settle()
    said = str(raised.value)
    for part in (
        "a <box> has no label: ",
        "(a.jpg, shape 2)",
        "a <box> has no coordinates, or such that are no finite numbers (4 times): ",
        "(a.jpg, shape 3), ",
        "(e.jpg, shape 1), ",
        "(f.jpg, shape 1)",
        "a score is no number of 0..1: ",
        "(a.jpg, shape 5, got '7')",
        "the image appears twice: ",
        f"there is no such image: {tmp_path}/x.xml: c.jpg",
    ):
        assert part in said


@pytest.mark.parametrize("number", ["0_1", "\uff11"])
@pytest.mark.parametrize(
    "shape",
    [
        '<box label="disc" xtl="{}" ytl="1" xbr="90" ybr="90"/>',
        f'<box label="disc" {CORNERS} rotation="{{}}"/>',
        '<polygon label="disc" points="{},2;30.5,4;5,60"/>',
        '<mask label="disc" rle="0,200" left="{}" top="4" width="10" height="20"/>',
        '<mask label="disc" rle="0,{}" left="3" top="4" width="10" height="20"/>',
        '<mask label="disc" rle="200{}" left="3" top="4" width="10" height="20"/>',
        '<mask label="disc" rle="3,187" left="{}" top="4" width="10" height="20"/>',
        '<ellipse label="disc" cx="50" cy="60" rx="{}" ry="20"/>',
        f'<box label="disc" {CORNERS}><attribute name="score">{{}}</attribute></box>',
    ],
)
def test_numbers_are_plain(tmp_path: Path, shape: str, number: str) -> None:
    path = written(tmp_path, xml(image(shape.format(number))))
    with pytest.raises(DataError, match=r"no finite numbers|no number of 0\.\.1"):
        read(path, Known("a.jpg"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (xml("<track id='0'/>"), "a file of CVAT for video"),
        (xml(image())[:-5], r"not well-formed XML .*line 1"),
        ("<!DOCTYPE a [<!ENTITY e 'x'>]>" + xml(image(name="&e;")), "a document type"),
        ("<!DOCTYPE a SYSTEM 'file:///etc/passwd'>" + xml(image()), "a document type"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(written(tmp_path, text), Known("a.jpg"))


def test_files_of_a_folder_that_are_refused_are_all_told(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(xml(image()))
    (tmp_path / "b.xml").write_text(xml(image())[:-5])
    (tmp_path / "c.xml").write_text(xml("<track id='0'/>"))
    with pytest.raises(DataError) as told:
        read(tmp_path, Known("a.jpg"))
    first, second = told.value.problems
    assert f"{tmp_path}/b.xml" in first
    assert second.startswith(f"{tmp_path}/c.xml is a file of CVAT for video")


def test_a_query_declares_the_score_and_says_that_a_model_found_it(tmp_path: Path) -> None:
    asked = sheet(
        {"x/a & <b>.jpg": [Proposal('"<disc>"', (40, 50, 100.126, 110), 0.9104)], "b.jpg": []},
        ('"<disc>"',),
    )
    path = write_query("cvat", asked, tmp_path)
    text = path.read_text()
    assert "<name>score</name><mutable>False</mutable><input_type>number</input_type>" in text
    assert (
        '<box label="&quot;&lt;disc&gt;&quot;" source="auto" occluded="0" xtl="40.00" ytl="50.00" '
        'xbr="100.13" ybr="110.00" z_order="0"><attribute name="score">0.910</attribute></box>'
    ) in text
    (label,) = json.loads((tmp_path / "labels.json").read_text())
    assert (label["name"], label["attributes"][0]["values"]) == ('"<disc>"', ["0", "1", "0.001"])
    found = read(path, Known("x/a & <b>.jpg", "b.jpg"))
    assert found.classes == ('"<disc>"',)
    assert boxes(found) == [("x/a & <b>.jpg", '"<disc>"', [40, 50, 100.13, 110])]
    with pytest.raises(DataError, match=r"cannot be written in XML, which has no '\\x01'"):
        write_query("cvat", sheet({"a\x01.jpg": []}), tmp_path)


@pytest.mark.parametrize("size", ['width="100" height="0"', 'width="100"', 'width="x" height="1"'])
def test_half_a_size_is_none(tmp_path: Path, size: str) -> None:
    found = read(written(tmp_path, xml(image(box(), size=size))), Known("a.jpg"))
    assert (found.resized, found.notes) == (set(), [])
