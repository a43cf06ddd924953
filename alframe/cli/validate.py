"""``alframe validate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe.cli.options import config_from, config_options
from alframe.config import RunConfig
from alframe.errors import together

if TYPE_CHECKING:
    from alframe.datasets.base import Dataset


@click.command()
@click.argument("file", required=False, type=click.Path())
@config_options
def validate(file: str | None, **flags: Any) -> None:
    """Check a configuration and its dataset without training: every problem, not the first.

    \b
    alframe validate my.yaml
    alframe validate --dataset voc --data-root VOCdevkit
    """  # noqa: D301
    # click hands the first word to FILE; a key=value is an override, not a file.
    if file and "=" in file:
        flags["overrides"], file = (file, *flags["overrides"]), None
    flags["config"] += (file,) if file else ()
    config = config_from(flags)
    from alframe.build import build_strategy

    _, (dataset, initial, per_cycle) = together(
        lambda: build_strategy(config), lambda: _checked_data(config)
    )
    for note in dataset.notes:
        click.echo(f"note: {note}")
    click.echo(
        f"valid: {len(dataset.pool)} images to choose from, {len(dataset.test)} to test on, "
        f"{len(dataset.classes)} classes; labels {initial} + {config.budget.cycles - 1} x "
        f"{per_cycle}"
    )


def _checked_data(config: RunConfig) -> "tuple[Dataset, int, int]":
    """The dataset, and how many images are labelled first and in each selection."""
    from alframe.build import build_dataset, build_learner, prepare_images
    from alframe.initial import initial_set
    from alframe.loop import check_budget
    from alframe.precision import with_precision_of
    from alframe.takeover import check_source

    def budget(dataset: "Dataset") -> tuple[int, int]:
        given = initial_set(config.budget, dataset.pool)
        return check_budget(config.budget, len(dataset.pool), given)

    dataset = build_dataset(config)
    *_, prepared = together(
        lambda: build_learner(config, dataset.classes),
        lambda: budget(dataset),
        lambda: prepare_images(dataset, config.data),
    )
    initial, per_cycle = budget(prepared)  # again: broken images may be left out
    if config.first_cycle:
        source = Path(config.first_cycle)
        check_source(source, with_precision_of(config, source), prepared.fingerprint())
    return prepared, initial, per_cycle
