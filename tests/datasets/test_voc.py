import os
import shutil

import numpy as np
import pytest

from alframe.datasets.voc import voc
from alframe.datasets.voc_xml import VocObject, read_annotation
from alframe.errors import DataError

from .builders import voc_folder, voc_item, xml, xml_object


@pytest.fixture
def plain(tmp_path):
    return voc_folder(tmp_path / "data", trainval=["a", "b"], test=["c"])


def objects(dataset, ids):
    return sum(len(dataset.targets[item].labels) for item in ids)


def test_plain_folder(plain):
    voc_item(
        plain,
        "b",
        xml(xml_object("dog", (1, 1, 50, 60), difficult=1), xml_object("cat", (2.5, 3, 9, 9))),
    )
    dataset = voc(str(plain))
    assert (dataset.name, dataset.classes) == ("voc", ("cat", "dog"))
    assert (dataset.pool, dataset.test) == (("a", "b"), ("c",))
    assert dataset.notes == ("classes that the test split does not show are not measured: dog (1)",)
    target = dataset.targets["b"]
    assert target.boxes.tolist() == [[0, 0, 49, 59], [1.5, 2, 8, 8]]
    assert target.labels.tolist() == [1, 0]
    assert target.difficult.tolist() == [True, False]
    assert target.crowd.tolist() == [False, False]
    assert target.area.tolist() == [49 * 59, 39]
    assert dataset.images.size("b") == (80, 100)
    assert dataset.images.read("b").shape == (80, 100, 3)


def test_zero_based_boxes_are_left_alone(plain):
    dataset = voc(str(plain), one_based=False)
    assert dataset.targets["a"].boxes.tolist() == [[11, 21, 31, 51]]


def test_a_coordinate_of_zero_in_a_one_based_dataset_is_noted(plain):
    voc_item(plain, "b", xml(xml_object(box=(0, 5, 9, 9))))
    dataset = voc(str(plain))
    assert dataset.targets["b"].boxes.tolist() == [[0, 4, 8, 8]]
    assert dataset.notes == (
        "1 box with a coordinate below 1 in a 1-based dataset: if it is 0-based, set "
        "dataset.one_based=false: b (1)",
        "clipped 1 box to the image: b (1)",
    )


def test_an_annotation_that_speaks_of_another_image_is_noted(plain):
    for name in ("c.jpg", "gone.jpg", "b.png", "sub/d.jpg"):
        said = f"<annotation><filename>{name}</filename>"
        voc_item(plain, "b", xml(xml_object()).replace("<annotation>", said))
        note = (
            f"1 annotation named for one image with the <filename> of another, taken for the "
            f"former: {plain}/Annotations/b.xml (c.jpg)"
        )
        assert voc(str(plain)).notes == ((note,) if name == "c.jpg" else ())


def test_the_filename_may_have_the_folders_of_the_image(plain):
    """Datumaro writes it so."""
    for kind, suffix in (("JPEGImages", "jpg"), ("Annotations", "xml")):
        (plain / kind / "sub").mkdir()
        shutil.copy(plain / kind / f"a.{suffix}", plain / kind / f"sub/d.{suffix}")
    path = plain / "Annotations/sub/d.xml"
    said = "<annotation><filename>sub/d.jpg</filename>"
    path.write_text(xml(xml_object()).replace("<annotation>", said))
    lists = plain / "ImageSets/Main/trainval.txt"
    lists.write_text(lists.read_text() + "sub/d\n")
    dataset = voc(str(plain))
    assert ("sub/d" in dataset.targets, dataset.notes) == (True, ())


def test_an_image_without_objects_stays(plain):
    voc_item(plain, "b", xml())
    dataset = voc(str(plain))
    assert dataset.pool == ("a", "b")
    assert dataset.targets["b"].boxes.shape == (0, 4)


@pytest.mark.parametrize("size", [None, (0, 0)])
def test_size_comes_from_the_image_where_the_annotation_has_none(plain, size):
    voc_item(plain, "b", xml(xml_object(box=(1, 1, 500, 500)), size=size))
    assert voc(str(plain)).targets["b"].boxes.tolist() == [[0, 0, 100, 80]]


@pytest.mark.parametrize(
    "suffix", [".jpeg", ".png", ".JPG", ".Jpg", ".bmp", ".webp", ".tif", ".gif"]
)
def test_other_suffixes(plain, suffix):
    (plain / "JPEGImages" / "b.jpg").unlink()
    voc_item(plain, "b", suffix=suffix)
    assert voc(str(plain)).images.read("b").shape == (80, 100, 3)


