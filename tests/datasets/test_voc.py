import numpy as np
import pytest

from alframe.datasets.voc import voc
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
    assert (dataset.pool, dataset.test, dataset.notes) == (("a", "b"), ("c",), ())
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


def test_an_image_without_objects_stays(plain):
    voc_item(plain, "b", xml())
    dataset = voc(str(plain))
    assert dataset.pool == ("a", "b")
    assert dataset.targets["b"].boxes.shape == (0, 4)


@pytest.mark.parametrize("size", [None, (0, 0)])
def test_size_comes_from_the_image_where_the_annotation_has_none(plain, size):
    voc_item(plain, "b", xml(xml_object(box=(1, 1, 500, 500)), size=size))
    assert voc(str(plain)).targets["b"].boxes.tolist() == [[0, 0, 100, 80]]


@pytest.mark.parametrize("suffix", [".jpeg", ".png", ".JPG"])
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


def test_devkit_without_a_test_list_evaluates_on_val(tmp_path):
    lists = {"trainval": ["1", "2"], "train": ["1"], "val": ["2"], "test": ["3"]}
    voc_folder(tmp_path / "VOC2012", **lists)
    dataset = voc(str(tmp_path))
    assert (dataset.pool, dataset.test) == (("VOC2012/1",), ("VOC2012/2",))


def test_plain_folder_with_train_and_val_only(tmp_path):
    dataset = voc(str(voc_folder(tmp_path / "d", train=["a"], val=["b"])))
    assert (dataset.pool, dataset.test) == (("a",), ("b",))


def test_no_default_splits(tmp_path):
    folder = voc_folder(tmp_path / "d", all=["a", "b"])
    with pytest.raises(DataError, match=r"expected lists trainval and test .*found all; set"):
        voc(str(folder))


def test_lists_may_overlap_within_the_pool_but_not_with_the_test_split(plain):
    assert voc(str(plain), pool=("trainval", "trainval")).pool == ("a", "b")
    with pytest.raises(DataError, match=r"1 item in the pool and in the test split.*: c; change"):
        voc(str(plain), pool=("trainval", "test"))


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


def test_an_empty_list(plain):
    (plain / "ImageSets" / "Main" / "test.txt").write_text("\n")
    with pytest.raises(DataError, match="the test split is empty"):
        voc(str(plain))


BROKEN = {
    "not xml": ("<annotation><object>", r"b\.xml is not well-formed XML .*correct the annotation"),
    "no xml": ("JFIF\0\1", "not well-formed XML"),
    "other xml": ("<svg/>", "expected the root element <annotation>, got <svg>"),
    "encoding": ('<?xml version="1.0" encoding="klingon"?><annotation/>', "not well-formed"),
    "no name": (xml(xml_object("")), "object 1 has no <name>"),
    "no box": (xml("<object><name>cat</name></object>"), "object 1 has no <bndbox>"),
    "no corner": (
        xml("<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>"),
        "<ymin> must be a number, got nothing",
    ),
    "text": (xml(xml_object(box=("x", 2, 3, 4))), "object 1: <xmin> must be a number, got 'x'"),
    "nan": (xml(xml_object(box=(1, 2, 3, "nan"))), "<ymax> must be a number, got 'nan'"),
    "flag": (xml(xml_object(difficult="yes")), "<difficult> must be 0 or 1, got 'yes'"),
    "size": (xml(size=("wide", 80)), "<size>: <width> must be a number, got 'wide'"),
    "infinite": (xml(size=("inf", 80)), "<size>: <width> must be a number, got 'inf'"),
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
    with pytest.raises(DataError, match=r"b\.xml: a document type .* is not allowed"):
        voc(str(plain))


def test_external_entities_are_refused_in_any_encoding(plain):
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a SYSTEM "/etc/passwd"><annotation/>'
    (plain / "Annotations" / "b.xml").write_bytes(text.encode("utf-16"))
    with pytest.raises(DataError, match=r"a document type .* is not allowed"):
        voc(str(plain))


def test_all_problems_are_raised_together(plain):
    (plain / "Annotations" / "a.xml").unlink()
    (plain / "JPEGImages" / "b.jpg").unlink()
    voc_item(plain, "c", xml(xml_object("", ("x", 1, 2, 3)), xml_object(difficult=7)))
    with pytest.raises(DataError) as caught:
        voc(str(plain))
    beginnings = [
        "a.xml is missing: expected the annotation of a listed image",
        "b.jpg is missing (nor is there a .jpeg or .png)",
        "c.xml: object 1 has no <name>",
        "c.xml: object 1: <xmin> must be a number",
        "c.xml: object 2: <difficult> must be 0 or 1, got '7'",
    ]
    assert len(caught.value.problems) == 5
    for problem, beginning in zip(caught.value.problems, beginnings, strict=True):
        assert beginning in problem


def test_a_long_list_of_problems_is_cut(tmp_path):
    folder = voc_folder(tmp_path / "d", trainval=[f"{n:02}" for n in range(30)], test=["x"])
    for path in (folder / "Annotations").glob("[0-9]*.xml"):
        path.unlink()
    with pytest.raises(DataError) as caught:
        voc(str(folder))
    assert len(caught.value.problems) == 11
    assert caught.value.problems[-1] == "... and 20 more"
    with pytest.raises(DataError, match="the pool is empty"):
        voc(str(folder), on_bad_item="skip")


def test_ids_cannot_leave_the_folder(plain):
    (plain / "ImageSets" / "Main" / "test.txt").write_text("../../../etc/passwd\n")
    with pytest.raises(DataError, match=r"passwd.* leaves its folder"):
        voc(str(plain))
    with pytest.raises(DataError, match="leaves its folder"):
        voc(str(plain), test=("../../x",))


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
