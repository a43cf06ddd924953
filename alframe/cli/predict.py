"""``alframe predict``."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alframe.cli.flags import Number, reading_options
from alframe.cli.output import say, say_note
from alframe.cli.paths import FilePath
from alframe.errors import RunError, together

if TYPE_CHECKING:
    from alframe.datasets.folders import Given
    from alframe.runs.own_images import Photos
    from alframe.runs.predicting import Prediction, Predictor


@click.command()
@click.argument("run", type=FilePath())
@click.argument("images", nargs=-1, required=True, type=FilePath())
@click.option("--top", type=click.IntRange(1), metavar="N", help="Only the N largest scores.")
@click.option("--unlabelled", is_flag=True, help="Leave out what the run has labelled.")
@click.option("--output", "--show-dir", type=FilePath(), help="Folder of the pictures.")
@click.option("--cycle", type=int, help="The cycle of the model; the last by default.")
@click.option("--threshold", type=Number(0, 1), help="Least score of what is shown.  [boxes: 0.3]")
@click.option(
    "--opacity",
    default=0.5,
    show_default=True,
    type=Number(0, 1),
    help="Of what is painted over an image: masks, heat maps.",
)
@click.option("--weighted", is_flag=True, help="Weigh the map as training did (MI-AOD).")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one object an image; pictures on request."
)
@click.option("--device", default="auto", show_default=True, help="Where to compute.")
@click.option(
    "--data-root", type=FilePath(str), metavar="DIR",
    help="Where the run's dataset lies, if it was moved.",
)  # fmt: skip
@reading_options
def predict(
    run: Path,
    images: tuple[Path, ...],
    top: int | None,
    unlabelled: bool,
    output: Path | None,
    cycle: int | None,
    threshold: float | None,
    opacity: float,
    weighted: bool,
    as_json: bool,
    device: str,
    data_root: str | None,
    white: float | None,
    max_megapixels: float | None,
) -> None:
    """Show what a RUN's model finds in IMAGES, files or folders, and where it is uncertain.

    For each image: what the model finds, the score by which the run's strategy would choose it,
    and a picture; the largest score first. Pictures of boxes carry a heat map where the learner
    has two classifiers (MI-AOD): their squared disagreement, spread over the anchors. With --json,
    pictures are drawn where --output says. Folders are searched with those in them; what is left
    out is listed.

    \b
    alframe predict runs/mine photo.jpg
    alframe predict runs/mine photos --unlabelled --top 100 --json > next.jsonl
    """  # noqa: D301
    folder = output or (None if as_json else run / "predictions")
    given, photos = _photos(
        run, cycle, images, folder, unlabelled, data_root, white, max_megapixels
    )
    if not given:
        return
    from alframe.runs.predicting import Predictor, picture_files, ranked, save_picture

    predictor = Predictor(run, cycle=cycle, device=device)
    _check_ranks(predictor, run, top)
    files = picture_files(given, folder) if folder else []

    def draw(number: int, prediction: "Prediction") -> None:
        save_picture(prediction.picture(), files[number])

    predicted = partial(predictor, photos, threshold=threshold, opacity=opacity, weighted=weighted)
    for number, prediction in ranked(predicted, len(given), top, draw if files else None):
        picture = str(files[number]) if files else None
        if as_json:
            click.echo(json.dumps({**prediction.to_json(), "picture": picture}))
        else:
            say(*_lines(prediction, picture))


def _photos(
    run: Path,
    cycle: int | None,
    images: tuple[Path, ...],
    folder: Path | None,
    unlabelled: bool,
    data_root: str | None,
    white: float | None,
    max_megapixels: float | None,
) -> "tuple[list[Given], Photos]":
    """The images to predict, checked; torch, which takes seconds to import, is not needed."""
    from alframe.datasets.folders import pictures_in
    from alframe.runs.kept import kept_layer
    from alframe.runs.own_images import data_of, photos_of, without_used

    stored, (given, notes) = together(
        lambda: kept_layer(run, cycle), lambda: pictures_in(images, folder)
    )
    say_note(*notes)
    if unlabelled:
        given, note = without_used(given, run, data_root)
        say_note(note)
    data = data_of(stored, white=white, max_megapixels=max_megapixels)
    given, photos, notes = photos_of(given, frozenset(images), data)
    say_note(*notes)
    return given, photos


def _check_ranks(predictor: "Predictor", run: Path, top: int | None) -> None:
    """Say that there are no scores to rank by.

    Raises:
        RunError: a number of the largest is asked for all the same.
    """
    if predictor.scores:
        return
    why = f"strategy {predictor.strategy!r} of {run} scores no single image"
    if top:
        raise RunError(f"{why}, so there are no {top} largest scores: leave out --top")
    say_note(f"{why}: predictions are in the order of the images, without a score")


def _lines(prediction: "Prediction", picture: str | None) -> list[str]:
    score = "" if prediction.score is None else f"  score {prediction.score:.4g}"
    return [
        f"{prediction.path}{score}  -> {picture}",
        *(f"  {line}" for line in prediction.shown.lines),
    ]
