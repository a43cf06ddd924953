"""What ``import alframe`` offers besides classes: a configuration, and a run of it."""

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from alframe.config.resolve import from_file, from_overrides
from alframe.config.resolve import resolve as resolved
from alframe.config.sections import RunConfig


def resolve(*settings: str | Mapping[str, Any]) -> RunConfig:
    """The configuration of a run, with all presets and defaults; the later setting wins.

    Args:
        settings: ``"key=value"``, the name of a YAML file or of a preset, or a nested mapping:
            ``{"dataset": {"name": "voc", "root": "VOCdevkit"}}``.

    Raises:
        ConfigError: every problem found.
    """
    return resolved([_layer(each) for each in settings])


def run(config: RunConfig, path: str | PathLike[str]) -> Iterator[Mapping[str, Any]]:
    """Run all cycles in ``path``, yielding each as it is finished (the objects of cycles.jsonl).

    A run that is there goes on where it stopped, after yielding the cycles that were finished. So
    asking people is: run until :class:`~alframe.errors.Waiting`, give the answers, run again.

    Raises:
        Waiting: the oracle waits for people or files.
        AlframeError: a user can mend it; see :mod:`alframe.errors`.
    """
    from alframe.runs.run import run as start

    folder = Path(path)
    yield from start(config, folder, resume=(folder / "config.yaml").exists())


def _layer(setting: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(setting, Mapping):
        return dict(setting)
    return from_overrides([setting]) if "=" in setting else from_file(setting)
