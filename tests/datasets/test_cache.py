import io
import json
import logging
import multiprocessing
import os
import pickle
import re
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alframe.datasets import cache_disk
from alframe.datasets.base import Dataset, Target
from alframe.datasets.cache import CachedImages, CacheMode, prepared
from alframe.datasets.cache_disk import DiskWriter
from alframe.datasets.problems import SKIP
from alframe.datasets.resize import Resize
from alframe.datasets.voc import voc
from alframe.errors import ConfigError, DataError, PluginError

IDS = ("a", "b", "c", "d")
MIB = 2**20
SIDES = st.integers(1, 3000)


class Images:
    """Four images of 20 x 10 pixels, each of one brightness; counts how often one is decoded."""

    def __init__(self):
        self.reads = []
        self.bad = {}
        self.sizes = dict.fromkeys(IDS, (10, 20))
        self.version = "1"

    def read(self, item):
        self.reads.append(item)
        if item in self.bad:
            raise DataError(self.bad[item])
        return np.full((10, 20, 3), ord(item), np.uint8)

    def size(self, item):
        return self.sizes[item]

    def stamp(self, item):
        return f"{item}{self.version}"


class Varied(Images):
    """The same with one white row: of several colours each."""

    def read(self, item):
        pixels = super().read(item)
        pixels[-1] = 255
        return pixels


HALF = Resize("fit", 10, 10)  # 10 x 5 pixels, 150 bytes


def cached(source, mode: CacheMode = "ram", resize=HALF, limit=MIB, folder=None):
    return CachedImages(source, resize, mode, limit_bytes=limit, folder=folder)


@pytest.fixture
def source():
    return Images()


@pytest.fixture
def varied():
    return Varied()


@pytest.fixture
def dataset(varied):
    targets = {item: Target.of([[1, 1, 5, 5]], [0]) for item in IDS}
    return Dataset("four", ("thing",), varied, targets, IDS[:2], IDS[2:])


class TestResize:
    @pytest.mark.parametrize(
        ("rule", "before", "after"),
        [
            (Resize("fit", 1000, 600), (375, 500), (600, 800)),
            (Resize("fit", 1000, 600), (500, 375), (800, 600)),
            (Resize("fit", 1000, 600), (333, 500), (600, 901)),
            (Resize("fit", 1000, 600), (200, 500), (400, 1000)),
            (Resize("fit", 1333, 800), (427, 640), (800, 1199)),
            (Resize("fit", 2, 2), (5, 4), (2, 2)),  # 1.6 is rounded, half up
            (Resize("fit", 4, 4), (1000, 1), (4, 1)),
            (Resize("stretch", 400, 300), (50, 70), (300, 400)),
            (Resize("none"), (50, 70), (50, 70)),
        ],
    )
    def test_shape(self, rule, before, after):
        assert rule.shape(*before) == after
        assert rule.apply(np.zeros((*before, 3), np.uint8)).shape == (*after, 3)

    @given(SIDES, SIDES, st.integers(1, 2000), st.integers(1, 2000))
    def test_fit_is_as_large_as_fits(self, height, width, a, b):
        long, short = max(a, b), min(a, b)
        new = Resize("fit", long, short).shape(height, width)
        assert max(new) <= long
        assert min(new) <= short
        assert max(new) == long or min(new) == short
        assert Resize("fit", long, short).shape(width, height) == new[::-1]

    @given(SIDES, SIDES)
    def test_fit_keeps_the_ratio(self, height, width):
        new = Resize("fit", 1000, 600).shape(height, width)
        scale = min(1000 / max(height, width), 600 / min(height, width))
        assert np.allclose(new, np.multiply((height, width), scale), atol=1)

    def test_bilinear(self):
        """Weights of Pillow's triangle: (0.75 * 0 + 0.75 * 50 + 0.25 * 100) / 1.75."""
        ramp = np.repeat(np.arange(0, 200, 50, dtype=np.uint8)[None, :, None], 3, axis=2)
        assert Resize("stretch", 2, 1).apply(ramp)[0, :, 0].tolist() == [36, 114]

    def test_sides_must_be_positive(self):
        with pytest.raises(ConfigError, match="'fit': expected long and short of at least 1"):
            Resize("fit", 100, 0)


@pytest.fixture(params=["ram", "disk"])
def kept(request, source, tmp_path):
    images = cached(source, request.param, folder=tmp_path / "cache")
    assert images.prepare(IDS, workers=2) == {}
    source.reads.clear()
    return images


