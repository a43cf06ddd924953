"""The page of settings says what the docstrings say."""

from tests.config.settings_page import PAGE, page, plain, shown


def test_the_page_is_that_of_the_docstrings() -> None:
    told = "made anew by: python -m tests.pages"
    assert PAGE.read_text(encoding="utf-8") == page(), told


def test_words_of_docstrings_in_markdown() -> None:
    text = "one of ``a``\n        and :class:`~alframe.b.C`; None | two."
    assert plain(text) == "one of `a` and `C`; null \\| two"


def test_defaults_are_those_of_yaml() -> None:
    assert [shown(each) for each in (None, True, ("a", 1), "b")] == [
        "`null`", "`true`", '`["a", 1]`', "`b`",
    ]  # fmt: skip