@pytest.mark.parametrize("inner", ["", "VOCdevkit"])
def test_devkit_with_both_years(tmp_path, inner):
    voc_folder(tmp_path / inner / "VOC2007", trainval=["1", "2"], test=["3"])
    voc_folder(tmp_path / inner / "VOC2012", trainval=["1"], test=["9"])
    dataset = voc(str(tmp_path))
    assert dataset.pool == ("VOC2007/1", "VOC2007/2", "VOC2012/1")
    assert dataset.test == ("VOC2007/3",)
    assert voc(str(tmp_path), pool=("VOC2012:trainval",)).pool == ("VOC2012/1",)


def test_years_and_pictures_beside_splits_are_told(tmp_path):
    voc_folder(tmp_path / "VOC2007", trainval=["a", "b"], test=["c"], more=["d"])
    assert voc(str(tmp_path)).notes == (
        f"left out of {tmp_path}: 1 picture beside pool and test split: VOC2007/JPEGImages/d.jpg",
    )
    voc_folder(tmp_path / "VOC2010", trainval=["e", "f"])
    (note,) = voc(str(tmp_path)).notes
    assert note.endswith("3 pictures beside pool and test split: VOC2007 (1), VOC2010 (2)")
    lists = ["VOC2007:trainval", "VOC2007:more", "VOC2010:trainval"]
    assert voc(str(tmp_path), pool=lists).notes == ()


@pytest.mark.parametrize("name", ["b", "b.jpg"])
def test_pictures_that_are_skipped_are_not_told_twice(tmp_path, name):
    root = voc_folder(tmp_path, trainval=["a", "b"], test=["c"])
    (root / "Annotations/b.xml").write_text("<annotation>")
    (root / "ImageSets/Main/trainval.txt").write_text(f"a\n{name}\n")
    notes = voc(str(root), on_bad_item="skip").notes
    assert any(note.startswith("skipped") for note in notes)
    assert not any(note.startswith("left out") for note in notes)


def test_devkit_without_a_test_list_evaluates_on_val(tmp_path):
    lists = {"trainval": ["1", "2"], "train": ["1"], "val": ["2"], "test": ["3"]}
    voc_folder(tmp_path / "VOC2012", **lists)
    dataset = voc(str(tmp_path))
    assert (dataset.pool, dataset.test) == (("VOC2012/1",), ("VOC2012/2",))


def test_a_class_that_is_only_difficult_is_not_measured(plain):
    both = (xml_object("dog", difficult=1), xml_object("hen"))
    voc_item(plain, "b", xml(xml_object("dog"), xml_object("hen")))
    voc_item(plain, "c", xml(*both))
    (note,) = voc(str(plain)).notes
    assert note == "classes that the test split does not show are not measured: cat (1), dog (1)"


def test_plain_folder_with_train_and_val_only(tmp_path):
    dataset = voc(str(voc_folder(tmp_path / "d", train=["a"], val=["b"])))
    assert (dataset.pool, dataset.test) == (("a",), ("b",))


def test_no_default_splits(tmp_path):
    folder = voc_folder(tmp_path / "d", all=["a", "b"])
    with pytest.raises(DataError, match=r"expected lists trainval and test .*found all; set"):
        voc(str(folder))
    with pytest.raises(DataError, match=r"found all; set dataset.pool, and dataset.test"):
        voc(str(folder), test="50%")
    assert len(voc(str(folder), pool=["all"], test="50%").test) == 1


def test_lists_may_overlap_within_the_pool_but_not_with_the_test_split(plain):
    assert voc(str(plain), pool=("trainval", "trainval")).pool == ("a", "b")
    with pytest.raises(
        DataError, match=r"1 item in the pool and in the test split.*: c; take them"
    ):
        voc(str(plain), pool=("trainval", "test"))
    (plain / "JPEGImages" / "a.jpg").unlink()
    with pytest.raises(DataError) as raised:
        voc(str(plain), pool=("trainval", "test"))
    common, bad = raised.value.problems
    assert "a.jpg" in bad
    assert "must not overlap: c; take" in common