class TestEveryMode:
    @pytest.mark.parametrize("mode", ["ram", "disk", "none"])
    def test_the_same_pixels(self, source, tmp_path, mode):
        images = cached(source, mode, folder=tmp_path)
        before = [images.read(item) for item in IDS]
        images.prepare(IDS, workers=2)
        for item, old in zip(IDS, before, strict=True):
            new = images.read(item)
            assert new.dtype == np.uint8
            assert (new == old).all()
            assert (new == np.full((5, 10, 3), ord(item))).all()
            assert type(new) is np.ndarray

    @pytest.mark.parametrize("mode", ["ram", "disk", "none"])
    def test_nobody_can_spoil_the_cache(self, source, tmp_path, mode):
        images = cached(source, mode, folder=tmp_path)
        images.prepare(IDS, workers=1)
        with pytest.raises(ValueError, match="read-only"):
            images.read("a")[0, 0] = 0

    def test_every_image_is_decoded_once(self, source, kept):
        for item in IDS * 2:
            kept.read(item)
        assert source.reads == []

    def test_size_and_stamp_are_those_of_the_original(self, kept):
        assert kept.size("a") == (10, 20)
        assert kept.stamp("a") == "a1"

    def test_off_decodes_each_time(self, source, caplog):
        images = cached(source, "none")
        images.prepare(IDS, workers=1)
        assert "the image cache holds" not in caplog.text
        images.read("a")
        assert source.reads == [*IDS, "a"]

    @pytest.mark.parametrize("mode", ["ram", "disk"])
    def test_limit(self, source, tmp_path, caplog, mode):
        images = cached(source, mode, limit=300, folder=tmp_path)
        assert images.prepare(IDS, workers=2) == {}
        assert "the image cache holds 2 of 4 images" in caplog.text
        source.reads.clear()
        for item in IDS:
            assert images.read(item)[0, 0, 0] == ord(item)
        assert source.reads == ["c", "d"]

    @pytest.mark.parametrize("mode", ["ram", "disk"])
    def test_there_is_room_for_some_before_others(self, source, tmp_path, mode):
        images = cached(source, mode, limit=300, folder=tmp_path)
        assert images.prepare(IDS, workers=2, first={"d", "elsewhere"}) == {}
        assert sorted(source.reads) == [*IDS]
        source.reads.clear()
        for item in IDS:
            assert images.read(item)[0, 0, 0] == ord(item)
        assert source.reads == ["b", "c"], "as d comes first, there is room for a alone"

    def test_all_problems_are_returned_in_order(self, source, kept, tmp_path):
        source.bad = {"d": "d is broken"}
        source.sizes["b"] = (20, 10)
        source.version = "2"
        problems = kept.prepare(IDS, workers=3)
        assert list(problems) == ["b", "d"]
        assert str(problems["d"]) == "d is broken"
        assert str(problems["b"]) == (
            "the annotation has width and height of the image swapped, as where its EXIF "
            "orientation was not heeded, so that boxes would be misplaced: b (20 x 10 pixels, "
            "annotated 10 x 20); annotate it upright, or remove the orientation from the file, or "
            "set dataset.on_bad_item=skip"
        )
        assert kept.read("a")[0, 0, 0] == ord("a")
        assert kept.read("c")[0, 0, 0] == ord("c")

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_copy_in_another_process_reads_the_same(self, kept):
        copy = pickle.loads(pickle.dumps(kept))
        assert (copy.read("c") == kept.read("c")).all()
        for method in {"fork", "spawn"} & set(multiprocessing.get_all_start_methods()):
            with multiprocessing.get_context(method).Pool(1) as pool:
                assert (pool.apply(kept.read, ("c",)) == kept.read("c")).all()

    def test_pickles_stay_small(self, source, kept):
        assert len(pickle.dumps(kept)) < 2000
        pickle.loads(pickle.dumps(kept)).read("a")


