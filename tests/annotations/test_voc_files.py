"""Pascal VOC's XML files of tools."""

from pathlib import Path

import pytest

from alframe.annotations.formats import read_annotations, write_query
from alframe.annotations.vocabulary import Proposal
from alframe.datasets.name_matching import Pictures
from alframe.datasets.problems import Problems
from alframe.errors import DataError
from tests.annotations.known import Known, boxes, read, sheet, zipped
from tests.datasets.builders import xml, xml_object

CAT = xml(xml_object(box=(40, 49, 100, 109.5)), size=(320, 240))


def test_coordinates_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(CAT)
    (tmp_path / "b.xml").write_text(xml(xml_object("dog", difficult=1), xml_object(), size=None))
    (tmp_path / "c.xml").write_text(xml(size=(32, 24)))
    found = read(tmp_path, Known("a.jpg", "b.jpg", "c.jpg", "d.jpg"))
    assert found.images == ["a.jpg", "b.jpg", "c.jpg"]
    assert boxes(found)[0] == ("a.jpg", "cat", [40, 49, 100, 109.5])
    assert [thing.difficult for thing in found.objects] == [False, True, False]
    assert found.classes == ("cat", "dog")
    (note,) = found.notes
    assert note.endswith("c.jpg (32 x 24, not 320 x 240)")


def test_a_query_is_rounded_and_not_truncated(tmp_path: Path) -> None:
    thin = [Proposal("box", (10.2, 5, 10.4, 9), 0.5), Proposal("box", (319.6, 5, 320, 9), 0.5)]
    proposals = [Proposal("disc", (40.2, 49.999999, 100.5, 109.51), 0.5), *thin]
    asked = sheet({"x/a.jpg": proposals, "b.jpg": []})
    path = write_query("voc", asked, tmp_path)
    assert path == tmp_path / "Annotations"
    assert [file.name for file in path.rglob("*.xml")] == ["a.xml"]
    text = (path / "x/a.xml").read_text()
    assert "<filename>a.jpg</filename>" in text
    assert "<width>320</width><height>240</height>" in text
    found = read(path, Known("x/a.jpg", "b.jpg"))
    assert boxes(found) == [
        ("x/a.jpg", "disc", [40, 50, 100, 110]),
        ("x/a.jpg", "box", [10, 5, 11, 9]),
        ("x/a.jpg", "box", [319, 5, 320, 9]),
    ]
    assert not any(thing.difficult for thing in found.objects)


@pytest.mark.parametrize(
    ("member", "filename", "item"),
    [
        ("a.xml", "", "a.jpg"),
        ("Annotations/a.xml", "a.jpg", "a.jpg"),
        ("Annotations/sub/a.xml", "a.jpg", "sub/a.jpg"),
        ("VOC2007/Annotations/a.xml", "a.jpg", "VOC2007/JPEGImages/a.jpg"),
        ("Annotations/0001.xml", "a.jpg", "a.jpg"),
        ("Annotations/a.xml", "C:\\mine\\other.jpg", "a.jpg"),
    ],
)
def test_names(tmp_path: Path, member: str, filename: str, item: str) -> None:
    text = CAT.replace("<annotation>", f"<annotation><filename>{filename}</filename>")
    assert read(zipped(tmp_path / "x.zip", {member: text}), Known(item)).images == [item]


@pytest.mark.parametrize(
    ("member", "filename", "item"),
    [("1.xml", "p03.jpg", "p03.jpg"), ("1.xml", "gone.jpg", "001.jpg"), ("1.xml", "", "001.jpg")],
)
def test_a_file_says_of_which_image_it_is_before_zeros_are_added(
    tmp_path: Path, member: str, filename: str, item: str
) -> None:
    images = Pictures(["001.jpg", "p01.jpg", "p03.jpg"], lambda _: (240, 320))
    text = CAT.replace("<annotation>", f"<annotation><filename>{filename}</filename>")
    problems = Problems("error")
    found = read_annotations(zipped(tmp_path / "x.zip", {member: text}), images, problems)
    assert found.images == [item]
    other = zipped(tmp_path / "y.zip", {"p01.xml": text.replace(filename or "x", "p03.jpg")})
    if filename:
        read_annotations(other, images, problems)
        with pytest.raises(
            DataError, match=r"named for one image and speaks of another: .*p01\.jpg"
        ):
            problems.settle()


def test_of_images_of_one_name_the_path_tells(tmp_path: Path) -> None:
    """LabelImg saves the files of a folder of images elsewhere, by the name alone."""
    images = Pictures(["a/1.jpg", "b/1.jpg"], lambda _: (240, 320))
    for path, said in (("/home/me/photos/b/1.jpg", "b/1.jpg"), ("/home/1.jpg", ""), ("", "")):
        tags = f"<folder>b</folder><filename>1.jpg</filename><path>{path}</path>"
        (tmp_path / "1.xml").write_text(CAT.replace("<annotation>", f"<annotation>{tags}"))
        problems = Problems("skip")
        assert read_annotations(tmp_path, images, problems).images == ([said] if said else [])


def test_a_box_that_cvat_turned(tmp_path: Path) -> None:
    """A square of side 20, turned by 45 degrees: the box around it has sides of 20 sqrt(2)."""
    turned = (
        "<attributes><attribute><name>rotation</name><value>45</value></attribute></attributes>"
    )
    square = xml_object(box=(50, 50, 70, 70)).replace("</object>", f"{turned}</object>")
    (tmp_path / "a.xml").write_text(xml(square, size=(320, 240)))
    half = 10 * 2**0.5
    around = [60 - half, 60 - half, 60 + half, 60 + half]
    assert boxes(read(tmp_path, Known("a.jpg"))) == [
        ("a.jpg", "cat", [round(v, 4) for v in around])
    ]


def test_the_suffix_tells_two_images_of_one_stem_apart(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        CAT.replace("<annotation>", "<annotation><filename>a.png</filename>")
    )
    assert read(tmp_path, Known("a.jpg", "a.png")).images == ["a.png"]


def test_all_problems_at_once(tmp_path: Path) -> None:
    files = {
        "a.xml": CAT,
        "b.xml": xml(xml_object(name="")),
        "c.xml": CAT,
        "d.xml": "<annotation><object>",
        "e.xml": "<!DOCTYPE annotation [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + CAT,
        "sub/A.xml": CAT,
    }
    path, problems = zipped(tmp_path / "x.zip", files), Problems("error")
    found = read_annotations(path, Known("a.jpg", "b.jpg"), problems)
    assert found.images == []
    with pytest.raises(DataError) as raised:
        problems.settle()
    for part in (
        "an object has no <name>",
        f"there is no such image: {path}/c.xml: c",
        "not well-formed XML",
        "a document type (<!DOCTYPE>) is not allowed in annotations",
        f"two files are about one image: {path}/sub/A.xml and {path}/a.xml",
    ):
        assert part in str(raised.value)
