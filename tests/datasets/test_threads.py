import io

import pytest

from alframe.datasets import threads


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("first", [True, False])
def test_of_several_processes_the_first_draws_the_bar(monkeypatch, first):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("alframe.progress.is_main_process", lambda: first)
    assert list(threads.over("ab", str.upper, 2, "reading")) == [("a", "A"), ("b", "B")]
    assert ("reading" in terminal.getvalue()) == first
