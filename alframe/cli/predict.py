"""``alframe predict``."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alframe.cli.output import say
from alframe.errors import together

if TYPE_CHECKING:
    from alframe.datasets.folders import Given
    from alframe.predict import Prediction


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the pictures.")
@click.option("--cycle", type=int, help="Whose model; the last one by default.")
@click.option("--threshold", default=0.3, show_default=True, help="Least score of a box.")
@click.option(
    "--opacity", default=0.5, show_default=True, type=click.FloatRange(0, 1), help="Of the map."
)
@click.option("--weighted", is_flag=True, help="Weigh the map as training did (MI-AOD).")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one object an image; pictures on request."
)
@click.option("--device", default="auto", show_default=True, help="Where to compute.")
@click.option(
    "--white",
    type=click.FloatRange(0, min_open=True),
    help="What is white in images of more than 8 bits; as in the run by default.",
)
@click.option(
    "--max-megapixels",
    type=click.FloatRange(0, min_open=True),
    help="Larger images are refused; as in the run by default.",
)
def predict(
    run: Path,
    images: tuple[Path, ...],
    output: Path | None,
    cycle: int | None,
    threshold: float,
    opacity: float,
    weighted: bool,
    as_json: bool,
    device: str,
    white: float | None,
    max_megapixels: float | None,
) -> None:
    """Show what a RUN's model finds in IMAGES, files or folders, and where it is uncertain.

    For each image: boxes, the score by which the run's strategy would choose it, and a picture.
    Where the learner has two classifiers (MI-AOD) the picture carries a heat map of their
    squared disagreement, spread over the anchors. With --json, pictures are drawn where --output
    says. Folders are searched with those in them; what is left out of them is said.

    \b
    alframe predict runs/mine photo.jpg
    alframe predict runs/mine photos --json > predictions.jsonl
    """  # noqa: D301
    from alframe.atomic import UNLOCKED_IDLE, remove_torn
    from alframe.datasets.folders import check_there, pictures_in
    from alframe.photos import Photos, data_of
    from alframe.rundir import stored_layer

    folder = output or (None if as_json else run / "predictions")
    # Before torch is imported, which takes seconds.
    stored, (given, left_out), *_ = together(
        lambda: stored_layer(run),
        lambda: pictures_in(images, folder),
        *([] if run.is_dir() else [lambda: check_there(images)]),  # all that can be said of them
    )
    _say(left_out)
    data = data_of(stored, white=white, max_megapixels=max_megapixels)
    photos = Photos([image.path for image in given], data)
    _say(photos.notes())
    from alframe.predict import Predictor

    predictor = Predictor(run, cycle=cycle, device=device)
    if folder:
        remove_torn(folder, idle=UNLOCKED_IDLE)
    pictures = _pictures(given, folder) if folder else [None] * len(given)
    predictions = predictor(photos, threshold=threshold, weighted=weighted)
    for prediction, picture in zip(predictions, pictures, strict=True):
        if picture:
            _save(prediction, picture, opacity, predictor.classes)
        if as_json:
            shown = None if picture is None else str(picture)
            click.echo(json.dumps({**prediction.to_json(), "picture": shown}))
        else:
            say(*_lines(prediction, picture))


def _say(notes: Iterable[str]) -> None:
    say(*(f"note: {note}" for note in notes), err=True)


def _pictures(images: Sequence["Given"], folder: Path) -> list[Path | None]:
    """A file for each image's picture; numbered where it would be another's, or an image."""
    taken = {image.path.resolve() for image in images}
    numbers: dict[Path, Iterator[int]] = {}
    pictures: list[Path | None] = []
    for image in images:
        plain = folder / image.name.with_name(f"{image.name.stem}.png")
        number = numbers.setdefault(plain, count(1))
        names = (_numbered(plain, n) for n in number)
        picture = next(p for p in names if p.resolve() not in taken)
        taken.add(picture.resolve())
        pictures.append(picture)
    return pictures


def _numbered(path: Path, number: int) -> Path:
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def _save(prediction: "Prediction", path: Path, opacity: float, classes: tuple[str, ...]) -> None:
    from alframe.atomic import atomic
    from alframe.predict import paint

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as file:
        paint(prediction, opacity, classes).save(file, "PNG")


def _lines(prediction: "Prediction", picture: Path | None) -> list[str]:
    score = "" if prediction.score is None else f"  uncertainty {prediction.score:.4g}"
    lines = [f"{prediction.path}{score}  -> {picture}"]
    for name, value, box in zip(
        prediction.labels, prediction.scores, prediction.boxes, strict=True
    ):
        corners = "  ".join(f"{v:.1f}" for v in box)
        lines.append(f"  {name}  {value:.2f}  [{corners}]")
    return lines
