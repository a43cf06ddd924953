"""What manifests say of machine and software."""

from pathlib import Path

from alframe.benchmarks.reading.rundirs import Run
from alframe.benchmarks.reporting.remarks import environment, traits


def run(**manifest: object) -> Run:
    return Run(Path("run"), {}, manifest, ())


def test_each_entry_once_and_all_values_where_runs_differ() -> None:
    runs = [run(git="a", threads=1, seed=0), run(git="b", threads=1), run(threads=1)]
    assert environment(runs) == {"threads": 1, "git": ["a", "b"]}


def test_traits_are_what_can_change_a_number() -> None:
    found = traits(run(git="a", versions={"torch": "2"}, platform="Linux", command=["x"]))
    assert found == {"git": "a", "versions.torch": "2"}
