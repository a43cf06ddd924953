"""How the runs of a problem were trained, as far as a reader of its table wants to know."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from alframe.benchmarks.page.numbers import plural
from alframe.benchmarks.runs import Run

Config = Mapping[str, Any]


def recipe(runs: Sequence[Run]) -> dict[str, str]:
    """Each part in words, with all its values where the runs differ; unknown ones are left out."""
    found = {name: dict.fromkeys(_said(part, runs)) for name, part in PARTS.items()}
    return {name: "; ".join(texts) for name, texts in found.items() if texts}


def _said(part: Callable[[Config], str], runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        try:
            yield part(run.config)
        except KeyError:  # another version's settings
            continue


def _images(config: Config) -> str:
    data = config["data"]
    sizes = {"none": "as they are", "fit": "within {long} x {short}", "stretch": "{long} x {short}"}
    return sizes[data["resize"]].format_map(data)


def _length(config: Config) -> str:
    training = config["training"]
    if training["passes"]:
        passes = "1 pass" if training["passes"] == 1 else f"{training['passes']} passes"
        return f"{passes} over the labelled images"
    return plural(training["iterations"], "iteration")


def _optimiser(config: Config) -> str:
    text = "{optimizer}, learning rate {lr:g}, weight decay {weight_decay:g}, {schedule} schedule"
    return text.format_map(config["training"])


def _budget(config: Config) -> str:
    budget = config["budget"]
    added = budget["cycles"] - 1
    return f"{budget['initial']}" + (f" + {added} x {budget['per_cycle']}" if added else "")


PARTS: Mapping[str, Callable[[Config], str]] = {
    "image size": _images,
    "length of a training": _length,
    "batch": lambda config: plural(config["training"]["batch_size"], "image"),
    "optimiser": _optimiser,
    "augmentation": lambda config: ", ".join(config["training"]["augment"]) or "none",
    "precision": lambda config: str(config["training"]["precision"]),
    "budget in images": _budget,
}
"""What is said of a resolved configuration; a ``KeyError`` where it has no such setting."""