def test_lists_that_are_missing_are_told_beside_annotations_that_are_wrong(plain):
    (plain / "Annotations" / "a.xml").write_text("<annotation>")
    with pytest.raises(DataError) as raised:
        voc(str(plain), pool=["trainval", "nope"], test=["gone"])
    first, second, bad = raised.value.problems
    assert "nope.txt" in first
    assert "gone.txt" in second
    assert "a.xml" in bad


def test_missing_root(tmp_path):
    with pytest.raises(DataError, match=r"nowhere is not a folder: expected a VOCdevkit .*root"):
        voc(str(tmp_path / "nowhere"))


def test_foreign_root(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"holds images: expected a VOCdevkit"):
        voc(str(tmp_path))


def test_missing_list_names_those_that_are_there(plain):
    with pytest.raises(DataError, match=r"tset\.txt is missing: .*'tset'; lists .*: test, trainv"):
        voc(str(plain), test=("tset",))


def test_unknown_folder_of_a_split(plain, tmp_path):
    with pytest.raises(DataError, match=r"'VOC2007:test': expected a name like 'trainval'"):
        voc(str(plain), test=("VOC2007:test",))
    voc_folder(tmp_path / "kit" / "VOC2007", trainval=["1"], test=["2"])
    with pytest.raises(DataError, match=r"'test': .*like 'VOC2007:trainval'; found VOC2007"):
        voc(str(tmp_path / "kit"), test=("test",))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ImageSets/Main/trainval.txt", r"cannot be read \(it is a pipe or a device"),
        ("Annotations/a.xml", "an annotation cannot be read as XML .*pipe or a device"),
    ],
)
def test_a_file_that_is_none(plain, name, message):
    (plain / name).unlink()
    os.mkfifo(plain / name)
    with pytest.raises(DataError, match=message):
        voc(str(plain))


def test_an_empty_list(plain):
    (plain / "ImageSets" / "Main" / "test.txt").write_text("\n")
    with pytest.raises(DataError, match="the test split is empty"):
        voc(str(plain))


BROKEN = {
    "not xml": (
        "<annotation><object>",
        r"not well-formed XML \(no element found\): .*b\.xml \(line 1, column 21\); corr",
    ),
    "no xml": ("JFIF\0\1", "not well-formed XML"),
    "empty": ("", r"not well-formed XML \(no element found\)"),
    "other xml": ("<svg/>", "expected the root element <annotation>, got <svg>, a drawing"),
    "web page": ("<html/>", "got <html>, a web page, as of a download that failed"),
    "plural": ("<annotations/>", "got <annotations>, CVAT's own format or several annotations"),
    "encoding": (
        '<?xml version="1.0" encoding="klingon"?><annotation/>',
        "unknown encoding: kling",
    ),
    "no name": (xml(xml_object("")), r"an object has no <name>: .*b\.xml \(object 1\)"),
    "no box": (xml("<object><name>cat</name></object>"), r"no <bndbox>: .*b\.xml \(object 1\)"),
    "parts": (
        xml("<object><name>cat</name><part><bndbox/></part></object>"),
        "an object has no <bndbox> of its own, but <part>: ",
    ),
    "two boxes": (
        xml("<object><name>cat</name><bndbox/><bndbox/></object>"),
        r"an object has more than one <bndbox>: .*\(object 1: 2 of them\)",
    ),
    "objects apart": (
        f"<annotation><objects>{xml_object()}</objects></annotation>",
        r"boxes lie outside of <object>s of the root: .*b\.xml \(in <objects>\)",
    ),
    "empty box apart": (
        "<annotation><objects><bndbox/></objects></annotation>",
        r"boxes lie outside of <object>s of the root: .*b\.xml \(in <objects>\)",
    ),
    "no corner": (
        xml("<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>"),
        r"<ymin> must be a number: .*\(object 1: got nothing\)",
    ),
    "text": (xml(xml_object(box=("x", 2, 3, 4))), r"<xmin> must be a number: .*object 1: got 'x'"),
    "comma": (
        xml(xml_object(box=("1,5", 2, 3, 4))),
        r"<xmin> must be a number, with a point for decimals: .*object 1: got '1,5'",
    ),
    "underscore": (xml(xml_object(box=("1_5", 2, 30, 4))), "<xmin> must be a number: .*got '1_5'"),
    "digits": (xml(xml_object(box=("\uff11", 2, 3, 4))), "<xmin> must be a number: .*got '\uff11'"),
    "space": (xml(xml_object(box=("\xa01", 2, 3, 4))), r"<xmin> must be a number: .*got '\\xa01'"),
    "wide": (xml(size=("1_00", 80)), r"<width> of <size> must be a number of pix.*got '1_00'"),
    "nan": (xml(xml_object(box=(1, 2, 3, "nan"))), r"<ymax> must be a number: .*got 'nan'"),
    "flag": (xml(xml_object(difficult="yes")), r"<difficult> must be 0 or 1: .*got 'yes'"),
    "size": (xml(size=("wide", 80)), r"<width> of <size> must be a number of pix.*got 'wide'"),
    "negative": (xml(size=(-100, 80)), r"<width> of <size> must be a number of pix.*got '-100'"),
    "infinite": (xml(size=("inf", 80)), r"<width> of <size> must be a number of pix.*got 'inf'"),
}


