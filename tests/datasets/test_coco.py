import json
import os

import numpy as np
import pytest

from alframe.datasets.coco import coco
from alframe.datasets.unannotated import check_annotated
from alframe.errors import DataError

from .builders import coco_content, coco_root, image

POOL = "annotations/instances_train2017.json"


def load(root, pool=None, test=None, *, unannotated="empty", **options):
    return coco(str(coco_root(root, pool, test)), unannotated=unannotated, **options)


def rows(*changes, **both):
    """Annotations of image 1, one for each change of a plain one."""
    plain = {"image_id": 1, "category_id": 90, "bbox": [10, 20, 20, 30]}
    return [{"id": n} | plain | change | both for n, change in enumerate(changes, start=1)]


def test_fields(tmp_path):
    annotations = rows(
        {"bbox": [1.5, 2, 10, 20.25], "area": 77.5},
        {"category_id": 3, "iscrowd": 1, "segmentation": {"counts": [1], "size": [80, 100]}},
    )
    dataset = load(tmp_path, coco_content(annotations=annotations))
    assert (dataset.name, dataset.classes) == ("coco", ("zebra", "apple"))
    assert dataset.pool == ("train2017/1", "train2017/2")
    assert dataset.test == ("val2017/1", "val2017/2")
    target = dataset.targets["train2017/1"]
    assert target.boxes.tolist() == [[1.5, 2, 11.5, 22.25], [10, 20, 30, 50]]
    assert target.labels.tolist() == [1, 0]
    assert target.crowd.tolist() == [False, True]
    assert target.difficult.tolist() == [False, False]
    assert target.area.tolist() == [77.5, 600]
    assert target.area.dtype == np.float32
    assert dataset.targets["train2017/2"].boxes.shape == (0, 4)
    assert dataset.images.size("val2017/2") == (80, 100)
    assert dataset.images.read("val2017/2").shape == (80, 100, 3)


def test_empty_images_stay_unless_left_out_of_the_pool(tmp_path):
    bad = {"image_id": 3, "bbox": [9, 9, 0, 0]}
    some = coco_content(3, annotations=rows({}, {"iscrowd": 1}, bad))
    assert load(tmp_path, some, some).pool == ("train2017/1", "train2017/2", "train2017/3")
    dataset = load(tmp_path, some, some, skip_empty=True)
    # As in COCO's own count an annotation is enough, whatever becomes of its box.
    assert dataset.pool == ("train2017/1", "train2017/3")
    assert dataset.test == ("val2017/1", "val2017/2", "val2017/3")
    assert "left 1 image without any object out of the pool: train2017/2" in dataset.notes


def test_skip_empty_looks_at_the_wanted_classes(tmp_path):
    content = coco_content(annotations=rows({}, {"image_id": 2, "category_id": 3}))
    dataset = load(tmp_path, content, content, classes=("zebra",), skip_empty=True)
    assert dataset.pool == ("train2017/2",)


def test_bad_boxes_are_dropped_and_named(tmp_path):
    annotations = rows({"bbox": [5, 5, 0, 9]}, {"bbox": [5, 5, -4, 9]}, {"bbox": [90, 0, 20, 9]})
    dataset = load(tmp_path, coco_content(annotations=annotations))
    assert dataset.targets["train2017/1"].boxes.tolist() == [[90, 0, 100, 9]]
    assert dataset.notes == (
        "dropped 1 degenerate box: train2017/1 (1)",
        "dropped 1 box of swapped corners (x1 > x2 or y1 > y2): train2017/1 (1)",
        "clipped 1 box to the image: train2017/1 (1)",
    )


def test_names_join_the_two_files_not_ids(tmp_path):
    test = coco_content(categories=[{"id": 90, "name": "zebra"}, {"id": 1, "name": "apple"}])
    pool = coco_content(annotations=rows({}, {"category_id": 3}))
    dataset = load(tmp_path, pool, test)
    assert dataset.classes == ("zebra", "apple")
    assert dataset.targets["train2017/1"].labels.tolist() == [1, 0]
    assert dataset.targets["val2017/1"].labels.tolist() == [0]


def test_classes_are_in_the_order_of_their_ids_text_last(tmp_path):
    some = coco_content(
        annotations=rows({"category_id": "0"}, {"category_id": 1}),
        categories=[{"id": "0", "name": "text"}, {"id": 1, "name": "number"}],
    )
    assert load(tmp_path, some, some).classes == ("number", "text")


