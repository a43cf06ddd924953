"""What can go wrong that a user can mend. The command line prints these and exits with 2.

    AlframeError
    ├── ConfigError      a setting is unknown, missing, of the wrong type or contradicts another
    ├── DataError        a dataset, an image or an annotation cannot be used
    ├── PluginError      a plugin is unknown, doubled or cannot be loaded
    ├── RunError         a run directory is locked, foreign, unwritable or of another configuration
    ├── SelectionError   a strategy broke its contract: budget, ids or a non-finite score
    ├── TrainingError    training cannot go on: a non-finite loss, memory that does not suffice
    └── Waiting          no error: a run waits for people or for files; exit code 3

Every other exception is a bug and shows its traceback.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

DIVERGED = (
    "the model has diverged (of a run: start anew with another --output and a lower training.lr, "
    "or with training.clip_norm)"
)
"""Of signals that are not finite; a run that is resumed keeps its settings of training."""


class AlframeError(Exception):
    """An error whose message tells a user what was expected, what was found and what to do.

    Args:
        problems: one message, or several found at the same time; each is one line or two.
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[Any, ...]:
        """Whole through a pickle: loading processes and other members of a team send them."""
        return _rebuilt, (type(self), self.problems), self.__dict__


_Error = TypeVar("_Error", bound=AlframeError)


class ConfigError(AlframeError):
    """A setting is unknown, missing, of the wrong type or contradicts another."""


class DataError(AlframeError):
    """A dataset, an image or an annotation cannot be used."""


class PluginError(AlframeError):
    """A plugin is unknown, doubled or cannot be loaded."""


class RunError(AlframeError):
    """A run directory is locked, foreign, unwritable or of another configuration."""


class SelectionError(AlframeError):
    """A strategy broke its contract: budget, ids or a non-finite score."""


class TrainingError(AlframeError):
    """Training cannot go on: a non-finite loss, or memory that does not suffice."""


class Waiting(AlframeError):  # noqa: N818 - a status, not an error
    """A run has come as far as it can: says what it waits for, and what to do. Exit code 3.

    The command line says ``waiting:`` before it.
    """

    exit_code = 3


def _rebuilt(kind: type[_Error], problems: tuple[str, ...]) -> _Error:
    """An error whose class may take other arguments than its messages."""
    error = kind.__new__(kind)
    AlframeError.__init__(error, problems)
    return error


def together(*checks: Callable[[], Any]) -> list[Any]:
    """Make every check, and only then complain: all their problems in one error, each once.

    Returns:
        What the checks returned.

    Raises:
        AlframeError: the problems of every check that failed, by what the one raised that did, or
            else a ConfigError if all are of settings, and likewise of data or plugins.
        Waiting: of the first check that waits.
    """
    results: list[Any] = []
    errors: list[AlframeError] = []
    for check in checks:
        try:
            results.append(check())
        except Waiting:
            raise
        except AlframeError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        kinds = (ConfigError, DataError, PluginError)
        shared = (k for k in kinds if all(isinstance(e, k) for e in errors))
        raise next(shared, AlframeError)(dict.fromkeys(p for e in errors for p in e.problems))
    return results
