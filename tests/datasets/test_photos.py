"""Any folder of pictures, annotated in part or not at all."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alframe.datasets.held_out import share_of, stratified
from alframe.datasets.photos import photos
from alframe.errors import AlframeError, DataError
from tests.datasets.builders import LABEL, image, photo_folder, voc_item, xml, xml_object

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "bccd"


def coco_file(path, names, boxes=((0, [10, 10, 20, 20]),)):
    content = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "annotations": [
            {"id": n, "image_id": image_id, "category_id": 1, "bbox": box}
            for n, (image_id, box) in enumerate(boxes)
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    path.write_text(json.dumps(content))
    return str(path)


@pytest.fixture
def root(tmp_path):
    return photo_folder(tmp_path / "photos")


def test_a_folder_of_pictures(root):
    dataset = photos(str(root), classes=["cat", "dog"])
    assert dataset.pool == ("a.jpg", "b.PNG", "sub/c.jpeg")
    assert (dataset.test, dataset.unannotated, dataset.targets) == ((), dataset.pool, {})
    assert (dataset.name, dataset.classes) == ("photos", ("cat", "dog"))
    assert dataset.images.size("sub/c.jpeg") == (80, 100)
    assert dataset.images.read("b.PNG").shape == (80, 100, 3)
    assert dataset.notes == ()


def test_what_is_left_out_is_counted_and_named(root):
    (root / "notes.txt").write_text("hello")
    (root / ".hidden.jpg").write_bytes(b"x")
    (root / "raw.CR2").write_bytes(b"x")
    run = root / "runs" / "one"
    image(run / "queries" / "thumbnail.jpg")
    image(root / "@eaDir" / "a.jpg" / "SYNOPHOTO_THUMB_XL.jpg")
    image(root / "round" / "thumbnails" / "0001.jpg")
    image(root / "found" / "a.png")
    made = {"round": ("query.json", "images.txt", "README.txt"), "found": (".alframe-drawn",)}
    for folder, names in {"runs/one": ("journal.jsonl", "manifest.json"), **made}.items():
        for name in names:
            (root / folder / name).touch()
    dataset = photos(str(root), classes=["cat"])
    assert len(dataset.pool) == 3
    assert sorted(dataset.notes) == [
        f"left out of {root}: 1 file of a format that is not read (convert it to JPEG or PNG): "
        "raw.CR2",
        f"left out of {root}: 1 file of a query of alframe (to take it, give the folder of the "
        "pictures itself): round",
        f"left out of {root}: 1 file of a run of alframe: runs/one",
        f"left out of {root}: 1 file of a system (@eaDir, __MACOSX, lost+found): @eaDir",
        f"left out of {root}: 1 file of pictures that were drawn (to take them, give that folder "
        "itself): found",
        f"left out of {root}: 1 file with a name that begins with a dot: .hidden.jpg",
        f"left out of {root}: 1 file without an image in it: notes.txt",
    ]


def test_pictures_are_not_opened_before_they_are_needed(root, monkeypatch):
    monkeypatch.setattr("PIL.Image.open", lambda *_: pytest.fail("opened"))
    assert len(photos(str(root), classes=["cat"]).pool) == 3


def test_without_pictures_or_classes(tmp_path, root):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").touch()
    with pytest.raises(DataError, match=r"empty holds no image \(.*; left out of .*: a.txt"):
        photos(str(tmp_path / "empty"), classes=["a"])
    with pytest.raises(DataError, match="no is not a folder: expected one with pictures"):
        photos(str(tmp_path / "no"), classes=["a"])
    with pytest.raises(DataError, match=r"dataset.classes: nothing is annotated yet.*=\[cat,dog\]"):
        photos(str(root))
    with pytest.raises(DataError, match="names a class twice"):
        photos(str(root), classes=["a", "a"])
    with pytest.raises(DataError, match="class without a name"):
        photos(str(root), classes=["a", ""])


def test_what_is_known_already(root, tmp_path):
    file = coco_file(tmp_path / "known.json", ["a.jpg", "photos/sub/C.jpg"])
    dataset = photos(str(root), annotations=file)
    assert dataset.classes == ("cat", "dog")
    assert dataset.unannotated == ("b.PNG",)
    assert dataset.targets["a.jpg"].boxes.tolist() == [[10, 10, 30, 30]]
    assert dataset.targets["sub/c.jpeg"].boxes.shape == (0, 4)  # listed: looked at, and empty
    assert dataset.notes[0].startswith("1 name that is given differs from its file")
    assert dataset.notes[1:] == (
        "took 1 image of 2 that the annotations list without an object for empty: sub/c.jpeg; if "
        "nobody looked at them, set dataset.listed=unlabelled",
        "no object is annotated yet of dog",
    )
    asked = photos(str(root), annotations=file, listed="unlabelled")
    assert asked.unannotated == ("b.PNG", "sub/c.jpeg")
    assert asked.notes[1:] == ("no object is annotated yet of dog",)
    assert photos(str(root), annotations=file, listed="empty").notes[1:] == asked.notes[1:]
    none = coco_file(tmp_path / "none.json", ["sub/c.jpeg"], boxes=())
    with pytest.raises(DataError, match=r"list, all without an object: sub/c.jpeg; set dataset.l"):
        photos(str(root), annotations=none, classes=["dog"])


def test_folders_of_other_formats(root, tmp_path):
    voc_item(tmp_path / "voc", "a", xml(xml_object("bird")))
    dataset = photos(str(root), annotations=str(tmp_path / "voc" / "Annotations"))
    assert (dataset.classes, len(dataset.unannotated)) == (("bird",), 2)
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "a.txt").write_text(LABEL)
    with pytest.raises(DataError, match="numbers for classes and no names"):
        photos(str(root), annotations=str(labels))
    numbered = photos(str(root), annotations=str(labels), classes=["cow", "hen"])
    assert numbered.targets["a.jpg"].boxes.round(3).tolist() == [[40, 30, 60, 50]]
    assert numbered.targets["a.jpg"].labels.tolist() == [0]


def test_all_that_is_wrong_with_annotations_is_told(root, tmp_path):
    (root / "broken.jpg").write_bytes(b"no picture")
    names = ["nowhere.jpg", "broken.jpg", "a.jpg"]
    boxes = ((1, [0, 0, 5, 5]), (2, [0, 0, "x", 5]), (2, [1, 1, 9, 9]))
    file = coco_file(tmp_path / "known.json", names, boxes)
    with pytest.raises(DataError) as caught:
        photos(str(root), annotations=file)
    told = "\n".join(caught.value.problems)
    assert f"a name is that of no picture of the dataset: {file}" in told
    assert "'nowhere.jpg'" in told
    assert "annotations.bbox: expected four finite numbers" in told
    assert f"the file is not an image of a kind that is read: {root}/broken.jpg" in told
    rest = photos(str(root), annotations=file, on_bad_item="skip")
    assert rest.pool == ("b.PNG", "sub/c.jpeg")
    assert "skipped 3 bad items" in rest.notes[0]
    with pytest.raises(DataError, match=r"dataset.annotations=no: nothing lies there"):
        photos(str(root), annotations="no")


def test_of_two_pictures_that_a_name_may_mean_both_are_named(root, tmp_path):
    image(root / "sub" / "a.jpg")
    image(root / "sub" / "d.jpg")
    image(root / "d.jpg")
    image(root / "c.jpg")
    names = ["a.jpg", "other/a.jpg", "e/sub/d.jpg", "D.jpg"]
    with pytest.raises(DataError) as caught:
        photos(str(root), annotations=coco_file(tmp_path / "k.json", names))
    (told,) = caught.value.problems
    assert told.startswith("the name of an image may mean several files: ")
    assert "other/a.jpg (a.jpg, sub/a.jpg)" in told


def test_one_that_an_annotator_gave_up_is_left_out(root, tmp_path):
    path = Path(coco_file(tmp_path / "known.json", ["a.jpg", "b.PNG"]))
    content = json.loads(path.read_text())
    content["images"][1]["ignored"] = 1
    path.write_text(json.dumps(content))
    dataset = photos(str(root), annotations=str(path))
    assert dataset.pool == ("a.jpg", "sub/c.jpeg")
    assert "left out 1 image that an annotator gave up: b.PNG" in dataset.notes


class TestSplit:
    @pytest.fixture
    def many(self, tmp_path):
        """Twenty pictures, sixteen of them annotated, four with a dog."""
        names = [f"{n:02}.jpg" for n in range(20)]
        photo_folder(tmp_path / "photos", names)
        for n in range(16):
            inner = xml_object("dog" if n % 4 == 0 else "cat")
            voc_item(tmp_path / "voc", f"{n:02}", xml(inner))
        return str(tmp_path / "photos"), str(tmp_path / "voc" / "Annotations")

    def test_a_share_of_the_annotated_ones(self, many):
        root, known = many
        dataset = photos(root, annotations=known, test="25%")
        assert (len(dataset.pool), len(dataset.test), len(dataset.unannotated)) == (16, 4, 4)
        shown = Counter(dataset.classes[dataset.targets[i].labels[0]] for i in dataset.test)
        assert shown == {"cat": 3, "dog": 1}
        assert dataset.notes[0].startswith(
            "the test split is drawn: 4 images of 16 annotated, by class (dataset.test=25%, "
            f"dataset.test_seed=0): {', '.join(dataset.test)}"
        )

    def test_the_seed_decides_alone(self, many):
        root, known = many
        drawn = [photos(root, annotations=known, test="25%", test_seed=s) for s in (0, 0, 1)]
        assert drawn[0].test == drawn[1].test != drawn[2].test
        assert drawn[0].fingerprint() == drawn[1].fingerprint() != drawn[2].fingerprint()

    def test_ids_in_a_file(self, many, tmp_path):
        root, known = many
        (tmp_path / "test.txt").write_bytes("\ufeff03.jpg\r\n\r\n 04.JPG\r\n05\r\n".encode())
        dataset = photos(root, annotations=known, test=str(tmp_path / "test.txt"))
        assert dataset.test == ("03.jpg", "04.jpg", "05.jpg")
        assert len(dataset.pool) == 17

    def test_every_wrong_line_of_a_file_is_named(self, many, tmp_path):
        root, known = many
        (tmp_path / "test.txt").write_text("03.jpg\nno.jpg\n19.jpg\n../../etc/passwd\n")
        with pytest.raises(DataError) as caught:
            photos(root, annotations=known, test=str(tmp_path / "test.txt"))
        assert [line.partition("; ")[0] for line in caught.value.problems] == [
            "a name is that of no picture of the dataset (2 times): 'no.jpg', '../../etc/passwd'",
            "the annotation is missing: 19.jpg",
        ]

    @pytest.mark.parametrize("test", [20, "20", "0%", "100%", "200%", "0.0 %"])
    def test_no_share(self, many, test):
        with pytest.raises(DataError, match=r"expected a share .* budget.test=N"):
            photos(many[0], classes=["cat"], test=test)

    @pytest.mark.parametrize("text", [b"", b"\n \n", b"\xff\xfe\xff"])
    def test_no_file(self, many, tmp_path, text):
        (tmp_path / "test.txt").write_bytes(text)
        with pytest.raises(DataError, match=r"(is empty|cannot be read)"):
            photos(many[0], classes=["cat"], test=str(tmp_path / "test.txt"))
        with pytest.raises(DataError, match=r"cannot be read .*, or a share as 20%"):
            photos(many[0], classes=["cat"], test=str(tmp_path))

    def test_nothing_to_draw_from(self, many):
        with pytest.raises(
            DataError, match=r"draws nothing from 0 annotated images, .* budget.test"
        ):
            photos(many[0], classes=["cat"], test="20%")


@given(
    st.dictionaries(st.integers(0, 10**6).map(str), st.sets(st.sampled_from("abcd")), min_size=2),
    st.floats(0.01, 0.99),
    st.integers(0, 3),
)
def test_a_stratified_share(classes, share, seed):
    drawn = stratified(classes, share, seed)
    assert drawn == sorted(set(drawn)) == stratified(dict(reversed(classes.items())), share, seed)
    assert set(drawn) < set(classes)
    groups = len({frozenset(names) for names in classes.values()})
    assert abs(len(drawn) - share * len(classes)) <= groups + 1


def test_each_class_has_its_share():
    classes = {f"{n}": {"common"} for n in range(80)} | {
        f"r{n}": {"rare", "common"} for n in "1234567890"
    }
    drawn = stratified(classes, 0.2, 0)
    assert (len(drawn), sum(item.startswith("r") for item in drawn)) == (18, 2)
    more = stratified({**classes, "new": {"common"}}, 0.2, 0)
    assert len(set(drawn) - set(more)) <= 1  # few change when another image comes


def test_the_largest_remainder_gives_what_is_left():
    """30 % of 8 and of 9 images: 2.4 and 2.7, of 5.1 in all."""
    classes = {f"{name}{n}": {name} for name, count in (("a", 8), ("b", 9)) for n in range(count)}
    assert [item[0] for item in stratified(classes, 0.3, 0)] == ["a", "a", "b", "b", "b"]


def test_a_share_of_less_than_half_an_image_is_one():
    assert len(stratified({f"{n}": {"cat"} for n in range(10)}, 0.01, 0)) == 1


def test_the_order_in_which_an_image_names_its_classes_does_not_matter():
    """A set of names has another one in every process: of classes as rare the first counts."""
    classes = {f"{name}{n}": list(name) for name in ("a", "b", "ab") for n in range(10)}
    turned = {item: names[::-1] for item, names in classes.items()}
    for seed in range(5):
        assert stratified(classes, 0.3, seed) == stratified(turned, 0.3, seed)


def test_shares():
    assert [share_of(t) for t in ("20%", " 7.5 % ", "test.txt", "a20%")] == [0.2, 0.075, None, None]


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/bccd")
def test_real_photographs(tmp_path):
    names = sorted((REAL / "Annotations").glob("*.xml"))[:40]
    (tmp_path / "known").mkdir()
    for path in names:
        shutil.copy(path, tmp_path / "known")
    dataset = photos(str(REAL), annotations=str(tmp_path / "known"), test="20%")
    assert (len(dataset.pool), len(dataset.test), len(dataset.unannotated)) == (356, 8, 324)
    assert dataset.pool[0].startswith("JPEGImages/BloodImage_")
    assert dataset.classes == ("Platelets", "RBC", "WBC")
    assert any("left out of" in note and "files without an image" in note for note in dataset.notes)


def test_every_error_is_one_for_users(root):
    for wrong in ({"annotations": str(root)}, {"annotations": str(root / "a.jpg")}):
        with pytest.raises(AlframeError, match="holds no annotations in a known format"):
            photos(str(root), **wrong)