def test_a_class_without_any_object_is_known_but_not_found(tmp_path):
    assert load(tmp_path).classes == ("apple",)
    assert load(tmp_path, classes=("zebra", "apple")).classes == ("zebra", "apple")
    with pytest.raises(DataError, match=r"'zbra', .*closest: 'zebra'.*known: apple, zebra"):
        load(tmp_path, classes=("zbra",))


def test_a_class_only_in_the_test_split(tmp_path):
    test = coco_content(annotations=rows({"category_id": 3}))
    with pytest.raises(DataError, match="class 'zebra' has 1 object in the test split and none"):
        load(tmp_path, test=test)


def test_string_ids_and_missing_sizes(tmp_path):
    content = {
        "images": [{"id": "x", "file_name": "deep/er/a.b.png"}],
        "annotations": [{"image_id": "x", "category_id": "c", "bbox": [0, 0, 500, 500]}],
        "categories": [{"id": "c", "name": "cat"}],
    }
    dataset = load(tmp_path, content, content)
    assert dataset.pool == ("train2017/deep/er/a.b",)
    assert dataset.targets[dataset.pool[0]].boxes.tolist() == [[0, 0, 100, 80]]


def test_annotations_beside_their_images(tmp_path):
    for split in ("train", "valid"):
        folder = coco_root(tmp_path / "made") / "train2017"
        folder.rename(tmp_path / split)
        (tmp_path / split / "_annotations.json").write_text(json.dumps(coco_content()))
    dataset = coco(
        str(tmp_path),
        pool_annotations="train/_annotations.json",
        pool_images="train",
        test_annotations="valid/_annotations.json",
        test_images="./valid/",
    )
    assert dataset.pool == ("train/1", "train/2")
    assert dataset.test == ("valid/1", "valid/2")


def test_one_folder_of_images_for_both_splits(tmp_path):
    coco_root(tmp_path)
    with pytest.raises(DataError, match=r"2 items in the pool and in the test split.*train2017/1"):
        coco(str(tmp_path), test_images="train2017")


def test_pictures_that_no_file_has_are_told(tmp_path):
    root = coco_root(tmp_path)
    image(root / "val2017" / "deep" / "9.jpg")
    assert coco(str(root)).notes == (
        f"left out of {root}: 1 picture beside pool and test split: val2017/deep/9.jpg",
    )


def test_linked_folders_of_images_are_one(tmp_path):
    four = coco_content(4)
    rest = {key: four[key][2:] for key in ("images", "annotations")}
    root = coco_root(tmp_path, coco_content(2), four | rest)
    for name in ("3.jpg", "4.jpg"):
        (root / "val2017" / name).rename(root / "train2017" / name)
    (root / "val2017").rmdir()
    (root / "val2017").symlink_to("train2017")
    dataset = coco(str(root))
    assert (len(dataset.pool), len(dataset.test), dataset.notes) == (2, 2, ())


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match=r"nowhere is not a folder: expected one with annotations"):
        coco(str(tmp_path / "nowhere"))
    with pytest.raises(
        DataError, match=r"val2017 is not a folder: .*set dataset\.test_im"
    ) as error:
        coco(str(tmp_path))
    assert "train2017 is not a folder" in error.value.problems[0], "both at once"
    coco_root(tmp_path)
    with pytest.raises(DataError, match=r"x\.json is missing: expected COCO instances"):
        coco(str(tmp_path), test_annotations="x.json")
    with pytest.raises(DataError, match="leaves its folder"):
        coco(str(tmp_path), test_annotations="../x.json")


