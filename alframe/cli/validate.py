"""``alframe validate``."""

import logging
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe.cli.options import config_options, layers_from
from alframe.cli.output import say
from alframe.config.draft import Draft
from alframe.config.resolve import drafted, to_yaml
from alframe.config.sections import RunConfig
from alframe.datasets.problems import plural
from alframe.errors import AlframeError, ConfigError, DataError, together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alframe.datasets.base import Dataset


@click.command()
@click.argument("file", required=False, type=click.Path())
@config_options
def validate(file: str | None, **flags: Any) -> None:
    """Check a configuration and its dataset without training: every problem, not the first.

    Prints the whole configuration with all defaults, as YAML for "alframe run --config".

    \b
    alframe validate my.yaml
    alframe validate --dataset voc --data-root VOCdevkit > my.yaml
    """  # noqa: D301
    # click hands the first word to FILE; a key=value is an override, not a file.
    if file and "=" in file:
        flags["overrides"], file = (file, *flags["overrides"]), None
    flags["config"] += (file,) if file else ()
    draft = drafted(layers_from(flags))
    _check_paths(draft)
    config = draft.checked()
    from alframe.runs.build import build_strategy

    _, (dataset, initial, per_cycle) = together(
        lambda: build_strategy(config), lambda: _checked_data(config)
    )
    click.echo(to_yaml(config), nl=False)
    for note in dataset.notes:
        say(f"note: {note}", err=True)
    say(
        f"valid: {len(dataset.pool)} images to choose from{_unannotated(dataset)}, "
        f"{len(dataset.test)} to test on; "
        f"labels {initial} + {config.budget.cycles - 1} x {per_cycle}; "
        f"{plural(len(dataset.classes), 'class')}: {', '.join(_counted(dataset))}",
        err=True,
    )


def _check_paths(draft: Draft) -> None:
    """Name paths at which nothing lies at once, before torch is imported."""
    from alframe.runs.beforehand import check_paths

    try:
        light = draft.light()
    except ConfigError:
        return  # settings are wrong: all of them will be reported
    check_paths(light)


def _unannotated(dataset: "Dataset") -> str:
    """How many images of the pool are annotated already, where not all are."""
    bare = len(dataset.unannotated)
    return f" ({len(dataset.pool) - bare} of them annotated)" if bare else ""


def _counted(dataset: "Dataset") -> "Iterator[str]":
    """Each class with its objects in the pool, as far as they are annotated."""
    known = (dataset.targets[i] for i in dataset.pool if i in dataset.targets)
    counts = Counter(label for target in known for label in target.labels.tolist())
    for label, name in enumerate(dataset.classes):
        yield f"{name} {counts[label]:,}"


def _unreadable(config: RunConfig) -> tuple[str, ...]:
    """What is wrong with the images, where the annotations of others are bad."""
    from alframe.datasets.unannotated import check_annotated
    from alframe.runs.build import build_dataset, prepare_images

    if config.dataset.options.get("on_bad_item") != "error":
        return ()
    skipping = config.dataset.model_copy(update={"on_bad_item": "skip"})
    people = config.oracle.model_copy(update={"name": "files"})  # for whom unannotated ones stay
    logging.disable(logging.WARNING)  # it would say that items are skipped
    try:
        rest = build_dataset(config.model_copy(update={"dataset": skipping, "oracle": people}))
    except DataError:  # nothing is left, or more is wrong than items: that has been said
        return ()
    finally:
        logging.disable(logging.NOTSET)
    rest = replace(rest, on_bad_item="error")
    checks = [partial(prepare_images, rest, config.data)]
    if config.oracle.name == "simulated":
        checks.insert(0, partial(check_annotated, rest, config.dataset.options))
    try:
        together(*checks)
    except AlframeError as error:
        return error.problems
    return ()


def _checked_data(config: RunConfig) -> "tuple[Dataset, int, int]":
    """The dataset, and how many images are labelled first and in each selection."""
    from alframe.runs.build import build_dataset, build_learner, prepare_images
    from alframe.runs.initial import initial_set
    from alframe.runs.loop import check_budget
    from alframe.runs.settled import as_settled
    from alframe.runs.takeover import check_source

    def budget(dataset: "Dataset") -> tuple[int, int]:
        given = initial_set(config.budget, dataset.pool)
        return check_budget(config.budget, len(dataset.pool), given)

    try:
        dataset = build_dataset(config)
    except DataError as error:
        raise DataError(dict.fromkeys([*error.problems, *_unreadable(config)])) from error
    *_, prepared = together(
        lambda: build_learner(config, dataset.classes),
        lambda: budget(dataset),
        lambda: prepare_images(dataset, config.data),
    )
    initial, per_cycle = budget(prepared)  # again: broken images may be left out
    if config.first_cycle:
        source = Path(config.first_cycle)
        check_source(source, as_settled(config, source), prepared.fingerprint())
    return prepared, initial, per_cycle