@pytest.mark.parametrize(("annotation", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_annotation(plain, annotation, message):
    voc_item(plain, "b", annotation)
    with pytest.raises(DataError, match=message):
        voc(str(plain))
    dataset = voc(str(plain), on_bad_item="skip")
    assert dataset.pool == ("a",)
    assert dataset.notes == ("skipped 1 bad item (dataset.on_bad_item=skip): b",)
    assert dataset.on_bad_item == "skip"


def test_document_types_are_refused(plain):
    entities = '<!ENTITY a "lol">' + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">'
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    text = f"<!DOCTYPE annotation [{entities}]>{xml(xml_object('&i;'))}"
    voc_item(plain, "b", text)
    with pytest.raises(DataError, match=r"a document type .* is not allowed in annot.*b\.xml"):
        voc(str(plain))


def test_external_entities_are_refused_in_any_encoding(plain):
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a SYSTEM "/etc/passwd"><annotation/>'
    (plain / "Annotations" / "b.xml").write_bytes(text.encode("utf-16"))
    with pytest.raises(DataError, match=r"a document type .* is not allowed"):
        voc(str(plain))


def test_all_problems_are_raised_together(plain):
    (plain / "JPEGImages" / "b.jpg").unlink()
    voc_item(plain, "c", xml(xml_object("", ("x", 1, 2, 3)), xml_object(difficult=7)))
    with pytest.raises(DataError) as caught:
        voc(str(plain))
    where = f"{plain}/Annotations"
    beginnings = [
        f"the image is missing: {plain}/JPEGImages/b.jpg; add the file",
        f"an object has no <name>: {where}/c.xml (object 1); correct",
        f"<difficult> must be 0 or 1: {where}/c.xml (object 2: got '7'); correct",
        f"<xmin> must be a number: {where}/c.xml (object 1: got 'x'); correct",
    ]
    assert len(caught.value.problems) == 4
    for problem, beginning in zip(sorted(caught.value.problems), sorted(beginnings), strict=True):
        assert problem.startswith(beginning)


def test_one_cause_is_one_line_with_a_count_and_the_first_names(tmp_path):
    folder = voc_folder(tmp_path / "d", test=[f"{n:02}" for n in range(30)], trainval=["x"])
    for path in (folder / "Annotations").glob("[0-9]*.xml"):
        path.unlink()
    names = ", ".join(f"{folder}/Annotations/{n:02}.xml" for n in range(5))
    with pytest.raises(DataError) as caught:
        voc(str(folder))
    assert caught.value.problems == (
        f"the annotation is missing (30 times): {names} and 25 more; add the file, take the image "
        "out of the list, or set dataset.on_bad_item=skip",
    )
    with pytest.raises(DataError, match="the test split is empty"):
        voc(str(folder), on_bad_item="skip")


def test_ids_cannot_leave_the_folder(plain):
    (plain / "ImageSets" / "Main" / "test.txt").write_text("../../../etc/passwd\n")
    with pytest.raises(DataError, match=r"name of an image leaves its folder: .*passwd"):
        voc(str(plain))
    with pytest.raises(DataError, match="leaves its folder"):
        voc(str(plain), test=("../../x",))


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("a\r\nb\r\n", None),
        ("\ufeffa\nb", None),
        ("# two\n\na   # the first\nb", None),
        ("./a\n.//b", None),
        (
            "a -1\nb  1\n",
            "list trainval has the label of a class beside 2 names, which is not used",
        ),
        ("a\nb\na\n./a", "list trainval has 2 names again, each taken once: a (2)"),
        ("a.jpg\nb", "1 name with a folder or suffix, which is no part of an image's id: a.jpg"),
        ("JPEGImages/a.jpg\nb", "1 name with a folder or suffix"),
        ("a.jpg a.xml\nb.jpg b.xml", "2 names with a folder or suffix"),
        ("JPEGImages\\a.jpg\nAnnotations/b.xml", "2 names with a folder or suffix"),
        ("/home/me/VOC2007/JPEGImages/a.jpg\nb", "1 name with a folder or suffix"),
        ("A\nb", "2 names that are given differ from their files (case, encoding, suffix or"),
        ("sub/../a\nb", "2 names that are given differ"),
        ("../JPEGImages/a.jpg\nb", "1 name with a folder or suffix"),
        ("%61\nb", "2 names that are given differ"),
    ],
)
def test_lists_as_people_write_them(plain, text, note):
    (plain / "ImageSets" / "Main" / "trainval.txt").write_text(text, newline="")
    dataset = voc(str(plain))
    assert dataset.pool == ("a", "b")
    assert len(dataset.notes) == (note is not None)
    assert note is None or note in dataset.notes[0]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_lists_with_a_byte_order_mark(plain, encoding):
    path = plain / "ImageSets" / "Main" / "trainval.txt"
    path.write_bytes("a\nb\n".encode(encoding))
    assert voc(str(plain)).pool == ("a", "b")
    path.write_bytes("é\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"cannot be read as a list of images .*save it as UTF-8"):
        voc(str(plain))


def test_names_that_look_like_something_else_are_taken_as_they_are(tmp_path):
    names = ["a 1", "#b", "c.jpg", "d # e", "f.xml"]
    folder = voc_folder(tmp_path / "d", trainval=names, test=["x"])
    dataset = voc(str(folder))
    assert dataset.pool == tuple(sorted(names))
    assert dataset.notes == ()


def test_two_pictures_with_one_stem(plain):
    voc_item(plain, "b", suffix=".png")
    with pytest.raises(DataError, match=r"may mean several files: .*/b \(b\.jpg, b\.png\); write"):
        voc(str(plain))
    voc_item(plain, "b", xml("<filename>b.png</filename>", xml_object()))
    assert voc(str(plain)).images.read("b").shape == (80, 100, 3)


def test_pictures_in_folders(tmp_path):
    folder = voc_folder(tmp_path / "d", trainval=["a"], test=["c"])
    for name in ("JPEGImages", "Annotations"):
        (folder / name / "sub").mkdir()
        for path in list((folder / name).glob("a.*")):
            path.rename(path.parent / "sub" / path.name)
    (folder / "ImageSets" / "Main" / "trainval.txt").write_text("sub/./a\n")
    dataset = voc(str(folder))
    assert (dataset.pool, dataset.notes) == (("sub/a",), ())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("annotation", "Annotation"),
        lambda text: text.upper().replace("CAT", "cat"),
        lambda text: text.replace("<object>", "<Object>").replace("</object>", "</Object>"),
        lambda text: text.replace("bndbox>", "BndBox>"),
        lambda text: text.replace("bndbox>", "BndBox>").replace("xmin>", "Xmin>"),
        lambda text: text.replace("<annotation>", '<annotation xmlns="http://a/b">'),
        lambda text: text.replace("cat", "\n  cat\n"),
        lambda text: text.replace("<size>", "<segmented>0</segmented><size>"),
        lambda text: text.replace("<width>100</width>", ""),
        lambda text: text.replace("<height>80</height>", "<height/>"),
        lambda text: text.replace(">11<", "> 11.0 <"),
    ],
)
def test_annotations_as_tools_write_them(plain, change):
    voc_item(plain, "b", change(xml(xml_object())))
    dataset = voc(str(plain))
    assert dataset.targets["b"].boxes.tolist() == [[10, 20, 30, 50]]
    assert (dataset.classes, dataset.notes) == (("cat",), ())


