"""Reading folders of masks, and what is wrong with them."""

import shutil
import struct
from pathlib import Path
from zlib import compress, crc32

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from alframe.datasets.base import IGNORED, Dataset
from alframe.errors import AlframeError, DataError
from alframe.tasks.segmentation.mask_files import MaskCoding, MaskFile
from alframe.tasks.segmentation.mask_folders import masks
from alframe.tasks.segmentation.voc_seg import CLASSES, voc_seg
from tests.tasks.segmentation.builders import (
    SHAPE,
    mask_folder,
    two_parts,
    voc_seg_folder,
    write_pair,
)


def mask_of(dataset: Dataset, item: str) -> np.ndarray:
    read = dataset.targets[item].mask
    assert read
    return read()


def test_split_folders(tmp_path: Path) -> None:
    found = masks(str(mask_folder(tmp_path)))
    assert found.pool == tuple(f"images/train/{n}.png" for n in range(4))
    assert found.test == ("images/test/0.png", "images/test/1.png")
    assert found.classes == ("0", "1")
    assert found.task == "segmentation"
    assert mask_of(found, found.pool[1]).tolist() == two_parts(1).tolist()
    assert found.targets[found.pool[0]].labels.tolist() == [0, 1]
    with pytest.raises(DataError, match=r"dataset\.test=mine\.txt is a list, and .* a test folder"):
        masks(str(tmp_path), test="mine.txt")
    shutil.copy(tmp_path / "masks/train/0.png", tmp_path / "masks/train/9.png")
    notes = masks(str(tmp_path)).notes
    assert [n for n in notes if "mask" in n] == ["1 mask without an image: masks/train/9.png"]


@pytest.mark.parametrize(
    ("pool", "test"), [("Train", "Test"), ("train", "validation"), ("TRAINING", "Testing")]
)
def test_other_names_of_the_splits(tmp_path: Path, pool: str, test: str) -> None:
    mask_folder(tmp_path)
    for kind in ("images", "masks"):
        (tmp_path / kind / "test").rename(tmp_path / kind / "held")
        (tmp_path / kind / "train").rename(tmp_path / kind / pool)
        (tmp_path / kind / "held").rename(tmp_path / kind / test)
    found = masks(str(tmp_path))
    assert found.pool == tuple(f"images/{pool}/{n}.png" for n in range(4))
    assert found.test == (f"images/{test}/0.png", f"images/{test}/1.png")
    assert not [note for note in found.notes if "left out" in note]


def test_folders_beside_those_of_the_splits_are_noted(tmp_path: Path) -> None:
    mask_folder(tmp_path)
    for split, count in (("val", 2), ("more", 1)):
        for n in range(count):
            pair = (tmp_path / f"{kind}/{split}/{n}.png" for kind in ("images", "masks"))
            write_pair(*pair, two_parts(n))
    beside = "3 pictures beside pool and test split: images/more (1), images/val (2)"
    assert f"left out of {tmp_path}: {beside}" in masks(str(tmp_path)).notes


def test_a_test_folder_and_none_of_the_pool(tmp_path: Path) -> None:
    mask_folder(tmp_path)
    for kind in ("images", "masks"):
        (tmp_path / kind / "train").rename(tmp_path / kind / "mine")
        (tmp_path / kind / "test").rename(tmp_path / kind / "Test")
    with pytest.raises(DataError, match="images/Test is a folder to test on, and there is none"):
        masks(str(tmp_path))
    (tmp_path / "Test.txt").write_text("Test/0\nTest/1\n")
    assert masks(str(tmp_path)).test == ("images/Test/0.png", "images/Test/1.png")