def test_a_pipe_is_no_file(tmp_path):
    coco_root(tmp_path)
    (tmp_path / POOL).unlink()
    os.mkfifo(tmp_path / POOL)
    with pytest.raises(DataError, match=r"cannot be read as JSON \(it is a pipe or a device"):
        coco(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"train2017\.json cannot be read as JSON .*expected instances"),
        ("\xff", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("", r"cannot be read as JSON \(it is empty\)"),
        ("{}\n{}", r"\(a second value begins in line 2: JSON Lines are not read\)"),
        (f'{{"images": {"1" * 5000}}}', r"\(a number has thousands of digits\)"),
        ("[]", "another kind, a list: expected instances: an object with images, annotations and"),
        ('[{"image_id": 1, "score": 0.5}]', "kind, results: what a detector found: expected inst"),
        ('[{"image_id": 1, "caption": "a"}]', "kind, captions: expected instances"),
        ('{"images": [], "annotations": [{"caption": "a"}]}', "kind, captions: expected instances"),
        ('{"annotations": [{"segments_info": []}]}', "kind, panoptic segments: expected instances"),
        ('{"shapes": [], "imagePath": "a"}', "kind, one image by LabelMe: expected instances"),
        ('{"images": [], "categories": []}', "kind, images without annotations: expected instanc"),
        ('{"data": {}, "annotations": []}', "kind, one task of Label Studio"),
        ('{"images": "\xe9"}', "byte 12 is not UTF-8: save it as UTF-8"),
        ("7", r"kind, a single value \(7\): expected instances"),
        ("{}", "categories: expected a list, got nothing"),
        ('{"categories": [], "annotations": [], "images": {}}', "images: expected a list, got {}"),
        ('{"categories": [{"id": 1}], "annotations": []}', "images: expected a list, got nothing"),
    ],
)
def test_malformed_file(tmp_path, text, message):
    coco_root(tmp_path)
    (tmp_path / POOL).write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=message):
        coco(str(tmp_path), on_bad_item="skip")


def test_malformed_categories(tmp_path):
    categories = [
        {"id": 1, "name": "a"}, {"id": 1, "name": "b"}, {"name": "c"}, {"id": 2}, 7,
        {"id": 3, "name": "a"},
    ]  # fmt: skip
    with pytest.raises(DataError) as caught:
        load(tmp_path, coco_content(categories=categories), on_bad_item="skip")
    assert [problem.partition("json: ")[2] for problem in caught.value.problems] == [
        "categories: the category appears twice (2 times): categories[1] (got id 1, 'b'), "
        "categories[5] (got id 3, 'a'); correct it",
        "categories.id: expected a whole number or a string: categories[2] (got nothing); "
        "correct it",
        "categories.name: expected text in quotes: categories[3] (got nothing); correct it",
        "categories: expected an object: categories[4] (got 7); correct it",
    ]


OF_ONE = r"annotations\[0\] \(train2017/1: got "
BAD_OBJECTS = {
    "no image": ({"image_id": 77}, r"image_id: no image has this id: annotations\[0\] \(got 77\)"),
    "image id": ({"image_id": None}, r"image_id: expected a whole number or a string: .*got null"),
    "category": ({"category_id": 5}, rf"category_id: no category has this id: {OF_ONE}5\)"),
    "bool": ({"category_id": True}, rf"category_id: expected a whole number or .*: {OF_ONE}true"),
    "three": ({"bbox": [1, 2, 3]}, rf"\.bbox: expected four finite numbers .*{OF_ONE}\[1, 2, 3\]"),
    "text": ({"bbox": [1, 2, 3, "4"]}, "bbox: expected four finite numbers"),
    "nan": ({"bbox": [1, 2, 3, float("nan")]}, r"bbox: expected four finite .*\[1, 2, 3, NaN\]"),
    "huge": ({"bbox": [1, 2, 3, 10**400]}, "bbox: expected four finite numbers"),
    "crowd": ({"iscrowd": "no"}, rf'iscrowd: expected 0 or 1: {OF_ONE}"no"'),
    "area": ({"area": -1}, rf"area: expected a number >= 0: {OF_ONE}-1"),
}


@pytest.mark.parametrize(("change", "message"), BAD_OBJECTS.values(), ids=BAD_OBJECTS)
def test_bad_object(tmp_path, change, message):
    content = coco_content(annotations=[*rows(change), *rows({}, image_id=2)])
    with pytest.raises(DataError, match=message):
        load(tmp_path, content)
    dataset = load(tmp_path, content, on_bad_item="skip")
    (note,) = dataset.notes
    assert note.startswith("skipped 1 bad item (dataset.on_bad_item=skip): ")
    # An object of no image spoils no image.
    assert len(dataset.pool) == (2 if "image_id" in change else 1)


BAD_IMAGES = {
    "name": ({"file_name": 5}, r"images\.file_name: expected text: images\[0\] \(got 5\)"),
    "surrogate": ({"file_name": "\ud800"}, r"images\.file_name: expected text: .*\\ud800"),
    "path": ({"file_name": "../../etc/passwd"}, r"name of an image leaves its folder: .*passwd"),
    "size": ({"height": -1}, r"images\.height: expected a number of pixels: images\[0\] \(got -1"),
    "width": ({"width": "wide"}, r'images\.width: .*got "wide"'),
}