@pytest.mark.parametrize("tag", ["difficult", "name", "width", "height", "xmin"])
@pytest.mark.parametrize("change", [str.title, str.upper, "v:{}".format])
def test_one_element_alone_in_another_case_or_namespace(tmp_path, tag, change):
    text = xml(xml_object(difficult=1), size=(90, 70)).replace(f"{tag}>", f"{change(tag)}>")
    (tmp_path / "a.xml").write_text(text.replace("<annotation>", '<annotation xmlns:v="http://a">'))
    found = read_annotation(tmp_path / "a.xml")
    assert found.size == (70, 90)
    assert found.objects == (VocObject("cat", (11, 21, 31, 51), True),)


@pytest.mark.parametrize(
    ("turn", "box"), [("90", [5, 25, 35, 45]), ("nan", [10, 20, 30, 50]), ("", [10, 20, 30, 50])]
)
def test_boxes_that_cvat_has_turned(plain, turn, box):
    said = f"<attributes><attribute><name>rotation</name><value>{turn}</value></attribute>"
    voc_item(plain, "b", xml(xml_object().replace("</object>", f"{said}</attributes></object>")))
    assert voc(str(plain)).targets["b"].boxes.tolist() == [box]


def test_spaces_within_a_name_are_one(plain):
    voc_item(plain, "b", xml(xml_object("traffic\n   light")))
    assert voc(str(plain)).classes == ("cat", "traffic light")


