"""One module opens pictures: right values, sizes that agree, and errors within a moment."""

import os
import pickle
import socket
import time
import tracemalloc
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image, ImageOps

from alframe.datasets.pictures import Reading, decoded, header_size, is_picture
from alframe.datasets.problems import BadItemError
from alframe.errors import DataError

from .encoded import behind_pixels, chunk, png, png_header, tiff, xmp_of

PILLOW_13 = pytest.mark.skipif(
    PIL.__version__ < "13", reason="such a TIFF is read by Pillow 13, and refused by older ones"
)
RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)
UPRIGHT = np.zeros((16, 32, 3), np.uint8)
UPRIGHT[:8, :16], UPRIGHT[:8, 16:], UPRIGHT[8:, :16] = RED, GREEN, BLUE
SHOWN = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT, -1),
    7: np.rot90(UPRIGHT, 2).transpose(1, 0, 2),
    8: np.rot90(UPRIGHT, 1),
}
"""What a viewer shows of the upright pixels under each orientation."""


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def saved(path: Path, orientation: int, kind: str) -> Path:
    """The upright pixels in a file whose orientation is said in one of the ways there are."""
    image, said = Image.fromarray(UPRIGHT), kind.partition(" ")[2]
    path = path / f"a.{kind.partition(' ')[0]}"
    if said.startswith("tag"):
        image.save(path, tiffinfo={274: orientation}, compression=said.partition(" ")[2] or None)
    elif said == "xmp" and path.suffix == ".tif":
        image.save(path, tiffinfo={700: xmp_of(orientation)})
    elif said == "xmp":
        image.save(path, xmp=xmp_of(orientation), quality=95)
    elif said.startswith("behind"):
        image.save(path)
        late = behind_pixels(path.read_bytes(), orientation, xmp="xmp" in said)
        path.write_bytes(late)
    else:
        image.save(path, exif=exif_of(orientation), quality=95)
    return path


