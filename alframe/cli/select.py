"""``alframe select``: from the predictions of somebody's own model, without a run."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from alframe.annotations.formats import FORMATS
from alframe.cli.output import say, say_note
from alframe.cli.paths import FilePath
from alframe.errors import ConfigError, together
from alframe.files.home import real
from alframe.words import named

if TYPE_CHECKING:
    from alframe.strategy import Selection

_FILE = FilePath()


@click.command()
@click.option("--strategy", required=True, metavar="S", help="How to choose.")
@click.option("--budget", required=True, type=click.IntRange(1), help="How many images.")
@click.option(
    "--predictions", type=_FILE, multiple=True,
    help="What your model found, with scores; several times: the members of an ensemble.",
)  # fmt: skip
@click.option(
    "--augmented", type=_FILE, multiple=True,
    help="What it found on changed images (flipped, ...), boxes brought back.",
)  # fmt: skip
@click.option("--embeddings", type=_FILE, help="An npz: ids, image [n, d], class_probs [n, k].")
@click.option("--images", type=_FILE, help="A folder or list to choose from.")
@click.option("--labelled", type=_FILE, help="A list, or annotations, of what is labelled.")
@click.option(
    "--missing", type=click.Choice(["skip", "empty"]),
    help="Skip an image without predictions, or take it as empty.  [default: skip]",
)  # fmt: skip
@click.option("--skip-bad", is_flag=True, help="Leave out images of which something is wrong.")
@click.option("--strict", is_flag=True, help="Refuse to take a score for class probabilities.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of draws.")
@click.option("--json", "as_json", is_flag=True, help="Print an object an image: rank, score.")
@click.option("--to", "name", type=click.Choice(list(FORMATS)), help="Write a query for this tool.")
@click.option("--output", type=_FILE, help="Folder of the query.")
@click.option("--copy", is_flag=True, help="Copy the pictures beside it.")
@click.argument("overrides", nargs=-1, metavar="[strategy.KEY=VALUE]...")
def select(
    strategy: str,
    budget: int,
    predictions: Sequence[Path],
    augmented: Sequence[Path],
    embeddings: Path | None,
    images: Path | None,
    labelled: Path | None,
    missing: Literal["skip", "empty"] | None,
    skip_bad: bool,
    strict: bool,
    seed: int,
    as_json: bool,
    name: str | None,
    output: Path | None,
    copy: bool,
    overrides: Sequence[str],
) -> None:
    """Choose images to label from what your own model says of them; prints ids, best first.

    Predictions are COCO results, a folder of YOLO's .txt files with confidence, a file of Label
    Studio or CVAT with scores, or what "alframe predict --json" prints. Embeddings may also hold
    object_features [m, f] and object_index [m]: a vector for each predicted box, and the place of
    its image in ids. Of a model that classifies whole images they hold class_probs [n, k], or
    [s, n, k] of s opinions, and there are no predictions. What was tolerated is told on standard
    error.

    \b
    alframe select --strategy entropy --budget 100 --predictions preds.json --images photos
    alframe select --strategy coreset --budget 100 --embeddings feats.npz --labelled done.txt
    alframe select --strategy entropy --budget 30 --predictions labels --images photos \\
        --to label-studio --output round_02
    """  # noqa: D301
    _check_query(name, output, labelled, copy=copy, as_json=as_json)
    if arrays := [str(path) for path in predictions if path.suffix.lower() in (".npy", ".npz")]:
        raise ConfigError(
            f"--predictions {named(arrays)}: arrays belong to --embeddings, which may hold "
            "class_probs, too, of a model that classifies whole images"
        )
    if not predictions and (missing or strict):
        given = "--missing" if missing else "--strict"
        raise ConfigError(f"{given} is about --predictions: give them, too, or leave it out")
    from alframe.annotations.sheets import NAME as QUERY
    from alframe.config.layers import merge
    from alframe.config.resolve import from_overrides
    from alframe.selecting.choosing import check_provided, check_used, choose, strategy_of
    from alframe.selecting.material import check_there, promised, read_material
    from alframe.selecting.querying import write_asked
    from alframe.selecting.vectors import read_vectors

    layer = merge([{"strategy": {"name": strategy}}, from_overrides(overrides)])
    files = (*predictions, *augmented, *(file for file in (embeddings, images, labelled) if file))
    # What is wrong with the strategy is told beside files that are not there; what it asks for is
    # settled once these are read.
    together(partial(strategy_of, layer), partial(check_there, *files))
    vectors = read_vectors(embeddings) if embeddings else None
    promise = promised(len(predictions), vectors, augmented=bool(augmented))
    chosen = strategy_of(layer, promise)
    opinions = promised(len(predictions), None, augmented=bool(augmented))
    together(partial(check_provided, chosen, promise), partial(check_used, chosen, opinions))
    material = read_material(
        predictions=predictions, augmented=augmented, vectors=vectors, images=images,
        labelled=labelled, missing=missing or "skip", skip_bad=skip_bad, shown=name is not None,
    )  # fmt: skip
    selection = choose(chosen, material, budget, seed, tell=say_note, strict=strict)
    if name and output:
        before = ", in the place of an earlier query" if (output / QUERY).exists() else ""
        written = write_asked(selection, strategy, material, name, output, copy=copy)
        say(f"wrote {written}{before}")
        return
    _print(selection, as_json=as_json)


def _check_query(
    name: str | None, output: Path | None, labelled: Path | None, *, copy: bool, as_json: bool
) -> None:
    """Refuse options of a query that do not go together."""
    if bool(name) != bool(output) or (copy and not name):
        raise ConfigError("--to FORMAT and --output FOLDER belong together, and --copy to them")
    if name and as_json:
        raise ConfigError("--json prints what is chosen, --to writes a query of it: give one")
    if output and labelled and real(labelled).is_relative_to(real(output)):
        raise ConfigError(
            f"--labelled {labelled} lies in --output, which is written anew: put it elsewhere, so "
            "that it grows from query to query"
        )


def _print(selection: "Selection", *, as_json: bool) -> None:
    scores = selection.scores or {}
    for rank, item in enumerate(selection.ids, 1):
        if as_json:
            click.echo(json.dumps({"rank": rank, "id": item, "score": scores.get(item)}))
        else:
            say(item)
