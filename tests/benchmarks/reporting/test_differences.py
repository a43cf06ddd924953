"""In what runs differ, worked by hand."""

from alframe.benchmarks.reporting.remarks import differences


def test_settings_that_split_the_runs_alike_share_a_text() -> None:
    runs = [
        ("a", {"lr": 1, "passes": 15, "iterations": None, "same": [1]}),
        ("b", {"lr": 1, "passes": None, "iterations": 9, "same": [1]}),
        ("a", {"lr": 2, "passes": 15, "iterations": None, "same": [1]}),
    ]
    assert list(differences(runs)) == [
        "lr: 1 (a, b); 2 (a)",
        "passes, iterations: 15, None (a); None, 9 (b)",
    ]


def test_what_a_run_lacks_is_of_another_version() -> None:
    assert list(differences([("a", {"x": 1, "new": 1}), ("b", {"x": 1})])) == []
    assert list(differences([("b", {"x": 1}), ("a", {"x": 1, "new": 1})])) == []
    between = [("a", {"new": 1}), ("b", {}), ("a", {"new": 2})]
    assert list(differences(between)) == []


def test_many_settings_are_counted() -> None:
    runs = [(name, dict.fromkeys("uvwxyz", value)) for value, name in enumerate("ab")]
    assert list(differences(runs)) == ["u, v, w, x and 2 more: 0, 0, 0, 0 (a); 1, 1, 1, 1 (b)"]
    runs = [(name, dict.fromkeys("vwxyz", value)) for value, name in enumerate("ab")]
    assert list(differences(runs)) == ["v, w, x, y and 1 more: 0, 0, 0, 0 (a); 1, 1, 1, 1 (b)"]


def test_no_runs() -> None:
    assert list(differences([])) == []
