"""``alframe predict``."""

import json
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alframe.errors import together

if TYPE_CHECKING:
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
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object an image.")
@click.option("--device", default="auto", show_default=True, help="Where to compute.")
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
) -> None:
    """Show what a RUN's model finds in IMAGES, files or folders, and where it is uncertain.

    For each image: boxes, the score by which the run's strategy would choose it, and a picture.
    Where the learner has two classifiers (MI-AOD) the picture carries a heat map of their
    squared disagreement, spread over the anchors.

    \b
    alframe predict runs/mine photo.jpg
    alframe predict runs/mine photos --json > predictions.jsonl
    """  # noqa: D301
    from alframe.predict import Predictor, image_files
    from alframe.rundir import stored_layer

    _, files = together(lambda: stored_layer(run), lambda: image_files(images))  # without torch yet
    predictor = Predictor(run, cycle=cycle, device=device)
    pictures = _pictures(files, output or run / "predictions")
    predictions = predictor(files, threshold=threshold, weighted=weighted)
    for prediction, picture in zip(predictions, pictures, strict=True):
        _save(prediction, picture, opacity, predictor.classes)
        if as_json:
            click.echo(json.dumps({**prediction.to_json(), "picture": str(picture)}))
        else:
            click.echo(_text(prediction, picture))


def _pictures(images: Sequence[Path], folder: Path) -> list[Path]:
    """A file for each image's picture; numbered where it would be another's, or an image."""
    taken = {image.resolve() for image in images}
    pictures: list[Path] = []
    for image in images:
        numbered = (folder / f"{image.stem}-{number}.png" for number in count(2))
        names = chain([folder / f"{image.stem}.png"], numbered)
        pictures.append(next(p for p in names if p.resolve() not in taken))
        taken.add(pictures[-1].resolve())
    return pictures


def _save(prediction: "Prediction", path: Path, opacity: float, classes: tuple[str, ...]) -> None:
    from alframe.atomic import atomic
    from alframe.predict import paint

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as file:
        paint(prediction, opacity, classes).save(file, "PNG")


def _text(prediction: "Prediction", picture: Path) -> str:
    score = "" if prediction.score is None else f"  uncertainty {prediction.score:.4g}"
    lines = [f"{prediction.path}{score}  -> {picture}"]
    for name, value, box in zip(
        prediction.labels, prediction.scores, prediction.boxes, strict=True
    ):
        corners = "  ".join(f"{v:.1f}" for v in box)
        lines.append(f"  {name}  {value:.2f}  [{corners}]")
    return "\n".join(lines)