WAYS = [
    "jpg exif", "jpg xmp", "png exif", "png behind exif", "png behind xmp", "webp exif", "webp xmp",
    "tif tag", "tif tag tiff_lzw", "tif tag tiff_adobe_deflate", "tif xmp",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("orientation", SHOWN)
def test_size_and_pixels_are_upright_in_every_format(tmp_path, way, orientation):
    path, expected = saved(tmp_path, orientation, way), SHOWN[orientation]
    pixels = decoded(path).pixels
    assert header_size(path) == expected.shape[:2] == pixels.shape[:2]
    assert np.abs(pixels.astype(int) - expected).mean() < 12
    with Image.open(path) as again:
        np.testing.assert_array_equal(pixels, ImageOps.exif_transpose(again).convert("RGB"))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # outside of tests alframe itself ignores it
def test_damaged_metadata_turns_nothing(tmp_path):
    Image.fromarray(UPRIGHT).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    assert header_size(tmp_path / "a.jpg") == decoded(tmp_path / "a.jpg").pixels.shape[:2]


TWELVE = np.array([[0, 1024, 4095]], np.uint16)
COLOURS = np.array([[[0, 2048, 4095], [4095, 16, 8]]], np.uint16)
OPAQUE = np.concatenate([COLOURS, np.full((1, 2, 1), 65535, np.uint16)], axis=2)
GREY_ALPHA = np.array([[[0, 65535], [1024, 0], [4095, 65535]]], np.uint16)
IN_EIGHT = [[0, 0, 0], [64, 64, 64], [255, 255, 255]]  # 1024 * 255 / 4095 = 63.8
COLOURS_IN_EIGHT = [[0, 128, 255], [255, 1, 0]]  # 127.5, 1.0, 0.5 are rounded up: 8 * 255 / 4095


def grey16(values: np.ndarray, **options) -> bytes:
    return tiff(values[..., None], photometric=options.pop("photometric", 1), **options)


DEEP = {
    "16-bit grey PNG": ("png", lambda: png(TWELVE[..., None], 0), IN_EIGHT, 4095),
    "16-bit grey and alpha PNG": ("png", lambda: png(GREY_ALPHA, 4), IN_EIGHT, 4095),
    "16-bit RGB PNG": ("png", lambda: png(COLOURS, 2), COLOURS_IN_EIGHT, 4095),
    "16-bit RGBA PNG": ("png", lambda: png(OPAQUE, 6), COLOURS_IN_EIGHT, 4095),
    "little-endian TIFF": ("tif", lambda: grey16(TWELVE), IN_EIGHT, 4095),
    "big-endian TIFF": ("tif", lambda: grey16(TWELVE, order=">"), IN_EIGHT, 4095),
    "packed TIFF": ("tif", lambda: grey16(TWELVE, packed=True), IN_EIGHT, 4095),
    "white is zero": ("tif", lambda: grey16(65535 - TWELVE, photometric=0), IN_EIGHT, 4095),
    "RGB TIFF": ("tif", lambda: tiff(COLOURS), COLOURS_IN_EIGHT, 4095),
    "big-endian RGB": ("tif", lambda: tiff(COLOURS, order=">"), COLOURS_IN_EIGHT, 4095),
    "packed RGB": ("tif", lambda: tiff(COLOURS, packed=True), COLOURS_IN_EIGHT, 4095),
    "RGB planes": ("tif", lambda: tiff(COLOURS, planes=True), COLOURS_IN_EIGHT, 4095),
    "big planes": ("tif", lambda: tiff(COLOURS, planes=True, order=">"), COLOURS_IN_EIGHT, 4095),
    "RGBA TIFF": ("tif", lambda: tiff(OPAQUE), COLOURS_IN_EIGHT, 4095),
    "signed": (
        "tif",
        lambda: grey16(np.array([[-9, 1024, 4095]], np.int16), sample_format=2),
        IN_EIGHT,
        4095,
    ),
    "32-bit": (
        "tif",
        lambda: grey16(np.array([[0, 2**30 + 2**20, 2**32 - 1]], np.uint32)),
        IN_EIGHT,
        2**32 - 1,
    ),
    "floats": (
        "tif",
        lambda: grey16(np.array([[-3, 0.25, 1.0]], np.float32), sample_format=3),
        IN_EIGHT,
        1,
    ),
    "floats of 8 bits": (
        "tif",
        lambda: grey16(np.array([[np.nan, 64, np.inf]], np.float32), sample_format=3),
        IN_EIGHT,
        255,
    ),
}


@pytest.mark.parametrize("kind", DEEP)
def test_all_bits_of_deep_pictures_count(tmp_path, kind):
    suffix, made, expected, white = DEEP[kind]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(made())
    pixels, own = decoded(path)
    assert pixels.dtype == np.uint8
    assert pixels[0].tolist() == expected
    assert own == white


@pytest.mark.parametrize("orientation", SHOWN)
def test_deep_pictures_are_turned_too(tmp_path, orientation):
    deep = UPRIGHT.astype(np.uint16) * 16
    late = behind_pixels(png(deep, 2), orientation, xmp=False)
    (tmp_path / "a.png").write_bytes(late)
    (tmp_path / "a.tif").write_bytes(tiff(deep, tags=((274, orientation),)))
    for path in tmp_path.iterdir():
        pixels = decoded(path, Reading(white=255 * 16)).pixels
        np.testing.assert_array_equal(pixels, SHOWN[orientation])
        assert header_size(path) == pixels.shape[:2]


@pytest.mark.parametrize(
    ("mode", "suffix", "expected"),
    [
        ("1", "png", (255, 255, 255)),
        ("L", "bmp", (200, 200, 200)),
        ("LA", "png", (200, 200, 200)),
        ("PA", "tif", (200, 30, 60)),
        ("RGBA", "tif", (200, 30, 60)),
        ("LAB", "tif", (200, 30, 60)),
        ("CMYK", "tif", (200, 30, 60)),
        pytest.param("YCbCr", "tif", (200, 30, 60), marks=PILLOW_13),
    ],
)
def test_modes_of_eight_bits(tmp_path, mode, suffix, expected):
    plain = Image.new("RGB", (8, 4), (200, 30, 60) if len(set(expected)) > 1 else expected)
    if mode == "LAB":
        from PIL import ImageCms

        plain = ImageCms.profileToProfile(
            plain, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    elif mode == "PA":
        plain = plain.quantize(4).convert("PA")
    else:
        plain = plain.convert(mode)
    path = tmp_path / f"a.{suffix}"
    plain.save(path)
    pixels = decoded(path).pixels
    assert pixels.shape == (4, 8, 3)
    assert np.abs(pixels.astype(int) - expected).max() <= 4


@pytest.mark.parametrize(
    ("stored", "photometric", "expected"),
    [
        pytest.param((100, 128), 1, (199, 199, 199), marks=PILLOW_13),
        ((100, 15, 30, 128), 2, (199, 29, 59)),
    ],
)
def test_colours_that_were_multiplied_by_alpha(tmp_path, stored, photometric, expected):
    values = np.array([[stored]], np.uint8)
    (tmp_path / "a.tif").write_bytes(tiff(values, photometric=photometric, alpha=1))
    assert decoded(tmp_path / "a.tif").pixels[0, 0].tolist() == list(expected)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_of_several_frames_the_first(tmp_path, suffix):
    frames = [Image.new("RGB", (9, 7), colour) for colour in ((250, 0, 0), (0, 0, 250))]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert header_size(path) == (7, 9)
    assert decoded(path).pixels[0, 0].argmax() == 0


def test_the_limit_is_asked_before_anything_is_decoded(tmp_path):
    """A file of 100 bytes that says 20,000 x 20,000; the smallest that is refused."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(20_000, 20_000))
    tracemalloc.start()
    with pytest.raises(BadItemError, match=r"larger than the limit data\.max_megapixels=100") as e:
        decoded(path)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()
    assert "20,000 x 20,000 pixels, 400 megapixels" in str(e.value)
    with pytest.raises(BadItemError, match="--max-megapixels=399"):
        header_size(path, Reading(max_megapixels=399, flags=True))
    assert header_size(path, Reading(max_megapixels=400)) == (20_000, 20_000)


def test_the_limit_is_a_number_of_pixels(tmp_path):
    Image.fromarray(UPRIGHT).save(tmp_path / "a.png")
    assert decoded(tmp_path / "a.png", Reading(max_megapixels=512e-6)).pixels.shape == (16, 32, 3)
    with pytest.raises(BadItemError, match="larger than the limit"):
        decoded(tmp_path / "a.png", Reading(max_megapixels=511e-6))


def test_pillows_own_limit_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(UPRIGHT).save(tmp_path / "a.png")
    assert decoded(tmp_path / "a.png").pixels.shape == (16, 32, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def linked(target: str, path: Path) -> None:
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (fifo, "expected an image file, got a named pipe"),
        (listening, "expected an image file, got a socket"),
        (Path.mkdir, "expected an image file, got a folder"),
        (partial(linked, "/dev/zero"), "expected an image file, got a device"),
        (partial(linked, "pipe"), "expected an image file, got a named pipe"),
        (partial(linked, "a.png"), "the file cannot be opened (Too many levels of symbolic links)"),
        (partial(linked, "gone.png"), "the image is a link to nothing"),
        (lambda path: None, "the image is missing"),
    ],
)
def test_what_is_no_regular_file_is_named_at_once(tmp_path, monkeypatch, make, cause):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    make(Path("a.png"))
    started = time.monotonic()
    for ask in (header_size, decoded, is_picture):
        with pytest.raises(BadItemError) as caught:
            ask(Path("a.png"))
        assert caught.value.found[0].cause == cause
    assert time.monotonic() - started < 1


def cut(path: Path, **options) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
BIG_TEXT = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 9_000_000))


@pytest.mark.parametrize(
    ("name", "make", "cause"),
    [
        ("a.png", lambda p: p.write_bytes(b""), "the file is empty"),
        (
            "a.png",
            lambda p: p.write_bytes(b"hello"),
            "the file is not an image of a kind that is read",
        ),
        ("a.jpg", lambda p: p.write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40), "the image is HEIC"),
        (
            "a.png",
            lambda p: p.write_bytes(tiff(np.zeros((2, 2, 1)), sample_format=3)),
            "is a TIFF of",
        ),
        ("a.png", lambda p: Image.new("L", (9, 9)).save(p, "ICO"), "the file is not an image"),
        ("a.jpg", cut, r"cannot be read as an image \(image file is truncated\)"),
        ("a.png", cut, r"cannot be read as an image \(image file is truncated\)"),
        ("a.gif", cut, r"cannot be read as an image \(image file is truncated\)"),
        ("a.tif", cut, "cannot be read as an image|is not an image"),
        ("a.webp", cut, "cannot be read as an image|is not an image"),
        ("a.png", lambda p: p.write_bytes(png(COLOURS, 2, BIG_TEXT)), "cannot be read as an image"),
        ("a.png", lambda p: p.write_bytes(png_header(0, 7)), r"no pixels|not an image"),
        (
            "a.jpg",
            lambda p: p.write_bytes(POSTSCRIPT),
            "images in the format EPS are not read",
        ),
    ],
)
def test_broken_files_are_one_cause_each(tmp_path, name, make, cause):
    make(tmp_path / name)
    with pytest.raises(DataError, match=cause) as caught:
        decoded(tmp_path / name)
    assert len(str(caught.value).splitlines()) == 1
    assert str(tmp_path) not in caught.value.found[0].cause  # so that it is the same for others


def test_errors_come_from_other_processes_as_they_are(tmp_path):
    with pytest.raises(BadItemError) as caught:
        decoded(tmp_path / "a.png")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), copy.found, str(copy)) == (
        BadItemError,
        caught.value.found,
        str(caught.value),
    )


def test_the_content_says_what_it_is(tmp_path):
    Image.fromarray(UPRIGHT).save(tmp_path / "a.jpg", "PNG")
    np.testing.assert_array_equal(decoded(tmp_path / "a.jpg").pixels, UPRIGHT)
    Image.fromarray(UPRIGHT).save(tmp_path / "IMG_1.2", "JPEG")
    (tmp_path / "notes").write_text("of the day")
    assert is_picture(tmp_path / "IMG_1.2")
    assert not is_picture(tmp_path / "notes")
