"""Models that are used while their run is going on."""

from pathlib import Path

import pytest

from alframe.errors import RunError
from alframe.runs.kept import kept_run, restored
from tests.runs.test_first_cycle import start


def test_a_model_that_a_run_drops_while_it_is_to_be_used(tmp_path: Path) -> None:
    path, pairs = tmp_path / "run", ("strategy=random", "keep_models=last")
    start(path, *pairs, "budget.cycles=1")
    run = kept_run(path, ["device=cpu"])
    chosen = run.kept_model()
    start(path, *pairs, "budget.cycles=2", resume=True)
    with pytest.raises(RunError, match=r"dropped its model of cycle 0.*keep_models=last.*again$"):
        restored(run, chosen)
    restored(run, run.kept_model())
    run.model_path(1).unlink()
    with pytest.raises(RunError, match=r"cycle_01\.pt is missing: restore the file"):
        restored(run, 1)
