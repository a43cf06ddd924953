"""``alframe ls models --verbose``: what goes with which model, made from the registry."""

import pytest

from alframe.cli import main
from alframe.plugins import registry
from alframe.runs.compatibility import row, table


def test_what_goes_with_which_model() -> None:
    rows = {
        name: (task, *map(set, (c.split(", ") for c in cells))) for name, task, *cells in table()
    }
    task, signals, learners, strategies = rows["fcos"]
    assert task == "detection"
    assert signals == {"augmented", "box_features", "class_probs", "detections", "embedding"}
    assert learners == {"dropout", "plain"}
    assert {"entropy", "coreset", "power:"} <= strategies
    assert not {"miaod", "ll4al"} & strategies
    assert rows["retina"][2] == {"dropout", "plain", "miaod", "ll4al"}
    assert {"miaod", "ll4al"} <= rows["retina"][3]
    assert rows["timm"][::2] == ("classification", {"dropout", "plain", "miaod", "ll4al"})
    assert "mc-dropout" in rows["timm"][3]
    assert (rows["lraspp"][0], rows["lraspp"][2]) == ("segmentation", {"plain"})
    assert all({"entropy", "badge"} <= rows[name][3] for name in ("timm", "lraspp"))


@pytest.mark.parametrize(
    ("kind", "got"), [([], "no kind"), (["learners"], "'alframe ls learners'")]
)
def test_verbose_is_for_models(
    kind: list[str], got: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["ls", *kind, "--verbose"])
    assert stopped.value.code == 2
    assert f"expected 'alframe ls models --verbose', got {got}" in capsys.readouterr().err


def test_a_model_that_no_preset_is_of_goes_with_strategies() -> None:
    """How long it is trained is for its user to say."""
    name, task, _, learners, strategies = row(registry().get("models", "tests.models.boxed:Boxed"))
    assert (name, task, learners) == ("tests.models.boxed:Boxed", "detection", "plain")
    assert {"entropy", "random", "divproto"} <= {*strategies.split(", ")}
    assert "coreset" not in strategies, "it has no embedding"