@pytest.mark.parametrize(("change", "message"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_bad_image(tmp_path, change, message):
    root = coco_root(tmp_path)
    content = coco_content()
    content["images"][0] |= change
    (root / POOL).write_text(json.dumps(content))
    with pytest.raises(DataError, match=message) as caught:
        coco(str(root))
    assert len(caught.value.problems) == 1  # its objects are no further problem
    assert coco(str(root), on_bad_item="skip").pool == ("train2017/2",)


def test_an_id_given_to_two_images_spoils_both(tmp_path):
    content = coco_content(3)
    content["images"][1]["id"] = 1
    content["annotations"][1]["image_id"] = 1
    with pytest.raises(
        DataError, match=r"the image appears twice: images\[1\] \(got id 1, '2.jpg'\)"
    ):
        load(tmp_path, content)
    assert coco(str(tmp_path), on_bad_item="skip").pool == ("train2017/3",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2.jpg", r"the image appears twice: images\[2\] \(got id 3, '2.jpg'\)"),
        (
            "2.png",
            r"differ in their suffix alone.*rename one: images\[2\] \(got '2.png' and '2.jpg'\)",
        ),
    ],
)
def test_two_images_of_one_file_or_one_name_spoil_both(tmp_path, name, message):
    content = coco_content(2)
    content["images"].append({"id": 3, "file_name": name})
    with pytest.raises(DataError, match=message):
        load(tmp_path, content)
    assert coco(str(tmp_path), on_bad_item="skip").pool == ("train2017/1",)


def test_missing_image(tmp_path):
    root = coco_root(tmp_path)
    (root / "train2017" / "1.jpg").unlink()
    with pytest.raises(
        DataError, match=r"image is missing: .*1\.jpg; add the file, .*or set dataset"
    ):
        coco(str(root))
    assert coco(str(root), on_bad_item="skip").pool == ("train2017/2",)


class TestUnannotated:
    """Images without an annotation, where others of their split have one."""

    def few(self, bare, of=20):
        content = coco_content(of)
        content["annotations"] = content["annotations"][: of - bare]
        return content

    def test_a_twentieth_is_empty_with_a_note(self, tmp_path):
        dataset = load(tmp_path, self.few(1), unannotated=None)
        assert len(dataset.pool) == 20
        assert dataset.notes == (
            "took 1 image of 20 in the pool without annotation for empty: train2017/20; if nobody "
            "looked at them, set dataset.unannotated=unlabelled",
        )

    def test_more_are_refused_with_both_ways_out(self, tmp_path):
        with pytest.raises(DataError) as caught:
            load(tmp_path, self.few(2), self.few(3, of=10), unannotated=None)
        ways = (
            "; set dataset.unannotated=empty if they were looked at and show no object, or "
            "dataset.unannotated=unlabelled if nobody has annotated them yet"
        )
        assert caught.value.problems == (
            "2 images of 20 in the pool (10%) have no annotation: train2017/19, train2017/20"
            + ways,
            "3 images of 10 in the test split (30%) have no annotation: val2017/10, val2017/8, "
            "val2017/9" + ways,
        )

    def test_empty_ones_stay_without_a_word(self, tmp_path):
        dataset = load(tmp_path, self.few(9), self.few(9), unannotated="empty")
        assert (len(dataset.pool), len(dataset.test), dataset.notes) == (20, 20, ())

    def test_unlabelled_ones_leave_the_test_split(self, tmp_path):
        dataset = load(tmp_path, self.few(1), self.few(9, of=10), unannotated="unlabelled")
        assert (len(dataset.pool), dataset.test) == (20, ("val2017/1",))
        assert dataset.unannotated == ("train2017/20",)
        assert "train2017/20" not in dataset.targets
        assert dataset.notes[0].startswith("left out 9 images of 10 in the test split without ann")

    def test_unlabelled_ones_leave_the_pool_where_nobody_is_asked(self, tmp_path):
        dataset = load(tmp_path, self.few(3), unannotated="unlabelled")
        benchmark = check_annotated(dataset)
        assert (len(dataset.pool), len(benchmark.pool)) == (20, 17)
        assert benchmark.targets.keys() == {*benchmark.pool, *benchmark.test}
        assert benchmark.notes[-1] == (
            "left out 3 images of 20 in the pool without annotation "
            "(dataset.unannotated=unlabelled): train2017/18, train2017/19, train2017/20"
        )

    def test_with_unlabelled_ones_classes_are_those_that_are_declared(self, tmp_path):
        assert load(tmp_path, self.few(1), unannotated="unlabelled").classes == ("zebra", "apple")
        assert load(tmp_path, self.few(1), unannotated="empty").classes == ("apple",)

    def test_images_of_which_none_is_annotated(self, tmp_path):
        bare = coco_content(annotations=[])
        dataset = load(tmp_path, bare, unannotated="unlabelled")
        assert dataset.unannotated == dataset.pool
        with pytest.raises(DataError, match="the pool is empty"):
            check_annotated(dataset)

    def test_skip_empty_keeps_those_that_nobody_has_looked_at(self, tmp_path):
        content = self.few(1)
        content["annotations"][0]["category_id"] = 3
        options = {"unannotated": "unlabelled", "skip_empty": True, "classes": ["apple"]}
        dataset = load(tmp_path, content, **options)
        assert len(dataset.pool) == 19
        assert dataset.unannotated == ("train2017/20",)

    def test_any_annotation_counts_whatever_becomes_of_it(self, tmp_path):
        content = self.few(1)
        content["annotations"] += [{**rows({"bbox": [5, 5, 0, 0]})[0], "image_id": 20}]
        dataset = load(tmp_path, content, unannotated="unlabelled")
        assert "train2017/20" in dataset.pool

    def test_skip_empty_answers_for_the_pool(self, tmp_path):
        dataset = load(tmp_path, self.few(9), unannotated=None, skip_empty=True)
        assert len(dataset.pool) == 11
        with pytest.raises(DataError, match="in the test split"):
            load(tmp_path, self.few(9), self.few(9), unannotated=None, skip_empty=True)

    def test_a_split_without_any_is_another_error(self, tmp_path):
        bare = coco_content(annotations=[])
        with pytest.raises(DataError, match="no usable object in the pool: none is annotated"):
            load(tmp_path, bare, unannotated=None)
        with pytest.raises(DataError, match=r"test split has no object .* 2 images: none is annot"):
            load(tmp_path, None, bare, unannotated=None)


@pytest.mark.parametrize(
    ("listed", "file"),
    [
        ("a%20b.jpg", "a b.jpg"),
        ("a b.jpg", "a%20b.jpg"),
        ("a+b.jpg", "a b.jpg"),
        ("A.JPG", "a.jpg"),
        ("\u00e9.jpg", "e\u0301.jpg"),
        ("e\u0301.jpg", "\u00e9.jpg"),
        ("a&amp;b.jpg", "a&b.jpg"),
        (" a.jpg", "a.jpg"),
        ("a.png", "a.jpg"),
        ("a", "a.jpg"),
        ("train2017/a.jpg", "a.jpg"),
        ("data/train2017/a.jpg", "a.jpg"),
        ("train2017/Sub/a.jpg", "sub/a.jpg"),
        ("Sub\\a.jpg", "sub/a.jpg"),
        ("/home/me/coco/train2017/a.jpg", "a.jpg"),
        (r"C:\Users\me\a.jpg", "a.jpg"),
        ("../images/a.jpg", "a.jpg"),
        ("https://host/images/a.jpg", "a.jpg"),
    ],
)
def test_a_file_that_can_alone_be_meant_is_taken(tmp_path, listed, file):
    content = coco_content(2)
    content["images"][1]["file_name"] = file
    root = coco_root(tmp_path / "data", content)
    content["images"][1]["file_name"] = listed
    (root / POOL).write_text(json.dumps(content))
    dataset = coco(str(root))
    item = f"train2017/{file.removesuffix('.jpg')}"
    assert set(dataset.pool) == {"train2017/1", item}
    assert dataset.images.read(item).shape == (80, 100, 3)
    assert dataset.notes == (
        "1 name that is given differs from its file (case, encoding, suffix or folder) and "
        f"can mean no other: {listed} ({file})",
    )


@pytest.mark.parametrize(
    ("listed", "files", "message"),
    [
        ("A.JPG", ["a.jpg", "a.JPG"], r"may mean several files: .*A.JPG \(a.JPG, a.jpg\); write"),
        ("a", ["a.jpg", "a.png"], r"may mean several files: .*/a \(a.jpg, a.png\); write"),
        ("other/a.jpg", ["a.jpg"], r"lies elsewhere than .*other/a.jpg \(there is .*7/a.jpg\)"),
        ("a.jpg", ["deep/a.jpg"], r"lies elsewhere than .*a.jpg \(there is .*deep/a.jpg\)"),
        ("../a.jpg", [], r"the name of an image leaves its folder: '../a.jpg'; write its path"),
        ("a.jpg", [], r"the image is missing: .*train2017/a.jpg; add the file"),
        (".", [], r"the image is missing"),
        ("a\0.jpg", [], r"the image is missing"),
    ],
)
def test_a_file_that_is_not_there(tmp_path, listed, files, message):
    root = coco_root(tmp_path)
    for name in files:
        image(root / "train2017" / name)
    content = coco_content(2)
    content["images"][1]["file_name"] = listed
    (root / POOL).write_text(json.dumps(content))
    with pytest.raises(DataError, match=message) as caught:
        coco(str(root))
    assert len(caught.value.problems) == 1
    assert coco(str(root), on_bad_item="skip").pool == ("train2017/1",)


def test_ids_of_another_type_are_seen_through_with_one_note_each(tmp_path):
    annotations = rows({}, {"image_id": "2"}, {"image_id": 2.0, "category_id": "03"})
    dataset = load(tmp_path, coco_content(annotations=annotations))
    assert dataset.targets["train2017/2"].labels.tolist() == [1, 0]
    assert dataset.notes == (
        "2 image_ids of another type than the id that can alone be meant, as text for a number: "
        '"2" (2), 2.0 (2)',
        "1 category_id of another type than the id that can alone be meant, as text for a number: "
        '"03" (3)',
        "classes that the test split does not show are not measured: zebra (1)",
    )


def test_ids_that_may_mean_two_are_refused(tmp_path):
    content = coco_content(annotations=rows({}, {"image_id": 2.0}))
    content["images"][1]["id"] = "2"
    content["images"].append({"id": "02", "file_name": "3.jpg"})
    with pytest.raises(DataError, match=r"image_id: no image has this id: .*got 2\.0"):
        load(tmp_path, content)


@pytest.mark.parametrize("size", [(0, 0), (None, None), (0, 80), (None, 80)])
def test_a_size_of_zero_or_null_is_unknown(tmp_path, size):
    content = coco_content(annotations=rows({"bbox": [0, 0, 500, 500]}))
    content["images"][0] |= {"width": size[0], "height": size[1]}
    dataset = load(tmp_path, content)
    assert dataset.images.size("train2017/1") == (80, 100)
    assert dataset.targets["train2017/1"].boxes.tolist() == [[0, 0, 100, 80]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_json_in_any_encoding(tmp_path, encoding):
    root = coco_root(tmp_path)
    (root / POOL).write_bytes(json.dumps(coco_content()).encode(encoding))
    assert coco(str(root)).pool == ("train2017/1", "train2017/2")


def test_keypoints_are_named(tmp_path):
    content = coco_content(annotations=rows({"keypoints": []}, {"image_id": 2}))
    content["categories"] = content["categories"][:1]
    for row in content["annotations"]:
        row["category_id"] = content["categories"][0]["id"]
    note, *_ = load(tmp_path, content, content).notes
    assert "is a file of keypoints, with boxes of people alone" in note


def test_keypoints_of_several_classes_are_all_there_are(tmp_path):
    content = coco_content(annotations=rows({"keypoints": []}, {"image_id": 2}))
    assert len(content["categories"]) > 1
    assert not load(tmp_path, content).notes


def test_an_annotation_file_may_not_be_a_link_to_outside(tmp_path):
    root = coco_root(tmp_path / "data")
    (root / POOL).rename(tmp_path / "x.json")
    (root / POOL).symlink_to(tmp_path / "x.json")
    with pytest.raises(DataError, match=r"a link out of the dataset: .*\(to .*x\.json\)"):
        coco(str(root))


@pytest.mark.parametrize("names", [("caf\u00e9", "cafe\u0301"), ("a b", "A_b")])
def test_nearly_one_name(tmp_path, names):
    content = coco_content(2)
    content["categories"] = [{"id": n, "name": name} for n, name in enumerate(names)]
    for number, row in enumerate(content["annotations"]):
        row["category_id"] = number
    (note,) = load(tmp_path, content, content).notes
    assert "have nearly one name" in note
