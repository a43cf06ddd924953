"""The example of a learner that trains by itself."""

from pathlib import Path

from alframe.api import resolve, run
from alframe.runs.verifier import Verifier
from alframe.tasks.classification.figures import figures
from alframe.testing import check_learner
from tests.learners.own_loop import OwnLoop


def test_it_keeps_its_contract() -> None:
    check_learner(OwnLoop, dataset=figures(pool=8, test=3, classes=1))


def test_it_learns_in_a_run(tmp_path: Path) -> None:
    """A shape or none; nobody has said how images are to be resized."""
    own = {
        "learner": {"name": OwnLoop, "epochs": 100},
        "strategy": "badge",
        "dataset": {"name": "figures", "pool": 210, "test": 60, "classes": 1},
        "budget": {"initial": 60, "per_cycle": 60, "cycles": 2},
    }
    config = resolve(own, "device=cpu")
    assert config.data.resize == "none"
    cycles = list(run(config, tmp_path / "run"))
    assert [cycle["labelled"] for cycle in cycles] == [60, 120]
    assert cycles[-1]["metrics"]["accuracy"] > 0.7
    assert {verdict.problem for verdict in Verifier(tmp_path / "run", "cpu")()} == {""}
    for given in ("data.resize=fit", "data.long=64"):
        assert resolve(own, given).data.resize == "fit"