class TestDisk:
    @pytest.fixture
    def home(self, source, tmp_path):
        cached(source, "disk", folder=tmp_path).prepare(IDS, workers=2)
        source.reads.clear()
        return tmp_path

    def again(self, source, home, **options):
        images = cached(source, "disk", folder=home, **options)
        problems = images.prepare(IDS, workers=2)
        decoded = sorted(source.reads)
        assert [images.read(item)[0, 0, 0] for item in IDS] == [ord(item) for item in IDS]
        return decoded, problems

    def test_later_runs_reuse_it(self, source, home):
        assert self.again(source, home) == ([], {})

    @pytest.mark.parametrize("change", ["stamp", "resize", "ids", "size"])
    def test_anything_else_has_its_own(self, source, home, change):
        images = cached(source, "disk", folder=home)
        if change == "stamp":
            source.version = "2"
        elif change == "resize":
            images = cached(source, "disk", Resize("fit", 11, 10), folder=home)
        elif change == "size":
            source.sizes["b"] = (20, 10)
        images.prepare(IDS[:3] if change == "ids" else IDS, workers=1)
        assert len(source.reads) == (3 if change == "ids" else 4)
        assert len(list(home.iterdir())) == 2

    @pytest.mark.parametrize("damage", ["cut", "changed", "index", "no index", "foreign", "bounds"])
    def test_a_damaged_one_is_rebuilt(self, source, home, caplog, damage):
        (folder,) = home.iterdir()
        images, index = folder / "images.bin", folder / "index.json"
        content = json.loads(index.read_text())
        if damage == "cut":
            images.write_bytes(images.read_bytes()[:-1])
        elif damage == "changed":
            images.write_bytes(images.read_bytes().replace(b"b", b"x", 1))
        elif damage == "index":
            index.write_text('{"format": [')
        elif damage == "no index":
            index.unlink()
        elif damage == "foreign":
            index.write_text(json.dumps(content | {"key": "another"}))
        elif damage == "bounds":
            content["slots"]["a"][0] = 10**6
            index.write_text(json.dumps(content))
        assert self.again(source, home) == (list(IDS), {})
        assert "is not a usable image cache" in caplog.text
        source.reads.clear()
        assert self.again(source, home) == ([], {})

    def test_images_beyond_the_limit_are_checked_only_once(self, source, tmp_path):
        for decoded in (list(IDS), []):
            source.reads.clear()
            images = cached(source, "disk", limit=300, folder=tmp_path)
            assert images.prepare(IDS, workers=1) == {}
            assert source.reads == decoded

    def test_bad_images_are_found_again_by_later_runs(self, source, tmp_path):
        source.bad = {"c": "c is broken"}
        for decoded in (list(IDS), ["c"]):
            source.reads.clear()
            images = cached(source, "disk", folder=tmp_path)
            assert [*map(str, images.prepare(IDS, workers=1).values())] == ["c is broken"]
            assert source.reads == decoded

    def test_an_interrupted_one_leaves_nothing(self, source, tmp_path):
        source.bad = {"c": "c is broken"}
        source.read = lambda item: 1 / 0
        with pytest.raises(ZeroDivisionError):
            cached(source, "disk", folder=tmp_path).prepare(IDS, workers=2)
        assert list(tmp_path.iterdir()) == []

    def test_other_users_may_read_what_the_umask_lets_them(self, source, tmp_path):
        before = os.umask(0o027)
        try:
            cached(source, "disk", folder=tmp_path / "cache").prepare(IDS, workers=1)
        finally:
            os.umask(before)
        (cache,) = (tmp_path / "cache").iterdir()
        assert stat.S_IMODE(cache.stat().st_mode) == 0o750

    def test_leftovers_of_killed_processes_go_after_a_day(self, source, tmp_path):
        for name in ("old", "new"):
            (tmp_path / f"{name}.partial-x").mkdir()
        os.utime(tmp_path / "old.partial-x", (1, 1))
        cached(source, "disk", folder=tmp_path).prepare(IDS, workers=1)
        assert [path.name for path in tmp_path.glob("*.partial-*")] == ["new.partial-x"]

    def test_another_process_was_faster(self, source, tmp_path, monkeypatch):
        load, calls = cache_disk.load, []

        def first_time_nothing(*args):
            calls.append(args)
            return load(*args) if len(calls) > 1 else None

        cached(source, "disk", folder=tmp_path).prepare(IDS, workers=1)
        (folder,) = tmp_path.iterdir()
        inode = (folder / "images.bin").stat().st_ino
        monkeypatch.setattr("alframe.datasets.cache.load", first_time_nothing)
        monkeypatch.setattr("alframe.datasets.cache_disk.load", first_time_nothing)
        images = cached(source, "disk", folder=tmp_path)
        images.prepare(IDS, workers=1)
        assert (folder / "images.bin").stat().st_ino == inode
        assert images.read("b")[0, 0, 0] == ord("b")
        assert list(tmp_path.iterdir()) == [folder]

    def test_another_process_was_faster_by_a_moment(self, source, tmp_path, monkeypatch):
        finish, inodes = DiskWriter._finish, []

        def meanwhile(writer, *facts):
            finish(writer, *facts)
            monkeypatch.undo()
            cached(source, "disk", folder=tmp_path).prepare(IDS, workers=1)
            inodes.append(writer._target.stat().st_ino)

        monkeypatch.setattr(DiskWriter, "_finish", meanwhile)
        images = cached(source, "disk", folder=tmp_path)
        images.prepare(IDS, workers=1)
        assert [path.stat().st_ino for path in tmp_path.iterdir()] == inodes
        assert images.read("b")[0, 0, 0] == ord("b")

    def test_what_others_remove_meanwhile_is_no_problem(self, source, tmp_path):
        (tmp_path / "gone.partial-x").symlink_to("nowhere")
        assert cached(source, "disk", folder=tmp_path).prepare(IDS, workers=1) == {}

    def test_unwritable_folder(self, source, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(DataError, match="cannot be written as an image cache") as caught:
            cached(source, "disk", folder=tmp_path / "file").prepare(IDS, workers=1)
        remedy = re.search(r"data\.cache=(\S+)\)", str(caught.value))
        assert remedy
        assert set(remedy[1].split("|")) < set(get_args(CacheMode))

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
    def test_full_disk(self, source, tmp_path, monkeypatch):
        """600 bytes of images wait in the stream's buffer, and cannot be written when it closes."""
        opened = Path.open

        def full(path, mode="r", **options):
            return opened(Path("/dev/full") if path.name == "images.bin" else path, mode, **options)

        monkeypatch.setattr(Path, "open", full)
        with pytest.raises(DataError, match=r"No space left on device.*free space"):
            cached(source, "disk", folder=tmp_path).prepare(IDS, workers=1)
        assert list(tmp_path.iterdir()) == []

    def test_needs_a_folder(self, source):
        with pytest.raises(ValueError, match="needs a folder"):
            cached(source, "disk")


class TestPrepared:
    def test_a_clean_dataset_is_returned_as_it_is(self, dataset, varied):
        assert prepared(dataset, cached(varied), workers=2) is dataset

    def test_errors_come_together(self, dataset, varied):
        varied.bad = {"a": "a is broken", "d": "d is broken"}
        with pytest.raises(DataError) as caught:
            prepared(dataset, cached(varied), workers=2)
        assert caught.value.problems == ("a is broken", "d is broken")

    def test_bad_items_are_skipped_counted_and_named(self, dataset, varied, caplog):
        varied.bad = {"a": f"a is broken; replace it{SKIP}", "d": "d is broken"}
        skipping = replace(dataset, on_bad_item="skip", notes=("before",))
        with caplog.at_level(logging.WARNING):
            clean = prepared(skipping, cached(varied), workers=2)
        assert (clean.pool, clean.test) == (("b",), ("c",))
        assert set(clean.targets) == {"b", "c"}
        assert clean.notes == (
            "before",
            "skipped 2 bad items (dataset.on_bad_item=skip): a, d",
        )
        assert "skipped: a is broken; replace it\n" in caplog.text

    def test_nothing_is_left(self, dataset, varied):
        varied.bad = dict.fromkeys("cd", "broken")
        with pytest.raises(DataError, match="the test split is empty"):
            prepared(replace(dataset, on_bad_item="skip"), cached(varied), workers=1)
        untested = replace(dataset, pool=("c", "d"), test=(), on_bad_item="skip")
        with pytest.raises(DataError, match="the pool is empty"):
            prepared(untested, cached(varied), workers=1)


FOUND = "a (20 x 10 pixels, annotated 21 x 10), d (20 x 10 pixels, annotated 21 x 10)"


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (np.zeros((10, 20, 3), np.float32), "float32 [10, 20, 3]"),
        (np.zeros((10, 20, 3), np.uint16), "uint16 [10, 20, 3]"),
        (np.zeros((10, 20), np.uint8), "uint8 [10, 20]"),
        (np.zeros((3, 10, 20), np.uint8), "uint8 [3, 10, 20]"),
        (Image.new("RGB", (20, 10)), "Image"),
    ],
)
def test_a_source_that_gives_no_images_is_refused(image, got):
    source = Images()
    source.read = lambda _: image
    told = re.escape(f"Images.read gives {got} for a: expected RGB, uint8 [H, W, 3]")
    with pytest.raises(PluginError, match=told):
        CachedImages(source, HALF, limit_bytes=MIB).prepare(IDS, 1)