def test_utf_16(plain):
    (plain / "Annotations" / "b.xml").write_bytes(xml(xml_object()).encode("utf-16"))
    assert voc(str(plain)).targets["b"].boxes.tolist() == [[10, 20, 30, 50]]


def test_huge_numbers_are_no_missing_object(plain):
    voc_item(plain, "b", xml(xml_object(box=(1e308, 1e308, 1.5e308, 1.5e308))))
    assert voc(str(plain)).notes[0] == "dropped 1 box outside the image: b (1)"


def test_splits_that_overlap_under_another_spelling(plain):
    (plain / "ImageSets" / "Main" / "test.txt").write_text("./b\nc\n")
    with pytest.raises(DataError, match=r"1 item in the pool and in the test split.*: b; take"):
        voc(str(plain))


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_splits_that_share_a_file(plain, link):
    picture = plain / "JPEGImages" / "b.jpg"
    picture.unlink()
    getattr(picture, link)(plain / "JPEGImages" / "c.jpg")
    message = r"1 file in the pool and, by a link, in the test split, .* overlap: b = c; take"
    with pytest.raises(DataError, match=message):
        voc(str(plain))


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
@pytest.mark.parametrize("pair", ["ab", "cd"])
def test_a_file_under_two_ids_of_one_split_is_noted(tmp_path, pair, link):
    folder = voc_folder(tmp_path, trainval=["a", "b"], test=["c", "d"])
    first, second = (folder / "JPEGImages" / f"{item}.jpg" for item in pair)
    second.unlink()
    getattr(second, link)(first)
    same = " = ".join(pair)
    assert voc(str(folder)).notes == (
        f"1 file under more than one id, by links: {same}; take all but one out of the list",
    )


def test_annotations_may_not_be_links_to_outside(plain, tmp_path):
    path = plain / "Annotations" / "b.xml"
    outside = tmp_path / "outside"
    outside.mkdir()
    path.rename(outside / "b.xml")
    path.symlink_to(outside / "b.xml")
    message = (
        r"a file of annotations is a link out of the dataset: .*b\.xml \(to .*outside/b\.xml\)"
    )
    with pytest.raises(DataError, match=message):
        voc(str(plain))
    path.unlink()
    path.symlink_to(plain / "Annotations" / "a.xml")
    assert voc(str(plain)).pool == ("a", "b")


def test_an_object_one_pixel_wide_by_the_kits_convention_is_dropped_and_counted(plain):
    wide, narrow = xml_object(box=(3, 3, 8, 8)), xml_object(box=(5, 3, 5, 8))
    voc_item(plain, "a", xml(wide, narrow, xml_object(box=(5, 3, 6, 8))))
    voc_item(plain, "c", xml(wide, narrow))
    dataset = voc(str(plain))
    assert dataset.targets["a"].boxes.tolist() == [[2, 2, 7, 7], [4, 2, 5, 7]]
    assert dataset.targets["c"].boxes.tolist() == [[2, 2, 7, 7]]
    assert "dropped 2 degenerate boxes: a (1), c (1)" in dataset.notes


