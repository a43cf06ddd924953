"""``alframe export``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe.annotations.coco_writing import write_results
from alframe.annotations.parts import by_stem
from alframe.annotations.vocabulary import AskedImage, Proposal, Sheet
from alframe.annotations.yolo_query import write_query as write_labels
from alframe.cli.flags import Number, reading_options
from alframe.cli.output import say, say_note
from alframe.cli.paths import FilePath
from alframe.errors import ConfigError, DataError, RunError, together
from alframe.files.atomic import write_text
from alframe.signals import DETECTIONS
from alframe.text import printable
from alframe.words import plural

if TYPE_CHECKING:
    from alframe.datasets.folders import Given
    from alframe.runs.own_images import Photos
    from alframe.runs.predicting import Prediction

HOW = {
    "coco": (
        "predictions.json: COCO results. bbox is x y width height in pixels from the corner above "
        "left; image_id and category_id are those of coco.json, which has every image, also those "
        "without a prediction."
    ),
    "yolo": (
        "labels/: a file for each image, empty where nothing was found. A line is: number of the "
        "class, x and y of the centre, width, height, all in shares of the image, and the score. "
        "The numbers are those of data.yaml and lines of classes.txt, from 0 on."
    ),
}
"""What lies where, by format."""
WRITTEN: dict[str, Callable[[Sheet, Path], Path]] = {
    "coco": write_results,
    "yolo": partial(write_labels, scores=True),
}
MODELS = ("onnx", "torch-export")
"""Formats of the model itself."""
README = "README.txt"
"""Is written last."""
BEGUN = frozenset(
    {"coco.json", "train.json", "test.json", "images", "labels", "detector.onnx", "detector.pt2"}
)
"""What is written before it."""
FILES = frozenset({".json", ".onnx", ".pt2", ".txt", ".zip"})
"""Suffixes of files, which no folder is called by."""
THRESHOLD = 0.05
"""Least score of a box that is written, unless told otherwise."""


@click.command()
@click.argument("run", metavar="RUN", type=FilePath())
@click.argument("images", nargs=-1, type=FilePath())
@click.option("--to", "name", required=True, type=click.Choice((*HOW, *MODELS)), help="The format.")
@click.option("--output", required=True, type=FilePath(), help="A folder.")
@click.option("--cycle", type=int, help="The cycle of the model; the last by default.")
@click.option(
    "--annotations", is_flag=True, help="What the run has annotated, in place of what it finds."
)
@click.option("--raw", is_flag=True, help="A model's predictions before any filtering.")
@click.option("--threshold", type=Number(0, 1), help="Of boxes: least score.  [default: 0.05]")
@click.option("--device", help="Of boxes: where to compute.  [default: auto]")
@reading_options
def export(
    run: Path,
    images: tuple[Path, ...],
    name: str,
    output: Path,
    cycle: int | None,
    annotations: bool,
    raw: bool,
    threshold: float | None,
    device: str | None,
    **reading: float | None,
) -> None:
    """Write a RUN's model, or what it finds in IMAGES, files or folders, for other programs.

    A model is compared with the run's own on a few IMAGES, by default of the run's dataset. With
    --annotations, write what is annotated in the run, as a dataset to train and to test on.

    \b
    alframe export runs/mine --to onnx --output model
    alframe export runs/mine --to torch-export --output model
    alframe export runs/mine photos --to coco --output predictions
    alframe export runs/mine photos --to yolo --output predictions --threshold 0.25
    alframe export runs/mine --annotations --to coco --output annotated
    """  # noqa: D301
    if annotations:
        used = {"--cycle": cycle, "--raw": raw or None, "--threshold": threshold} | {
            "--device": device, "IMAGES": images or None,
            **{f"--{key.replace('_', '-')}": value for key, value in reading.items()},
        }  # fmt: skip
        _export_annotations(run, name, output, [k for k, v in used.items() if v is not None])
        return
    _check_options(name, raw=raw or None, images=images, threshold=threshold, device=device)
    if name in MODELS:
        _export_model(run, images, name, output, reading, cycle=cycle, raw=raw)
    else:
        _export_boxes(
            run,
            images,
            name,
            output,
            cycle,
            THRESHOLD if threshold is None else threshold,
            device or "auto",
            reading,
        )


def _export_annotations(run: Path, name: str, output: Path, needless: Sequence[str]) -> None:
    from alframe.detectors.export_annotations import write_annotations

    if name in MODELS:
        raise ConfigError(f"--annotations: expected --to coco or yolo, got {name}")
    if needless:
        raise ConfigError(f"{' and '.join(needless)}: nothing that --annotations takes")
    _check_empty(output)
    say(*write_annotations(run, name, output))


def _check_options(name: str, **given: Any) -> None:
    """Refuse what would do nothing.

    Raises:
        ConfigError: names it.
    """
    foreign = ("threshold", "device") if name in MODELS else ("raw",)
    if idle := [f"--{option}" for option in foreign if given[option] is not None]:
        why = "a model is exported on the CPU, with its own threshold (model.score_threshold)"
        raise ConfigError(
            f"{' and '.join(idle)}: nothing that --to {name} takes: "
            f"{why if name in MODELS else 'boxes are what remains after filtering'}"
        )
    if name not in MODELS and not given["images"]:
        raise ConfigError(f"--to {name} writes boxes of images: name files or folders of them")


def _export_model(
    run: Path,
    images: Sequence[Path],
    name: str,
    output: Path,
    reading: Mapping[str, float | None],
    *,
    cycle: int | None,
    raw: bool,
) -> None:
    from alframe.datasets.folders import pictures_in
    from alframe.runs.kept import kept_layer

    _, _, (given, notes) = together(
        lambda: _check_empty(output), lambda: kept_layer(run, cycle), lambda: pictures_in(images)
    )
    if name == "onnx":
        from alframe.detectors.export_onnx import check_installed

        check_installed()
    say_note(*notes)
    from alframe.detectors.export_model import export_model

    files = [image.path for image in given]
    data = [f"data.{key}={value}" for key, value in reading.items() if value is not None]
    path, said = export_model(run, files, name, output, data, cycle=cycle, raw=raw)
    say(f"wrote {path}", said)


def _export_boxes(
    run: Path,
    images: Sequence[Path],
    name: str,
    output: Path,
    cycle: int | None,
    threshold: float,
    device: str,
    reading: Mapping[str, float | None],
) -> None:
    from alframe.datasets.folders import pictures_in
    from alframe.runs.kept import kept_layer
    from alframe.runs.own_images import data_of, photos_of

    # Before torch is imported, which takes seconds.
    _, stored, (given, notes) = together(
        lambda: _check_empty(output), lambda: kept_layer(run, cycle), lambda: pictures_in(images)
    )
    _check_names(given)
    given, photos, more = photos_of(given, frozenset(images), data_of(stored, **reading))
    say_note(*notes, *more)
    listed = _asked(given, photos)
    if name == "yolo":
        by_stem(Sheet("", (), tuple(listed)))  # refuses two images of one label file
    from alframe.runs.predicting import Predictor

    predictor = Predictor(run, cycle=cycle, device=device)
    if DETECTIONS not in predictor.provides:
        raise RunError(f"{run}: its model finds no boxes, and those are what {name} files are of")
    output.mkdir(parents=True, exist_ok=True)
    found = tuple(_proposed(listed, predictor(photos, threshold=threshold)))
    sheet = Sheet(run.name, predictor.classes, found, proposed=True)
    boxes = sum(len(image.proposals) for image in found)
    written = _written(sheet, name, output, threshold)
    say(f"wrote {written}: {plural(boxes, 'box')} on {plural(len(found), 'image')}")


def _check_empty(folder: Path) -> None:
    """Predictions of other images would be taken for those of this export.

    Raises:
        ConfigError: it rather is meant for a file.
        RunError: the folder has something in it.
    """
    if folder.suffix.lower() in FILES and not folder.is_dir():
        raise ConfigError(
            f"--output {folder}: expected a folder, such as {folder.with_suffix('')}: a README.txt "
            "lies beside what is written"
        )
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    unfinished = "" if README in names or names.isdisjoint(BEGUN) else ", an export was broken off"
    if names:
        raise RunError(f"{folder} is not empty{unfinished}: choose another --output, or empty it")


def _check_names(given: Sequence["Given"]) -> None:
    """An image is known by its path below the folder that was named.

    Raises:
        DataError: two would have the same.
    """
    seen: dict[Path, Path] = {}
    for image in given:
        other = seen.setdefault(image.name, image.path)
        if other is not image.path:
            raise DataError(
                f"two images would be called {image.name}: {other} and {image.path}; export them "
                "apart, or name the folder above"
            )


def _asked(given: Sequence["Given"], photos: "Photos") -> list[AskedImage]:
    sizes = [photos.images.size(str(number)) for number in range(len(given))]
    return [
        AskedImage(image.name.as_posix(), image.path, *size)
        for image, size in zip(given, sizes, strict=True)
    ]


def _proposed(
    images: Sequence[AskedImage], predictions: "Iterator[Prediction]"
) -> Iterator[AskedImage]:
    for image, prediction in zip(images, predictions, strict=True):
        found = prediction.shown.json["detections"]
        proposals = (Proposal(row["class"], tuple(row["box"]), row["score"]) for row in found)
        yield replace(image, proposals=tuple(proposals))


def _written(sheet: Sheet, name: str, folder: Path, threshold: float) -> Path:
    """Predictions in a format, and a README beside them; what a program is to be given."""
    path = WRITTEN[name](sheet, folder)
    count = sum(len(image.proposals) for image in sheet.images)
    lines = [
        f"{plural(count, 'box')} in {plural(len(sheet.images), 'image')}, predicted by the model "
        f"of {sheet.title}, of a score of at least {threshold:g}, after the model's own filtering.",
        HOW[name],
        f"Classes: {printable(', '.join(sheet.classes))}.",
    ]
    write_text(folder / README, "\n".join(lines) + "\n")
    return path