def raising(error):
    def read(_):
        raise error

    return read


def test_a_source_that_fails_names_the_image():
    """Pillow raises an OSError for what is no image; another exception is a bug of the source."""
    source = Images()
    source.read = lambda item: Image.open(io.BytesIO(item.encode()))
    problems = CachedImages(source, HALF, limit_bytes=MIB).prepare(IDS, 1)
    assert {*problems} == {*IDS}
    assert re.match(r"the image cannot be read \(cannot identify image file .*\): a; replace or re",
                    str(problems["a"]))  # fmt: skip
    for error in (TimeoutError(), OSError(24, "too many open files"), ZeroDivisionError()):
        source.read = raising(error)
        images = CachedImages(source, HALF, limit_bytes=MIB)
        for failing in (partial(images.prepare, IDS, 1), partial(images.read, "a")):
            with pytest.raises(type(error)) as caught:
                failing()
            assert caught.value.__notes__[0] == "raised by Images.read of 'a'"


def test_one_cause_is_told_once(dataset, varied):
    varied.sizes |= {"a": (10, 21), "d": (10, 21)}
    with pytest.raises(DataError, match=re.escape(f"misplaced (2 times): {FOUND}; correct")) as e:
        prepared(dataset, cached(varied), workers=2)
    assert len(e.value.problems) == 1


