import os

import numpy as np
import pytest
from PIL import Image

from alframe.datasets.files import ImageFiles, inside
from alframe.datasets.pictures import header_size
from alframe.errors import DataError

from .builders import image


def source(path, **options):
    return ImageFiles({"a": path}, [path.parent], **options)


@pytest.mark.parametrize(
    ("mode", "suffix", "tolerance"),
    [
        ("RGB", ".png", 0),
        ("RGB", ".jpg", 3),
        ("RGBA", ".png", 0),
        ("CMYK", ".jpg", 3),
        ("CMYK", ".tif", 0),
        ("P", ".gif", 60),
        ("YCbCr", ".jpg", 3),
    ],
)
def test_every_mode_of_colour_becomes_rgb(tmp_path, mode, suffix, tolerance):
    pixels = source(image(tmp_path / f"a{suffix}", mode=mode)).read("a")
    assert pixels.dtype == np.uint8
    assert pixels.shape == (80, 100, 3)
    assert np.abs(pixels.astype(int) - (200, 30, 60)).max() <= tolerance


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_grey_becomes_three_equal_channels(tmp_path, mode):
    pixels = source(image(tmp_path / "a.png", colour=(255, 255, 255), mode=mode)).read("a")
    assert pixels.shape == (80, 100, 3)
    assert (pixels == 255).all()


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    values = np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert source(tmp_path / "a.png").read("a")[0, :, 0].tolist() == [0, 1, 1, 128, 255]


def test_floats_are_cut_to_the_range(tmp_path):
    Image.fromarray(np.array([[-3.0, 7.0, 260.0]], dtype=np.float32)).save(tmp_path / "a.tif")
    assert source(tmp_path / "a.tif").read("a")[0, :, 2].tolist() == [0, 7, 255]


def test_palette_with_transparency(tmp_path):
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 9, 8, 7])
    palette.save(tmp_path / "a.png", transparency=b"\x00\xff")
    assert source(tmp_path / "a.png").read("a")[0, 0].tolist() == [9, 8, 7]


def test_images_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = 255  # left half white
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    images = source(tmp_path / "a.png")
    assert images.size("a") == (40, 20)
    assert images.read("a").shape == (40, 20, 3)
    assert images.read("a")[:20].min() == 255  # upper half white


def test_size_is_the_annotated_one_else_that_of_the_header(tmp_path):
    path = image(tmp_path / "a.jpg")
    assert source(path).size("a") == (80, 100)
    assert source(path, sizes={"a": (8, 10)}).size("a") == (8, 10)


def test_stamp_changes_with_the_file(tmp_path):
    path = image(tmp_path / "a.png")
    images = source(path)
    before = images.stamp("a")
    assert images.stamp("a") == before
    os.utime(path, ns=(5, 6))
    assert images.stamp("a") == f"{path.stat().st_size}-6-{path.absolute()}" != before


def test_missing_file(tmp_path):
    images = source(tmp_path / "a.jpg")
    for ask in (images.read, images.size, images.stamp):
        with pytest.raises(
            DataError, match=r"is missing: .*a\.jpg; replace the file, or set dataset"
        ):
            ask("a")


def test_truncated_file(tmp_path):
    path = image(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:-80])
    with pytest.raises(DataError, match=r"cannot be read as an image .*truncated.*a\.jpg; replace"):
        source(path).read("a")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + b"\0" * 30])
def test_not_an_image(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for ask in (source(path).read, source(path).size):
        with pytest.raises(DataError, match=r"(is empty|is not an image|as an image).*a\.png; "):
            ask("a")
    with pytest.raises(DataError, match="on_bad_item=skip"):
        header_size(path)


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/../../x.jpg", "/etc/passwd", "..\\x.jpg", "C:\\x.jpg", "", ".", "a\0b"]
)
def test_names_cannot_leave_their_folder(tmp_path, name):
    with pytest.raises(DataError, match=r"leaves its folder .*expected a relative path"):
        inside(tmp_path, name)


def test_names_inside(tmp_path):
    assert inside(tmp_path, "a/b.jpg") == tmp_path / "a" / "b.jpg"
    assert inside(tmp_path, "a\\b.jpg") == tmp_path / "a" / "b.jpg"


def test_links_cannot_leave_the_folders_but_folders_may_be_links(tmp_path):
    secret = image(tmp_path / "elsewhere" / "secret.png")
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.png").symlink_to(secret)
    (data / "images").symlink_to(secret.parent)
    refused = ImageFiles({"a": data / "a.png"}, [data])
    for ask in (refused.read, refused.size, refused.stamp):
        with pytest.raises(
            DataError, match=r"outside of the dataset.*a\.png -> .*secret\.png; put"
        ):
            ask("a")
    linked = ImageFiles({"a": data / "images" / "secret.png"}, [data, data / "images"])
    assert linked.read("a").shape == (80, 100, 3)


def test_a_folder_whose_name_begins_alike_is_outside(tmp_path):
    path = image(tmp_path / "data2" / "a.png")
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match="outside of the dataset"):
        ImageFiles({"a": path}, [tmp_path / "data"]).read("a")
