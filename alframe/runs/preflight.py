"""What can be known to fail before torch is imported, which takes seconds: paths and the budget.

Beside another problem, and with torch, also what constructors refuse.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from alframe.config.draft import Draft
from alframe.config.sections import Component, RunConfig
from alframe.datasets.base import Dataset
from alframe.errors import AlframeError, ConfigError, Waiting, together
from alframe.files.home import expanded
from alframe.files.presence import exists, is_file, is_folder
from alframe.plugins import Entry
from alframe.plugins.own_code import OWN
from alframe.runs.build import asks_people, build_dataset, build_oracle, build_strategy, plan_of
from alframe.runs.components import made, made_strategy
from alframe.runs.initial import stored_ids
from alframe.runs.journal import Journal
from alframe.runs.kept import dataset_of
from alframe.runs.opening import check_claim
from alframe.runs.rundir import stored_layer
from alframe.runs.weights import WORDS


def checked_dataset(config: RunConfig, path: Path, *, resume: bool) -> Dataset:
    """The dataset of a run, its annotations read, once nothing is in the way of starting it.

    Args:
        config: as far as it is known, see :meth:`alframe.config.draft.Draft.light`.
        path: of the run directory.
        resume: go on with a run that is there.

    Raises:
        AlframeError: a path that does not exist or may not be used, a dataset that cannot be read,
            a budget that it cannot fill.
    """
    taken = [] if resume else [partial(check_claim, path, config, resume=False)]
    dataset: Dataset
    *_, dataset = together(
        *taken,
        partial(_check_files, config, resume=resume),
        partial(dataset_of, config, path),
    )
    try:
        plan_of(config, dataset, begun=bool(Journal(path).of("initial")))
    except ConfigError:
        if asks_people(config):
            build_oracle(config, dataset, path)  # where nobody can be asked, says so instead
        raise
    return dataset


def light_config(draft: Draft, *, resume: bool = False) -> RunConfig:
    """The configuration as far as it is known without torch: :meth:`Draft.light`.

    Args:
        draft: of it.
        resume: go on with a run that is there.

    Raises:
        AlframeError: every problem of the settings, those of components with options included, and
            of the paths in settings that are right.
    """
    try:
        return draft.light()
    except ConfigError:
        together(
            draft.checked,
            partial(check_paths, draft.right(), resume=resume),
            partial(_check_ranges, draft),
        )
        raise


@contextlib.contextmanager
def told_with(draft: Draft) -> Iterator[None]:
    """Tell what is wrong with options of components, too, where an error ends the block.

    It takes torch to know, so only where there are such options.

    Raises:
        AlframeError: with all of it.
    """
    try:
        yield
    except AlframeError as error:
        if draft.plain or isinstance(error, Waiting):
            raise
        try:
            together(lambda: build_strategy(draft.checked()), partial(_check_ranges, draft))
        except AlframeError as other:
            raise AlframeError(dict.fromkeys((*other.problems, *error.problems))) from error
        raise


def _check_ranges(draft: Draft) -> None:
    """Refuse options of which alframe's own strategies and detectors say that they are wrong.

    What others wrote is made once, by the run. How many classes there are, which other models are
    particular about, is not known yet.

    Raises:
        AlframeError: all of them, as far as options are of their types; of a wrapper those of what
            it wraps first.
    """
    if draft.plain:
        return
    own = {name for name, chain in draft.entries.items() if all(e.package == OWN for e in chain)}
    if "model" in own and draft.entries["model"][0].task != Entry.task:
        own.remove("model")
    making: dict[str, Callable[[Component], object]] = {
        "strategy": made_strategy,
        "model": _make_detector,
    }
    together(
        *(
            partial(make, component)
            for section, make in making.items()
            if section in own and (component := draft.right_component(section))
        )
    )


def _make_detector(model: Component) -> None:
    weights = {"weights": "none"} if "weights" in model.options else {}
    made("model", model.model_copy(update=weights), num_classes=1)


def check_paths(config: RunConfig, *, resume: bool = False) -> None:
    """Refuse paths at which nothing lies.

    Raises:
        AlframeError: all of them.
    """
    together(partial(check_root, config), partial(_check_files, config, resume=resume))


def check_root(config: RunConfig) -> None:
    """Refuse a folder of the dataset that is not there, in the dataset's own words."""
    root = config.dataset.options.get("root")
    if isinstance(root, str) and not is_folder(expanded(root)):
        build_dataset(config)


def _check_files(config: RunConfig, *, resume: bool) -> None:
    first, initial = config.first_cycle, config.budget.initial_set
    together(
        *([partial(stored_ids, Path(initial))] if initial else []),
        *([partial(stored_layer, Path(first))] if first and not resume else []),
        partial(
            _check_weights, config.model and config.model.options.get("weights"), resume=resume
        ),
    )


def _check_weights(weights: object, *, resume: bool) -> None:
    """Refuse what looks like the path of a file and is none; a plugin may have names of its own."""
    if not isinstance(weights, str) or weights in WORDS:
        return
    path = expanded(weights)
    like_one = bool(path.suffix) or path.parent != Path() or (exists(path) and not is_folder(path))
    if like_one and not is_file(path):
        wanted = "none, pretrained or the path of a state dict"
        if resume:
            wanted = "the file that the run began with: give model.weights=PATH of it"
        raise ConfigError(f"model.weights: no file {weights}; expected {wanted}")
