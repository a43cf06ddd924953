"""``alframe validate``."""

from typing import Any

import click

from alframe.cli.options import config_from, config_options
from alframe.errors import together


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
    flags["config"] = flags["config"] or file
    config = config_from(flags)
    from alframe.build import build_dataset, build_learner, build_strategy, prepare_images
    from alframe.datasets.base import Dataset
    from alframe.initial import initial_set
    from alframe.loop import check_budget

    def check_data() -> tuple[Dataset, int, int]:
        dataset = build_dataset(config)
        build_learner(config, dataset.classes)
        prepared = prepare_images(dataset, config.data)
        given = initial_set(config.budget, prepared.pool)
        return prepared, *check_budget(config.budget, len(prepared.pool), given)

    _, (dataset, initial, per_cycle) = together(lambda: build_strategy(config), check_data)
    for note in dataset.notes:
        click.echo(f"note: {note}")
    click.echo(
        f"valid: {len(dataset.pool)} images to choose from, {len(dataset.test)} to test on, "
        f"{len(dataset.classes)} classes; labels {initial} + {config.budget.cycles - 1} x "
        f"{per_cycle}"
    )