class TestNothingToMeasureBy:
    @pytest.mark.parametrize(
        ("annotation", "classes", "message"),
        [
            (xml(), None, "in 1 image: none is annotated; annotate"),
            (xml(xml_object(difficult=1)), None, r"of 1 object none is usable: difficult \(1\)"),
            (xml(xml_object(box=(5, 5, 5, 5))), None, r"degenerate or outside of the image \(1\)"),
            (xml(xml_object("dog")), ("cat",), r"of other classes \(1\); annotate objects in it"),
        ],
    )
    def test_in_the_test_split(self, plain, annotation, classes, message):
        voc_item(plain, "c", annotation)
        with pytest.raises(
            DataError, match=f"the test split has no object to measure by.*{message}"
        ):
            voc(str(plain), classes=classes)

    def test_in_the_pool_either(self, plain):
        for stem in "ab":
            voc_item(plain, stem, xml(xml_object(difficult=1)))
        with pytest.raises(DataError, match=r"pool has no object to learn .*difficult \(2\)"):
            voc(str(plain))


class TestClasses:
    @pytest.fixture
    def zoo(self, plain):
        voc_item(plain, "a", xml(xml_object("dog"), xml_object("cat"), xml_object("cat")))
        return plain

    def test_those_of_the_pool_in_order_of_names(self, zoo):
        assert voc(str(zoo)).classes == ("cat", "dog")

    def test_wanted_ones_keep_their_order_and_others_are_counted(self, zoo):
        voc_item(zoo, "c", xml(xml_object("cow"), xml_object("dog")))
        dataset = voc(str(zoo), classes=("dog",))
        assert dataset.classes == ("dog",)
        assert dataset.targets["a"].labels.tolist() == [0]
        assert dataset.targets["b"].labels.tolist() == []
        assert dataset.targets["c"].labels.tolist() == [0]
        assert dataset.notes == ("left out 4 objects of other classes: cat (3), cow (1)",)
        assert voc(str(zoo), classes=("dog", "cat", "cow")).classes == ("dog", "cat", "cow")

    def test_one_that_only_the_test_split_has(self, zoo):
        voc_item(zoo, "c", xml(xml_object("cow"), xml_object("cow")))
        message = r"class 'cow' has 2 objects in the test split and none .*classes=\[.cat., .dog.\]"
        with pytest.raises(DataError, match=message):
            voc(str(zoo))
        voc_item(zoo, "c", xml(xml_object("Cat")))
        with pytest.raises(DataError, match=r"none in the pool \(closest: 'cat'\): add some"):
            voc(str(zoo))

    def test_a_class_that_is_only_degenerate_in_the_pool_counts_as_absent(self, zoo):
        voc_item(zoo, "b", xml(xml_object("cow", (5, 5, 5, 5))))
        assert voc(str(zoo)).classes == ("cat", "dog")

    def test_an_unknown_one(self, zoo):
        with pytest.raises(DataError, match=r"names 'dgo', .*closest: 'dog'.*known: cat, dog"):
            voc(str(zoo), classes=("dgo",))

    def test_doubled_or_none(self, zoo):
        with pytest.raises(DataError, match="names a class twice"):
            voc(str(zoo), classes=("dog", "dog"))
        with pytest.raises(DataError, match=r"dataset\.classes is empty"):
            voc(str(zoo), classes=())

    def test_nothing_to_learn(self, plain):
        for stem in "ab":
            voc_item(plain, stem, xml())
        with pytest.raises(DataError, match="no usable object in the pool"):
            voc(str(plain))


REAL = {
    # objects and difficult ones were counted by `grep` over the XML files
    "bccd": (292, 72, 3, 4888 - 2, 0),
    "coco_voc20_320": (231, 154, 20, 2149, 32),
    "voc_animals_320": (1511, 503, 12, 5667, 758),
}


@pytest.mark.parametrize(("name", "counts"), REAL.items(), ids=REAL)
def test_real_data(shared_data, name, counts):
    dataset = voc(str(shared_data / name))
    ids = (*dataset.pool, *dataset.test)
    difficult = sum(int(dataset.targets[item].difficult.sum()) for item in ids)
    found = (len(dataset.pool), len(dataset.test), len(dataset.classes), objects(dataset, ids))
    assert (*found, difficult) == counts
    for item in ids[::50]:
        assert dataset.images.read(item).shape[:2] == dataset.images.size(item)


def test_degenerate_boxes_of_bccd_are_named(shared_data):
    assert voc(str(shared_data / "bccd")).notes == (
        "dropped 2 degenerate boxes: BloodImage_00338 (1), BloodImage_00343 (1)",
    )


def test_boxes_of_a_real_image(shared_data):
    target = voc(str(shared_data / "voc_animals_320")).targets["2008_000008"]
    assert target.boxes.tolist() == [[33, 55, 300, 268], [100, 28, 184, 106]]
    assert target.labels.dtype == np.int64
