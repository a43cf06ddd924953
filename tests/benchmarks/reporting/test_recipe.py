"""A recipe in words."""

from pathlib import Path

from alframe.benchmarks.reading.rundirs import Run
from alframe.benchmarks.reporting.remarks import recipe
from alframe.config.resolve import resolve
from tests.benchmarks.tiny_suite import CONTENT


def run(**layer: object) -> Run:
    config = resolve([CONTENT["settings"], {"strategy": "random"}, layer])  # type: ignore[list-item]
    return Run(Path("run"), config.model_dump(mode="json"), {}, ())


def test_every_part() -> None:
    details = {"optimizer": "sgd", "lr": 0.5, "weight_decay": 0.01, "schedule": "cosine",
               "batch_size": 4, "augment": [], "iterations": 2000}  # fmt: skip
    assert recipe([run(training=details)]) == {
        "image size": "as they are",
        "length of a training": "2,000 iterations",
        "batch": "4 images",
        "optimiser": "sgd, learning rate 0.5, weight decay 0.01, cosine schedule",
        "augmentation": "none",
        "precision": "fp32",
        "budget in images": "6 + 1 x 5",
    }


def test_other_words() -> None:
    data = {"resize": "fit", "long": 320, "short": 160}
    found = recipe([run(data=data, training={"passes": 1, "schedule": "cosine"},
                        budget={"initial": "10%", "cycles": 1})])  # fmt: skip
    assert found["image size"] == "within 320 x 160"
    assert found["length of a training"] == "1 pass over the labelled images"
    assert found["budget in images"] == "10%"


def test_runs_that_differ() -> None:
    runs = [run(training={"batch_size": n}) for n in (8, 1, 8)]
    assert recipe(runs)["batch"] == "8 images; 1 image"


def test_what_an_old_configuration_does_not_say_is_left_out() -> None:
    old = Run(Path("run"), {"training": {"batch_size": 2, "precision": "bf16"}}, {}, ())
    assert recipe([old]) == {"batch": "2 images", "precision": "bf16"}
    assert recipe([]) == {}
    torn = {"training": None, "data": 3, "budget": []}
    assert recipe([Run(Path("run"), torn, {}, ()), old]) == recipe([old])