def test_names_and_lists(tmp_path: Path) -> None:
    for n in range(5):
        write_pair(tmp_path / f"images/{n}.jpg", tmp_path / f"masks/{n}_mask.png", two_parts(n))
    (tmp_path / "classes.txt").write_text("road\nsky\ncar\n")
    (tmp_path / "train.txt").write_text("2.jpg\nimages/0.jpg\n1\n")
    (tmp_path / "val.txt").write_text("3\n")
    found = masks(str(tmp_path), mask_suffix="_mask")
    assert found.classes == ("road", "sky", "car")
    assert (found.pool, found.test) == (
        ("images/0.jpg", "images/1.jpg", "images/2.jpg"),
        ("images/3.jpg",),
    )
    for split in ("pool", "test split"):
        assert f"no mask of the {split} shows 1 class: car" in found.notes
    beside = "1 picture beside pool and test split: images/4.jpg"
    assert f"left out of {tmp_path}: {beside}" in found.notes
    (tmp_path / "val.txt").write_text("3\n9\n")
    with pytest.raises(DataError, match="no picture of the dataset: '9'"):
        masks(str(tmp_path), mask_suffix="_mask")
    (tmp_path / "val.txt").write_text("3\n")
    (tmp_path / "pool.txt").write_text("0\n1\n2\n4\n")
    assert len(masks(str(tmp_path), mask_suffix="_mask").pool) == 4
    for name in ("train.txt", "pool.txt"):
        (tmp_path / name).unlink()
    rest = masks(str(tmp_path), mask_suffix="_mask")
    assert (len(rest.pool), rest.test) == (4, ("images/3.jpg",))
    (tmp_path / "val.txt").unlink()
    whole = masks(str(tmp_path), mask_suffix="_mask")
    assert (len(whole.pool), len(whole.test)) == (5, 0)
    shutil.copy(tmp_path / "masks/0_mask.png", tmp_path / "masks/9_mask.png")
    drawn = masks(str(tmp_path), mask_suffix="_mask", test="40%")
    assert any(note.startswith("1 mask without an image") for note in drawn.notes)
    assert (len(drawn.pool), len(drawn.test)) == (3, 2)
    assert any("the test split is drawn: 2 images of 5" in note for note in drawn.notes)
    others = [masks(str(tmp_path), mask_suffix="_mask", test="40%", test_seed=n) for n in (1, 2, 3)]
    assert {each.test for each in others} != {drawn.test}


def test_camvid(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("val", 1), ("test", 2)):
        for n in range(count):
            values = two_parts(n, (3, 10))
            values[0] = 11
            write_pair(tmp_path / f"{split}/{n}.png", tmp_path / f"{split}annot/{n}.png", values)
    found = masks(str(tmp_path), ignore_index=11, classes=[f"c{n}" for n in range(11)])
    assert (len(found.pool), found.test) == (3, ("test/0.png", "test/1.png"))
    left = f"left out of {tmp_path}: 1 picture beside pool and test split: val/0.png"
    assert left in found.notes
    assert np.unique(mask_of(found, "test/0.png")).tolist() == [3, 10, IGNORED]
    with pytest.raises(DataError, match=r"no class: expected 0 to 10 or 255 .*\(11\)"):
        masks(str(tmp_path), classes=[f"c{n}" for n in range(11)])
    with pytest.raises(DataError, match=r"no class: expected 1 to 10, 0 .* or 255 .*\(11\)"):
        masks(str(tmp_path), reduce_zero_label=True, classes=[f"c{n}" for n in range(10)])


@pytest.mark.parametrize(
    ("options", "values", "expected"),
    [
        ({}, [0, 1, 255], [0, 1, 255]),
        ({"ignore_index": 1, "classes": ["a", "b", "c"]}, [0, 1, 2], [0, 255, 2]),
        ({"ignore_index": None}, [0, 1, 2], [0, 1, 2]),
        ({"reduce_zero_label": True}, [0, 1, 2, 255], [255, 0, 1, 255]),
        ({"reduce_zero_label": True, "ignore_index": 2}, [0, 1, 2, 3], [255, 0, 255, 2]),
        ({"binary": True}, [0, 255], [0, 1]),
        ({"binary": True, "ignore_index": 128}, [0, 128, 255], [0, 255, 1]),
    ],
)  # fmt: skip
def test_what_values_mean(
    tmp_path: Path, options: dict[str, object], values: list[int], expected: list[int]
) -> None:
    row = np.resize(np.array(values, np.uint8), SHAPE)
    for split in ("train", "test"):
        write_pair(tmp_path / f"images/{split}/0.png", tmp_path / f"masks/{split}/0.png", row)
    found = masks(str(tmp_path), **options)  # type: ignore[arg-type]
    means = dict(zip(values, expected, strict=True))
    assert mask_of(found, found.pool[0]).tolist() == [[means[v] for v in r] for r in row.tolist()]


