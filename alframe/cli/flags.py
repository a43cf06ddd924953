"""The options that make a configuration, shared by ``run`` and ``validate``."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click

from alframe.cli.paths import FilePath
from alframe.config.draft import Layer
from alframe.config.layers import at_root, merge
from alframe.config.resolve import from_file, from_overrides
from alframe.errors import together

_OPTIONS = (
    click.option(
        "--config",
        multiple=True,
        type=FilePath(str),
        metavar="FILE|NAME",
        help="A YAML file, or the name of a preset. Of several, the later wins.",
    ),
    click.option("--strategy", metavar="S", help="What to label next (alframe ls strategies)."),
    click.option("--learner", metavar="L", help="How to train; the strategy's own by default."),
    click.option(
        "--model", "--detector", "model", metavar="M", help="What to train (alframe ls models)."
    ),
    click.option("--oracle", metavar="O", help="Who annotates (alframe ls oracles)."),
    click.option("--dataset", metavar="NAME", help="What to choose from (alframe ls datasets)."),
    click.option("--data-root", type=FilePath(str), metavar="DIR", help="Where the dataset lies."),
    click.option("--seed", metavar="N", help="The root of all randomness."),
    click.option("--output", type=FilePath(str), metavar="DIR", help="The run directory."),
    click.option("--device", metavar="auto|cpu|cuda[:i]", help="Where to compute."),
    click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]..."),
)


class Number(click.FloatRange):
    """A finite number."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number in a text."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


_READING = (
    click.option(
        "--white",
        type=Number(0, min_open=True),
        help="What is white in images of more than 8 bits; as in the run by default.",
    ),
    click.option(
        "--max-megapixels",
        type=Number(0, min_open=True),
        help="Larger images are refused; as in the run by default.",
    ),
)


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of :func:`layers_from` to a command."""
    return _with(_OPTIONS, command)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``white`` and ``max_megapixels``: how a run's model is to read other images."""
    return _with(_READING, command)


def _with(options: Sequence[Callable[..., Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def layers_from(flags: dict[str, Any], *, base: Layer | None = None) -> list[Layer]:
    """The layers that the command line gives, weakest first; every unreadable one is reported.

    Args:
        flags: values of the options above, by name.
        base: a configuration underneath (of a run to be resumed).
    """
    return together(
        lambda: base or {},
        *(partial(from_file, name) for name in flags["config"]),
        lambda: _flags_layer(flags),
        lambda: from_overrides(flags["overrides"]),
    )


def _flags_layer(flags: dict[str, Any]) -> Layer:
    names = ("strategy", "learner", "model", "oracle", "dataset")
    layer: Layer = {k: {"name": flags[k]} for k in names if flags[k] is not None}
    layer = merge([layer, at_root(flags["data_root"])])
    return layer | {k: flags[k] for k in ("seed", "output", "device") if flags[k] is not None}
