"""No search for cycles while a dataset is read, and the same as before afterwards; threads."""

import gc
import io
from contextlib import suppress
from pathlib import Path

import pytest

from alframe.datasets import bulk
from alframe.datasets import coco as coco_module
from alframe.datasets import voc as voc_module
from alframe.datasets.bulk import uncollected
from alframe.errors import DataError


@pytest.mark.parametrize("collects", [True, False])
def test_what_was_set_before_is_set_again(collects: bool) -> None:
    before = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        with suppress(KeyError), uncollected():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() == collects
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.parametrize(
    ("module", "name", "first"),
    [(voc_module, "voc", "find_folders"), (coco_module, "coco", "home_of")],
)
def test_readers_make_use_of_it(
    module: object, name: str, first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def stops(*_: object) -> None:
        seen.append(gc.isenabled())
        raise DataError("enough")

    monkeypatch.setattr(module, first, stops)
    with pytest.raises(DataError, match="enough"):
        getattr(module, name)(str(tmp_path))
    assert seen == [False]
    assert gc.isenabled()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("first", [True, False])
def test_of_several_processes_the_first_draws_the_bar(monkeypatch, first):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("alframe.progress.is_main_process", lambda: first)
    assert list(bulk.in_threads("ab", str.upper, 2, "reading")) == [("a", "A"), ("b", "B")]
    assert ("reading" in terminal.getvalue()) == first