@pytest.mark.parametrize(
    ("options", "needle"),
    [
        ({"binary": True, "reduce_zero_label": True}, "contradict one another"),
        ({"ignore_index": 256}, "expected a value of 0 to 255 or null, got 256"),
        ({"classes": ["a"]}, "the names of 2 to 255 classes, got 1"),
        ({"classes": ["a", "a"]}, "expected different names"),
        ({"test": "20%"}, "makes a test split, and .* has one"),
        ({"test": "7"}, "expected a share"),
        ({"test": "-5%"}, "expected a share"),
        ({"test": "1e9"}, "expected a share"),
        ({"test": "nan"}, "expected a share"),
        ({"test": 0.2}, "dataset.test=0.2: expected a share"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: dict[str, object], needle: str) -> None:
    mask_folder(tmp_path)
    with pytest.raises(AlframeError, match=needle):
        masks(str(tmp_path), **options)  # type: ignore[arg-type]


def broken_root(root: Path) -> Path:
    """A root with one mask of each kind of trouble."""
    mask_folder(root, pool=9)
    home = root / "masks/train"
    (home / "0.png").unlink()
    (home / "1.png").rename(home / "1_mask.png")
    Image.fromarray(np.zeros((16, 7), np.uint8)).save(home / "2.png")
    Image.fromarray(np.full(SHAPE, 9, np.uint8)).save(home / "3.png")
    Image.fromarray(np.zeros((*SHAPE, 3), np.uint8)).save(home / "4.png")
    (home / "5.png").write_bytes(b"no picture")
    Image.fromarray(np.full(SHAPE, 700, np.uint16)).save(home / "6.png")
    Image.fromarray(np.zeros(SHAPE[::-1], np.uint8)).save(home / "7.png")
    return root


def test_an_overlap_is_said_beside_masks_that_are_missing(tmp_path: Path) -> None:
    home = voc_seg_folder(tmp_path) / "VOC2012"
    (home / "SegmentationClass/0.png").unlink()
    (home / "ImageSets/Segmentation/val.txt").write_text("1\n2\n3\n")
    with pytest.raises(DataError) as raised:
        voc_seg(str(tmp_path))
    common, missing = raised.value.problems
    assert "0.png" in missing
    assert "must not overlap: 1; take" in common
    (home / "ImageSets/Segmentation/train.txt").write_text("1\n2\n")
    (home / "ImageSets/Segmentation/val.txt").write_text("1\n3\n")
    (home / "SegmentationClass/1.png").unlink()
    skipped = voc_seg(str(tmp_path), on_bad_item="skip")  # what is left out is in neither
    assert (skipped.pool, skipped.test) == (("2",), ("3",))


def test_all_that_is_wrong_is_said_at_once_a_line_a_cause(tmp_path: Path) -> None:
    broken_root(tmp_path)
    with pytest.raises(DataError) as caught:
        masks(str(tmp_path), classes=["a", "b"])
    lines = caught.value.problems
    assert len(lines) == 6
    text = "\n".join(lines)
    for needle in (
        "the mask is missing (2 times): ",
        "add the file (1 mask without an image: masks/train/1_mask.png), or set",
        "the mask has width and height of its image swapped, as where its EXIF orientation",
        "7.png (12 x 16, the image 16 x 12)",
        "the mask has another size than its image: ",
        "2.png (7 x 16, the image 16 x 12)",
        "the mask has values that are no class: expected 0 to 1 or 255",
        "3.png (9)",
        "6.png (700)",
        "the mask has 3 channels (RGB), expected one of class numbers",
        "the mask cannot be read as an image",
        "or set dataset.on_bad_item=skip",
    ):
        assert needle in text, text
    kept = masks(str(tmp_path), classes=["a", "b"], on_bad_item="skip")
    assert kept.pool == ("images/train/8.png",)
    assert any(note.startswith("skipped 8 bad items") for note in kept.notes)


def test_a_mask_is_not_decoded_before_it_fits_its_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixels beyond Pillow's limit are as many as those of the image, which has a limit of ours."""
    mask_folder(tmp_path)
    home = tmp_path / "masks/train"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2)  # of more than 4 an error
    assert len(masks(str(tmp_path)).pool) == 4
    Image.fromarray(np.zeros((16, 7), np.uint8)).save(home / "0.png")
    (home / "0.png").write_bytes((home / "0.png").read_bytes()[:45])  # its header alone
    Image.new("L", SHAPE[::-1]).save(home / "1.png", format="EPS")
    monkeypatch.setattr(EpsImagePlugin.EpsImageFile, "load", lambda _: pytest.fail("it is started"))
    with pytest.raises(DataError) as caught:
        masks(str(tmp_path))
    text = str(caught.value)
    assert "0.png (7 x 16, the image 16 x 12)" in text, text
    assert "the mask cannot be read as an image: " in text, text


def test_binary_masks_that_were_not_said_to_be(tmp_path: Path) -> None:
    mask_folder(tmp_path, classes=(0, 255))
    found = masks(str(tmp_path), binary=True)
    assert found.classes == ("background", "foreground")
    (tmp_path / "classes.txt").write_text("road\nroof\n")
    assert masks(str(tmp_path), binary=True).classes == ("road", "roof")
    (tmp_path / "classes.txt").unlink()
    Image.fromarray(np.full(SHAPE, 700, np.uint16)).save(tmp_path / "masks/train/0.png")
    with pytest.raises(DataError, match=r"the mask has values above 255: .*0\.png"):
        found.targets["images/train/0.png"].mask()  # type: ignore[misc]
    mask_folder(tmp_path, classes=(0, 255))
    remedy = r"set dataset\.ignore_index=255 if it is no class, or dataset\.binary=true if the mask"
    with pytest.raises(DataError, match=remedy):
        masks(str(tmp_path), ignore_index=None, classes=["a", "b"])
    with pytest.raises(DataError, match=r"if 255 is one, set dataset.binary=true"):
        masks(str(tmp_path))
    mask_folder(tmp_path / "other", classes=(0, 1))
    with pytest.raises(DataError, match=r"expected 0 and 255 \(dataset.binary=true\)"):
        masks(str(tmp_path / "other"), binary=True)


def test_masks_with_an_ending_of_their_own(tmp_path: Path) -> None:
    mask_folder(tmp_path, pool=3, test=0)
    for number in (2, 1, 0):  # also where some of the images have their masks
        mask = tmp_path / f"masks/train/{number}.png"
        mask.rename(mask.with_stem(f"{mask.stem}_mask"))
        with pytest.raises(DataError, match=r"they are theirs, set dataset\.mask_suffix=_mask\)"):
            masks(str(tmp_path))
    with pytest.raises(DataError, match=r"^no image of .* is left: skipped 3 bad items"):
        masks(str(tmp_path), on_bad_item="skip")
    assert len(masks(str(tmp_path), mask_suffix="_mask").pool) == 3
    (tmp_path / "masks/train/0_mask.png").rename(tmp_path / "masks/train/0_label.png")
    with pytest.raises(DataError, match="3 masks without an image") as caught:
        masks(str(tmp_path))
    assert "if they are theirs" not in str(caught.value)


def test_layouts_that_are_others(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        masks(str(tmp_path / "gone"))
    with pytest.raises(DataError, match="holds nothing: expected images and masks"):
        masks(str(tmp_path))
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match="holds no picture"):
        masks(str(tmp_path))


def test_no_mask_from_outside(tmp_path: Path) -> None:
    root = mask_folder(tmp_path / "root")
    shutil.move(root / "masks/train/0.png", tmp_path / "outside.png")
    (root / "masks/train/0.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(DataError, match="a link out of the dataset"):
        masks(str(root))


def test_voc(tmp_path: Path) -> None:
    found = voc_seg(str(voc_seg_folder(tmp_path)))
    assert found.classes == CLASSES
    assert (found.pool, found.test) == (("0", "1"), ("2", "3"))
    assert np.unique(mask_of(found, "0")).tolist() == [0, 15, IGNORED]
    assert [CLASSES[n] for n in found.targets["0"].labels] == ["background", "person"]
    with pytest.raises(DataError, match=r"trainval.txt is missing: .* there are train, val"):
        voc_seg(str(tmp_path), pool="trainval")
    with pytest.raises(DataError, match="holds VOC2012: expected JPEGImages, Aug"):
        voc_seg(str(tmp_path), masks="Aug")
    with pytest.raises(AlframeError, match="leaves its folder"):
        voc_seg(str(tmp_path), pool="../x")
    shutil.copytree(tmp_path / "VOC2012/SegmentationClass", tmp_path / "VOC2012/Aug")
    (tmp_path / "VOC2012/SegmentationClass/0.png").unlink()
    assert voc_seg(str(tmp_path), masks="Aug").pool == ("0", "1")
    shutil.copytree(tmp_path / "VOC2012", tmp_path / "VOC2007")
    with pytest.raises(DataError, match="holds VOC2007, VOC2012: name one"):
        voc_seg(str(tmp_path))


def test_voc_with_folders_in_its_lists(tmp_path: Path) -> None:
    home = voc_seg_folder(tmp_path) / "VOC2012"
    for name in ("JPEGImages/{}.jpg", "SegmentationClass/{}.png"):
        place = home / name.format("sub/0")
        place.parent.mkdir()
        (home / name.format("0")).rename(place)
    (home / "ImageSets/Segmentation/train.txt").write_text("sub/0\n1\n")
    found = voc_seg(str(tmp_path))
    assert (found.pool, found.test) == (("1", "sub/0"), ("2", "3"))
    assert np.unique(mask_of(found, "sub/0")).tolist() == [0, 15, IGNORED]


def test_two_images_of_one_mask(tmp_path: Path) -> None:
    root = mask_folder(tmp_path / "folders")
    shutil.copy(root / "images/train/0.png", root / "images/train/0.jpg")
    shutil.copy(root / "masks/train/0.png", root / "masks/train/9.png")
    two = "two images have one mask, as their names differ in the suffix alone"
    images = r"masks/train/0\.png \(images/train/0\.jpg and images/train/0\.png\)"
    with pytest.raises(DataError, match=rf"{two}: .*{images}; rename one of them and its mask, or"):
        masks(str(root))
    found = masks(str(root), on_bad_item="skip")
    assert found.pool == tuple(f"images/train/{n}.png" for n in (1, 2, 3))
    assert "1 mask without an image: masks/train/9.png" in found.notes

    root = voc_seg_folder(tmp_path / "voc")
    shutil.copy(root / "VOC2012/JPEGImages/0.jpg", root / "VOC2012/JPEGImages/0.png")
    with pytest.raises(DataError, match=rf"{two}: .*SegmentationClass/0\.png \(0\.jpg and 0\.png"):
        voc_seg(str(root))
    found = voc_seg(str(root), on_bad_item="skip")
    assert (found.pool, found.test) == (("1",), ("2", "3"))


def test_one_class_alone(tmp_path: Path) -> None:
    mask_folder(tmp_path, classes=(0, 0))
    with pytest.raises(DataError, match="show no class but 0"):
        masks(str(tmp_path))
    mask_folder(tmp_path, classes=(0, 1))
    with pytest.raises(DataError, match=r"no class but 1, .* leave out dataset.reduce_zero_label"):
        masks(str(tmp_path), reduce_zero_label=True)


def test_names_of_classes_do_not_hide_a_binary_mask(tmp_path: Path) -> None:
    mask_folder(tmp_path, classes=(0, 255))
    (tmp_path / "classes.txt").write_text("road\ncar\n")
    with pytest.raises(DataError, match=r"no class but road, .* set dataset\.binary=true"):
        masks(str(tmp_path))
    assert masks(str(tmp_path), binary=True).classes == ("road", "car")
    mask_folder(
        tmp_path, classes=(0, 0)
    )  # of one class, and nothing is ignored: fine to measure on
    for binary in (False, True):
        assert masks(str(tmp_path), binary=binary).classes == ("road", "car")


def test_masks_of_other_kinds(tmp_path: Path) -> None:
    root = mask_folder(tmp_path)
    home = root / "masks/train"
    Image.fromarray(two_parts(0)).save(home / "0.gif")
    with pytest.raises(DataError, match=r"two masks of one name but for the suffix, as of 0\.gif"):
        masks(str(root))
    for name in ("0.gif", "0.png", "1.png", "2.png"):
        (home / name).unlink()
    Image.fromarray(np.full(SHAPE, -255, np.int32)).save(home / "2.tif")
    Image.fromarray(two_parts(0)).save(home / "0.jpg")
    Image.fromarray(np.full(SHAPE, 0.5, np.float32)).save(home / "1.tif")
    with pytest.raises(DataError) as caught:
        masks(str(root))
    text = str(caught.value)
    assert "is a JPEG, whose values are not those that were saved" in text
    assert "values that are no whole numbers (F)" in text
    assert "2.tif (-255)" in text


@pytest.mark.parametrize("orientation", [2, 3, 4, 6, 8])
def test_a_mask_is_turned_as_its_image_is(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    mask_folder(tmp_path)
    for kind in ("images", "masks"):
        path = tmp_path / kind / "train/1.png"
        with Image.open(path) as picture:
            picture.load()
        picture.save(path, exif=exif)
    dataset = masks(str(tmp_path))
    target = dataset.targets["images/train/1.png"]
    assert target.mask
    shown, mask = np.asarray(dataset.images.read("images/train/1.png")), target.mask()
    assert shown.shape[:2] == mask.shape
    assert (shown[..., 1] == 255 - mask).all(), "the image shows what the mask says"


def test_masks_of_one_bit(tmp_path: Path) -> None:
    """1 is class 1; where masks are of 0 and 255, a white pixel is 255."""
    mask_folder(tmp_path)
    path = tmp_path / "masks/train/1.png"
    values = np.asarray(Image.open(path))
    Image.fromarray(values > 0).save(path)
    target = masks(str(tmp_path)).targets["images/train/1.png"]
    assert target.mask
    assert (target.mask() == values).all()
    for each in (tmp_path / "masks").rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(each)) > 0).save(each)
    target = masks(str(tmp_path), binary=True).targets["images/train/1.png"]
    assert target.mask
    assert (target.mask() == values).all()


def test_names_by_their_lines(tmp_path: Path) -> None:
    mask_folder(tmp_path)
    (tmp_path / "classes.txt").write_bytes(b"\xef\xbb\xbfroad\r\ncar\r\n\r\n")
    assert masks(str(tmp_path)).classes == ("road", "car")
    (tmp_path / "classes.txt").write_text("road\n\ncar\n")
    with pytest.raises(AlframeError, match=r"classes\.txt: line 2 is empty, and a line is the num"):
        masks(str(tmp_path))
    (tmp_path / "classes.txt").write_text("road\ncar\nroad\n")
    with pytest.raises(AlframeError, match=r"classes\.txt: expected different names, 'road' is th"):
        masks(str(tmp_path))


def test_palettes_that_number_the_colours_of_each_mask_anew(tmp_path: Path) -> None:
    """As programs do that reduce the colours of each picture by itself."""
    mask_folder(tmp_path)
    black, red, green = (0, 0, 0), (255, 0, 0), (0, 255, 0)

    def write(palettes: list[list[tuple[int, int, int]]]) -> None:
        for number, colours in enumerate(palettes):
            path = tmp_path / f"masks/train/{number}.png"
            with Image.open(path) as mask:
                values = np.asarray(mask).astype(np.uint8) % len(colours)
            picture = Image.fromarray(values).convert("P")
            picture.putdata(values.flatten().tolist())
            picture.putpalette([part for colour in colours for part in colour])
            picture.save(path)

    write([[black, red]] * 4)
    assert masks(str(tmp_path)).classes == ("0", "1")
    write([[black, red], [black, green], [black, black], [black, red]])
    assert masks(str(tmp_path)).classes == ("0", "1"), "colours by chance, numbers as they are"
    write([[black, red], [red, black], [black, red], [black, red]])
    with pytest.raises(
        DataError, match=r"palettes of masks differ, .*: the colour .* is 0 in .* an"
    ):
        masks(str(tmp_path))


def grey_png(depth: int, values: list[int]) -> bytes:
    """One row of grey of a few bits, which Pillow does not write."""
    bits = "".join(f"{value:0{depth}b}" for value in values)
    row = b"\0" + int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(
        -(-len(bits) // 8), "big"
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(values), 1, depth, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", compress(row)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(
    ("depth", "values"), [(2, [0, 1, 2, 3, 1]), (4, [0, 9, 15, 3]), (8, [7, 85])]
)
def test_grey_of_few_bits_is_of_the_numbers_as_written(
    depth: int, values: list[int], tmp_path: Path
) -> None:
    """Pillow spreads them over 0 to 255, of which the last would be no class."""
    path = tmp_path / "mask.png"
    path.write_bytes(grey_png(depth, values))
    assert MaskFile(str(path), MaskCoding())().tolist() == [values]
    path.write_bytes(grey_png(depth, [0, 2**depth - 1]))
    assert MaskFile(str(path), MaskCoding(binary=True))().tolist() == [[0, 1]]
