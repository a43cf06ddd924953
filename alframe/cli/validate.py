"""``alframe validate``."""

import logging
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe.cli.flags import config_options, layers_from
from alframe.cli.output import say, say_note
from alframe.cli.paths import FilePath
from alframe.config.draft import Draft
from alframe.config.resolve import drafted, is_override, to_yaml
from alframe.config.sections import RunConfig
from alframe.errors import AlframeError, DataError, together
from alframe.words import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alframe.datasets.base import Dataset
    from alframe.runs.budget import Plan


@click.command()
@click.argument("file", required=False, type=FilePath(str))
@config_options
def validate(file: str | None, **flags: Any) -> None:
    """Check a configuration and its dataset without training: all problems at once.

    Prints the whole configuration with all defaults, as YAML for "alframe run --config".

    \b
    alframe validate my.yaml
    alframe validate --dataset voc --data-root VOCdevkit > my.yaml
    """  # noqa: D301
    if file and is_override(file):  # click hands the first word to FILE
        flags["overrides"], file = (file, *flags["overrides"]), None
    flags["config"] += (file,) if file else ()
    from alframe.runs.preflight import check_paths, light_config, told_with

    draft = drafted(layers_from(flags))
    light = light_config(draft)
    with told_with(draft):
        check_paths(light)  # before torch is imported, unless there may be more to tell
        config, as_read = together(draft.checked, lambda: _dataset(light, draft))
    from alframe.runs.build import build_strategy

    _, (dataset, plan) = together(
        lambda: build_strategy(config), lambda: _checked_data(config, as_read)
    )
    click.echo(to_yaml(config), nl=False)
    say_note(*dataset.notes)
    test = len(plan.test) or len(dataset.test)
    say(
        f"valid: {len(dataset.pool) - len(plan.test)} images to choose from"
        f"{_annotated(dataset, plan)}, {test} to test on; "
        f"labels {len(plan.initial)} + {_times(plan.cycles)}{plan.per_cycle}; "
        f"{plural(len(dataset.classes), 'class')}: {', '.join(_counted(dataset))}",
        err=True,
    )


def _times(cycles: int | None) -> str:
    return "any number of times " if cycles is None else f"{cycles - 1} x "


def _annotated(dataset: "Dataset", plan: "Plan") -> str:
    """How many images of the pool are annotated already, where not all are."""
    pool = set(dataset.pool).difference(plan.test)
    bare = len(pool.intersection(dataset.unannotated))
    return f" ({len(pool) - bare} of them annotated)" if bare else ""


def _counted(dataset: "Dataset") -> "Iterator[str]":
    """Each class with its objects in the pool."""
    counts = Counter(label for t in dataset.known.values() for label in t.labels.tolist())
    for label, name in enumerate(dataset.classes):
        yield f"{name} {counts[label]:,}"


def _dataset(light: RunConfig, draft: Draft) -> "Dataset":
    """The dataset, its annotations read."""
    from alframe.runs.build import build_dataset

    try:
        return build_dataset(light)
    except DataError as error:
        raise AlframeError(dict.fromkeys([*error.problems, *_others(light, draft)])) from error


def _others(config: RunConfig, draft: Draft) -> tuple[str, ...]:
    """What is wrong with images, model and strategy, where annotations are bad."""
    from alframe.datasets.unannotated import check_annotated
    from alframe.runs.build import (
        asks_people,
        build_dataset,
        build_learner,
        build_strategy,
        prepare_images,
    )

    if config.dataset.options.get("on_bad_item") != "error":
        return ()
    skipping = config.dataset.model_copy(update={"on_bad_item": "skip"})
    logging.disable(logging.WARNING)  # it would say that items are skipped
    try:
        rest = build_dataset(config.model_copy(update={"dataset": skipping}), in_part=True)
    except DataError:  # nothing is left, or more is wrong than items: that has been said
        return ()
    finally:
        logging.disable(logging.NOTSET)
    rest = replace(rest, on_bad_item="error")
    checks: list[Callable[[], Any]] = [
        lambda: build_strategy(draft.checked()),
        lambda: build_learner(draft.checked(), rest.classes),
        partial(prepare_images, rest, config),
    ]
    if not asks_people(config):
        checks.append(partial(check_annotated, rest, config.dataset.options))
    try:
        together(*checks)
    except AlframeError as error:
        return error.problems
    return ()


def _checked_data(config: RunConfig, dataset: "Dataset") -> "tuple[Dataset, Plan]":
    """The dataset with its images, and what is labelled when."""
    from alframe.cli.run import new_path
    from alframe.runs.build import build_learner, build_oracle, plan_of, prepare_images
    from alframe.runs.first_cycle import check_source
    from alframe.runs.pinned_settings import as_settled

    *_, prepared = together(
        lambda: build_learner(config, dataset.classes),
        lambda: build_oracle(config, dataset, new_path(config)),
        lambda: plan_of(config, dataset),
        lambda: prepare_images(dataset, config),
    )
    plan = plan_of(config, prepared)  # again: broken images may be left out
    if config.first_cycle:
        source = Path(config.first_cycle)
        check_source(source, as_settled(config, source), prepared.fingerprint())
    return prepared, plan
