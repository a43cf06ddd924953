"""CIFAR-10 in its two versions, written small; the sums are those of what was written."""

import functools
import io
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from alframe.errors import DataError
from alframe.tasks.classification import cifar10 as module
from alframe.tasks.classification import cifar_files
from alframe.tasks.classification.cifar10 import cifar10
from alframe.tasks.classification.cifar_files import records
from tests.tasks.classification.builders import binary_cifar, content, python_cifar

VERSIONS = {"BINARY": binary_cifar, "PYTHON": python_cifar}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    cifar_files._kept.cache_clear()


@pytest.fixture(params=VERSIONS)
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    name: str = request.param
    monkeypatch.setattr(module, name, VERSIONS[name](tmp_path))
    return tmp_path


def test_both_versions_say_the_same(root: Path) -> None:
    dataset = cifar10(str(root))
    assert dataset.classes[:2] == ("airplane", "automobile")
    assert dataset.pool == tuple(f"train/{n:05d}" for n in range(20))
    assert dataset.test == tuple(f"test/{n:05d}" for n in range(4))
    for item, number, row in (("train/00000", 0, 0), ("train/00019", 4, 3), ("test/00002", 5, 2)):
        labels, pixels = content(number)
        assert dataset.targets[item].labels.tolist() == [labels[row]]
        image = dataset.images.read(item)
        assert image.shape == (*dataset.images.size(item), 3)
        assert np.array_equal(image[..., 0].ravel(), pixels[row, :1024]), "red comes first"
        assert image[1, 0, 2] == pixels[row, 2048 + 32], "row by row"
    ids = (*dataset.pool, *dataset.test)
    assert len({dataset.images.stamp(item) for item in ids}) == 24


@pytest.mark.parametrize(("name", "below"), [("BINARY", "bin"), ("PYTHON", "py")])
def test_the_folder_above_will_do(
    name: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, VERSIONS[name](tmp_path / f"cifar-10-batches-{below}"))
    assert len(cifar10(str(tmp_path)).pool) == 20


def test_files_that_are_missing_or_others_all_at_once(root: Path) -> None:
    first, second, *_ = sorted(p for p in root.iterdir() if "data" in p.name)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError) as error:
        cifar10(str(root))
    assert len(error.value.problems) == 2
    assert f"a file of CIFAR-10 is missing: {first}; unpack the archive again" in str(error.value)
    assert f"(its MD5 differs): {second}; unpack the archive again" in str(error.value)


def test_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no file of CIFAR-10: expected data_batch_1.bin .* set da"
    ):
        cifar10(str(tmp_path))


def test_images_are_read_when_they_are_asked_for(root: Path) -> None:
    dataset = cifar10(str(root))
    file = next(p for p in root.iterdir() if p.name.startswith("test"))
    file.write_bytes(file.read_bytes()[:100])
    for item in ("test/00000", "test/00003"):
        with pytest.raises(DataError, match=r"the file has been (cut|changed): .*test_batch"):
            dataset.images.read(item)


class Evil:
    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize(
    "table",
    [
        Evil(os.system, "true"),
        Evil(eval, "1"),
        Evil(functools.partial, print),
        Evil(np.load, "x"),
        {b"labels": Evil(os.getcwd), b"data": np.zeros((1, 3072), np.uint8)},
        {b"labels": [1], b"data": np.array([Evil(os.getcwd)], dtype=object)},
    ],
)
def test_a_pickle_calls_nothing_else(table: object) -> None:
    for protocol in (2, 4):
        with pytest.raises(ValueError, match=r"^UnpicklingError: \w+\.\w+ is not let in$"):
            records(pickle.dumps(table, protocol), binary=False)


@pytest.mark.parametrize(
    "table",
    [
        {b"labels": [1], b"data": np.zeros((2, 3072), np.uint8)},
        {b"labels": [1], b"data": np.zeros((1, 3072))},
        {b"data": np.zeros((1, 3072), np.uint8)},
        [1, 2],
    ],
)
def test_a_pickle_of_anything_else_is_refused(table: object) -> None:
    with pytest.raises(ValueError, match=r"no bytes|KeyError|TypeError"):
        records(pickle.dumps(table, protocol=2), binary=False)


@pytest.mark.parametrize(
    "written", [b"", b"\x80", bytes(range(1, 65)), b"cos\nsystem\n(S'true'\ntR."]
)
def test_a_damaged_pickle_is_refused(written: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w+: "):
        records(written, binary=False)


def test_a_pickle_of_python_2_is_read() -> None:
    """Keys and the bytes of an array are text there, whose characters are bytes."""
    labels, pixels = content(0, images=1)
    file = io.BytesIO()
    pickle.dump({b"labels": labels.tolist(), b"data": pixels}, file, protocol=2)
    old = file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    found = records(old, binary=False)
    assert np.array_equal(found.pixels, pixels)
    assert found.labels.tolist() == labels.tolist()


@pytest.mark.parametrize("length", [0, 3072, 3074])
def test_a_binary_file_of_another_length(length: int) -> None:
    with pytest.raises(ValueError, match="no multiple of 3,073 bytes"):
        records(b"\0" * length, binary=True)