class TestImagesInUse:
    """What becomes of a cache while processes read it."""

    @pytest.fixture
    def opened(self, source, tmp_path):
        images = cached(source, "disk", folder=tmp_path)
        images.prepare(IDS, workers=1)
        (file,) = tmp_path.glob("*/images.bin")
        return images, file

    @pytest.mark.parametrize("length", [0, 1, 299, 449])
    def test_one_that_is_cut_is_an_error_and_no_crash(self, opened, length):
        images, file = opened
        assert images.read("c")[0, 0, 0] == ord("c")
        os.truncate(file, length)
        whole = IDS[: length // 150]
        for item in IDS:
            if item in whole:
                assert images.read(item)[0, 0, 0] == ord(item)
                continue
            with pytest.raises(DataError, match=r"images\.bin .*cut while in use.*--resume"):
                images.read(item)

    def test_one_that_is_removed_is_read_to_the_end_but_not_opened_anew(self, opened):
        images, file = opened
        images.read("a")
        copy = pickle.loads(pickle.dumps(images))
        file.unlink()
        assert images.read("d")[0, 0, 0] == ord("d")
        with pytest.raises(DataError, match=r"cannot be read any more \(No such file"):
            copy.read("a")

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_another_process_gets_the_error_too(self, opened):
        images, file = opened
        images.read("a")
        os.truncate(file, 100)
        with (
            multiprocessing.get_context("fork").Pool(1) as pool,
            pytest.raises(DataError, match="cut while in use"),
        ):
            pool.apply(images.read, ("d",))


def test_real_data(shared_data, tmp_path):
    dataset = voc(str(shared_data / "coco_voc20_320"))
    images = CachedImages(
        dataset.images, Resize("fit", 160, 96), "disk", limit_bytes=MIB * 100, folder=tmp_path
    )
    assert prepared(dataset, images, workers=2) is dataset
    item = dataset.pool[0]
    assert dataset.images.size(item) == (214, 320)
    assert images.read(item).shape == (96, 144, 3)


@pytest.mark.parametrize("size", [("64", "64"), (0, 20), (10, 20, 3), 64, None, (10.5, 20)])
def test_a_size_that_is_none_is_refused(size):
    images = Images()
    images.sizes["a"] = size
    told = re.escape(f"Images.size gives {size!r} for a: expected (height, width) in pixels")
    with pytest.raises(PluginError, match=told):
        cached(images).prepare(IDS, 1)


@pytest.mark.parametrize("size", [[10, 20], np.array([10, 20]), (np.int64(10), np.int64(20))])
def test_a_size_of_other_types_is_one(size):
    images = Images()
    images.sizes["a"] = size
    made = cached(images)
    assert made.prepare(IDS, 1) == {}
    assert made.size("a") == (10, 20)
