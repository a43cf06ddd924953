"""What a learner reports: metrics of an evaluation, the phases of a fit, and its states."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from alframe.errors import TrainingError
from alframe.files.checked import KEY
from alframe.learner import Metrics
from alframe.model import ERRORS
from alframe.runs.journal import is_count
from alframe.runs.records import COLUMNS, SECONDS, metric_columns

ROUNDING = 1e-6
"""By which a mean of fractions may leave their range."""

OWN = ("event", "cycle", "phase", KEY)
"""What the journal's event of a phase says beside its summary."""


def check_metrics(metrics: Metrics) -> None:
    """Hold a learner to metrics that files can keep, and reports rank by.

    Raises:
        TrainingError: they are no mapping of fractions, None and such mappings, with numbers of any
            size below :data:`~alframe.model.ERRORS`; or the first is no number.
    """
    wrong: str | None = f"it is a {type(metrics).__name__}"
    if isinstance(metrics, Mapping):
        headline = next(iter(metrics.items()), None)
        wrong = next(_no_metrics(metrics), None) or next(_no_columns(metrics), None)
        if headline is None or isinstance(headline[1], Mapping):
            wrong = wrong or f"the first, the headline, is {headline[0] if headline else 'missing'}"
    if wrong:
        raise TrainingError(
            f"metrics are {metrics!r:.200}: expected fractions of 0 to 1 by name, None for what "
            "does not exist, and such mappings by name; what is no fraction, and the less the "
            f"better, in one called {ERRORS!r} ({wrong})"
        )


def _no_metrics(metrics: Mapping[Any, object], prefix: str = "") -> Iterator[str]:
    errors = prefix.startswith(f"{ERRORS}.")
    least, most = (-sys.float_info.max, sys.float_info.max) if errors else (-ROUNDING, 1 + ROUNDING)
    for name, value in metrics.items():
        key = f"{prefix}{name}"
        if not isinstance(name, str):
            yield f"the key {name!r:.40} is no text"
        elif isinstance(value, dict):
            yield from _no_metrics(value, f"{key}.")
        elif isinstance(value, bool) or not isinstance(value, int | float | None):
            yield f"{key} is a {type(value).__name__}"
        elif value is not None and not least <= value <= most:
            yield f"{key} is {value!s:.12}"


def _no_columns(metrics: Metrics) -> Iterator[str]:
    """Names that ``results.csv`` has for something else."""
    names = [name for name, _ in metric_columns(metrics)]
    yield from (f"{name} is a name of results.csv's own" for name in names if _is_own(name))
    yield from (f"{name} is there twice" for name, count in Counter(names).items() if count > 1)


def _is_own(column: str) -> bool:
    return column in COLUMNS or column.startswith(SECONDS)


def check_state(state: object, what: str) -> None:
    """Hold what a learner gives to be kept to being a mapping, as which it is read again.

    Raises:
        TrainingError: it is none.
    """
    if not isinstance(state, dict):
        raise TrainingError(
            f"{what} is a {type(state).__name__}: expected a dict of what makes up the state"
        )


def check_phase(name: str, summary: Mapping[str, Any]) -> None:
    """Hold a learner to phases with which the journal can be read again.

    Raises:
        TrainingError: the name is no text; or the summary is no mapping of what JSON has by names
            that are free, and ``index``, a whole number.
    """
    if wrong := next(_no_phase(name, summary), None):
        raise TrainingError(
            f"phase_finished was called with {name!r:.40} and {summary!r:.100}: expected the name "
            "of a phase and, by name, what JSON has, such as float(loss); index is a whole number "
            f"({wrong})"
        )


def _no_phase(name: object, summary: object) -> Iterator[str]:
    if not isinstance(name, str):
        yield f"the name is a {type(name).__name__}"
    if not isinstance(summary, Mapping):
        yield f"the summary is a {type(summary).__name__}"
        return
    yield from (f"the key {key!r:.40} is no text" for key in summary if not isinstance(key, str))
    yield from (f"{key} is what the journal says itself" for key in OWN if key in summary)
    if not is_count(index := summary.get("index", 0)):
        yield f"index is {index!r:.40}"
    try:
        json.dumps(dict(summary))
    except (TypeError, ValueError) as error:
        yield str(error)
