import json

import numpy as np
import pytest

from alframe.datasets.coco import coco
from alframe.errors import DataError

from .builders import coco_content, coco_root

POOL = "annotations/instances_train2017.json"


def load(root, pool=None, test=None, **options):
    return coco(str(coco_root(root, pool, test)), **options)


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
    some = coco_content(3, annotations=rows({"iscrowd": 1}, {"image_id": 3, "bbox": [9, 9, 0, 0]}))
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
        "dropped 2 degenerate boxes: train2017/1 (2)",
        "clipped 1 box to the image: train2017/1 (1)",
    )


def test_names_join_the_two_files_not_ids(tmp_path):
    test = coco_content(categories=[{"id": 90, "name": "zebra"}, {"id": 1, "name": "apple"}])
    pool = coco_content(annotations=rows({}, {"category_id": 3}))
    dataset = load(tmp_path, pool, test)
    assert dataset.classes == ("zebra", "apple")
    assert dataset.targets["train2017/1"].labels.tolist() == [1, 0]
    assert dataset.targets["val2017/1"].labels.tolist() == [0]


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


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match=r"nowhere is not a folder: expected one with annotations"):
        coco(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"train2017 is not a folder: .*set dataset\.pool_images"):
        coco(str(tmp_path))
    coco_root(tmp_path)
    with pytest.raises(DataError, match=r"x\.json is missing: expected COCO instances"):
        coco(str(tmp_path), test_annotations="x.json")
    with pytest.raises(DataError, match="leaves its folder"):
        coco(str(tmp_path), test_annotations="../x.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"train2017\.json cannot be read as JSON .*correct the file"),
        ("\xff", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[]", "expected an object with images, annotations and categories"),
        ("{}", "categories: expected a list, got nothing"),
        ('{"categories": [], "images": {}}', "images: expected a list, got {}"),
        ('{"categories": [{"id": 1}]}', "images: expected a list, got nothing"),
    ],
)
def test_malformed_file(tmp_path, text, message):
    coco_root(tmp_path)
    (tmp_path / POOL).write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=message):
        coco(str(tmp_path), on_bad_item="skip")


def test_malformed_categories(tmp_path):
    categories = [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}, {"name": "c"}, {"id": 2}, 7]
    with pytest.raises(DataError) as caught:
        load(tmp_path, coco_content(categories=categories), on_bad_item="skip")
    assert [problem.partition("json: ")[2] for problem in caught.value.problems] == [
        "categories[1]: the category appears twice (id 1, 'b')",
        "categories[2].id: expected a number or a string, got nothing",
        "categories[3].name: expected a string, got nothing",
        "categories[4]: expected an object with 'id', got 7",
    ]


BAD_OBJECTS = {
    "no image": ({"image_id": 77}, r"annotations\[0\]\.image_id: no image has the id 77"),
    "image id": ({"image_id": None}, r"image_id: expected a number or a string, got null"),
    "category": ({"category_id": 5}, r"category_id: no category has the id 5"),
    "bool": ({"category_id": True}, "category_id: expected a number or a string, got true"),
    "three": ({"bbox": [1, 2, 3]}, r"annotations\[0\]\.bbox: expected four numbers .*\[1, 2, 3\]"),
    "text": ({"bbox": [1, 2, 3, "4"]}, "bbox: expected four numbers"),
    "nan": ({"bbox": [1, 2, 3, float("nan")]}, "bbox: expected four numbers"),
    "huge": ({"bbox": [1, 2, 3, 10**400]}, "bbox: expected four numbers"),
    "crowd": ({"iscrowd": "no"}, 'iscrowd: expected 0 or 1, got "no"'),
    "area": ({"area": -1}, "area: expected a number >= 0, got -1"),
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
    "name": ({"file_name": 5}, r"images\[0\]\.file_name: expected a string, got 5"),
    "path": ({"file_name": "../../etc/passwd"}, r"images\[0\]\.file_name: .*leaves its folder"),
    "size": ({"height": 0}, r"images\[0\]\.height: expected a number of pixels >= 1, got 0"),
    "width": ({"width": "wide"}, r'images\[0\]\.width: .*got "wide"'),
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
    with pytest.raises(DataError, match=r"images\[1\]: the image appears twice \(id 1, '2.jpg'\)"):
        load(tmp_path, content)
    assert coco(str(tmp_path), on_bad_item="skip").pool == ("train2017/3",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2.jpg", r"images\[2\]: the image appears twice \(id 3, '2.jpg'\)"),
        ("2.png", r"images\[2\]: '2.png' and '2.jpg' differ in their suffix alone.*rename one"),
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
    with pytest.raises(DataError, match=r"1\.jpg is missing: replace the file, or set dataset"):
        coco(str(root))
    assert coco(str(root), on_bad_item="skip").pool == ("train2017/2",)
