"""``alframe evaluate``."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe.cli.output import say, say_note
from alframe.cli.paths import FilePath
from alframe.config.draft import Layer
from alframe.config.layers import at_root, merge
from alframe.config.resolve import from_overrides
from alframe.errors import ConfigError, RunError
from alframe.files.presence import exists
from alframe.model import COCO, ERRORS
from alframe.signals import DETECTIONS
from alframe.words import plural

if TYPE_CHECKING:
    from alframe.runs.evaluating import Evaluation

SECTIONS = ("data", "dataset", "evaluation")
"""Of which settings may be given."""
BUILT = ("model", "learner")
"""Of which, too, where the model is a file of weights."""
SIZES = (
    "An object is small below 32 x 32 pixels, medium below 96 x 96, else large; - stands where "
    "there is none."
)


@click.command()
@click.argument("run", metavar="RUN|WEIGHTS", type=FilePath())
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--model", metavar="NAME", help="Of a file that names none (alframe ls models).")
@click.option("--dataset", metavar="NAME", help="Another dataset (alframe ls datasets).")
@click.option("--data-root", type=FilePath(str), metavar="DIR", help="Where the dataset lies.")
@click.option("--cycle", type=int, help="The cycle of the model; the last by default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--show-dir", type=FilePath(), help="For precision-recall curves.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:i]")
def evaluate(
    run: Path,
    overrides: tuple[str, ...],
    model: str | None,
    dataset: str | None,
    data_root: str | None,
    cycle: int | None,
    as_json: bool,
    show_dir: Path | None,
    device: str,
) -> None:
    """Measure a model on the test split of its RUN, or on that of another dataset.

    Of another dataset, classes are matched by name, and mismatches are listed; one without
    a test split is measured on as far as it is annotated. Settings of it are given as key=value
    (dataset.*, data.*, evaluation.*).

    WEIGHTS is a file in the checkpoints/ of a run, wherever it is now, or one of a state dict. The
    latter takes --model with its model.*=..., and classes in the order of the dataset's.

    \b
    alframe evaluate runs/mine
    alframe evaluate runs/mine --dataset coco --data-root other --show-dir curves
    alframe evaluate runs/mine --dataset photos --data-root new dataset.annotations=new.json
    alframe evaluate cycle_06.pt --dataset coco --data-root other
    alframe evaluate weights.pt --model retina --dataset coco --data-root other
    """  # noqa: D301
    from alframe.runs.evaluating import Evaluation

    if not exists(run):
        raise ConfigError(f"{run} is missing: expected a run, or a file of weights")
    if model is not None and run.is_dir():
        raise ConfigError(f"--model is of a file of weights, and {run} is a folder: leave it out")
    built = BUILT if run.is_file() else ()
    other = list(_other(model, dataset, data_root, overrides, (*built, *SECTIONS)))
    evaluation = Evaluation(run, cycle, device, other)
    if show_dir:
        _check_detects(evaluation, run)
        show_dir.mkdir(parents=True, exist_ok=True)
    say_note(*evaluation.split.notes)
    metrics, objects = evaluation.metrics(), evaluation.objects()
    if as_json:
        about = {"run": str(run), "cycle": evaluation.cycle, "dataset": evaluation.split.dataset}
        counts = {"images": len(evaluation.split.images), "objects": objects}
        click.echo(json.dumps({**about, **counts, "metrics": metrics}))
    else:
        say(*_about(evaluation, run), *_numbers(metrics), *_by_class(metrics, objects))
    if show_dir:
        say(f"wrote {_curves(evaluation, show_dir)}", err=as_json)


def _other(
    model: str | None,
    dataset: str | None,
    data_root: str | None,
    overrides: Sequence[str],
    sections: Sequence[str],
) -> Iterator[Layer]:
    """The layers that name another dataset, or the model."""
    given = from_overrides(overrides)
    own: Layer = {} if dataset is None else {"dataset": {"name": dataset}}
    own = merge([own, at_root(data_root)])
    if model is not None:
        own = merge([own, {"model": {"name": model}}])
    if foreign := sorted({*given, *own} - set(sections)):
        expected = ", ".join(f"{section}.*" for section in sections)
        raise ConfigError(f"{', '.join(foreign)}: expected settings of {expected} alone")
    yield from (layer for layer in (own, given) if layer)


def _check_detects(evaluation: "Evaluation", run: Path) -> None:
    from alframe.runs.build import signals

    if DETECTIONS not in signals(evaluation.config):
        raise RunError(
            f"{run}: its model gives no detections to draw curves of: leave out --show-dir"
        )


def _about(evaluation: "Evaluation", run: Path) -> Iterator[str]:
    split = evaluation.split
    yield f"model    {run}" + ("" if evaluation.cycle is None else f", cycle {evaluation.cycle}")
    yield (
        f"data     {'the test split of the run' if split.own else 'another test split'}: "
        f"{split.dataset}, {plural(len(split.images), 'image')}"
    )


def _numbers(metrics: Mapping[str, Any]) -> Iterator[str]:
    """The metrics that are numbers, the headline first; then errors, and COCO's numbers."""
    yield ""
    coco, errors = metrics.get(COCO, {}), metrics.get(ERRORS, {})
    plain = {name: value for name, value in metrics.items() if not isinstance(value, Mapping)}
    width = max(map(len, [*plain, *coco, *errors]), default=0)
    for name, value in plain.items():
        yield f"{name:{width}}  {_percent(value)}"
    for name, value in errors.items():
        yield f"{name:{width}}  {value:7.3g}"
    if coco:
        yield from ("", "COCO's twelve numbers:")
        for name, value in coco.items():
            yield f"{name:{width}}  {_percent(value)}"
        yield SIZES


def _by_class(metrics: Mapping[str, Any], objects: Mapping[str, int]) -> Iterator[str]:
    """A line for each class: how many objects it has, and each metric that there is by class."""
    columns = {
        name: values
        for name, values in metrics.items()
        if isinstance(values, Mapping) and values.keys() <= objects.keys()
    }
    width = max(map(len, [*objects, "class"]))
    yield ""
    yield "  ".join([f"{'class':{width}}", "objects", *(f"{name:>7}" for name in columns)])
    for name, count in objects.items():
        values = (f"{_percent(v.get(name)):>{len(column)}}" for column, v in columns.items())
        yield "  ".join([f"{name:{width}}", f"{count:7,}", *values])
    if any(value is None for column in columns.values() for value in column.values()):
        yield "- stands where a class has nothing to be measured by in this test split."


def _percent(value: float | None) -> str:
    return f"{'-':>7}" if value is None else f"{100 * value:5.1f} %"


def _curves(evaluation: "Evaluation", folder: Path) -> Path:
    """Draw the precision-recall curves, from detections that are made once more."""
    from alframe.datasets.base import ImageSet
    from alframe.detectors.evaluation import collected
    from alframe.detectors.precision_recall import curves_png
    from alframe.files.atomic import atomic
    from alframe.progress import over

    test = evaluation.split.images
    stream = evaluation.learner.signals(ImageSet(test.images, test.ids), frozenset({DETECTIONS}))
    told = over(stream, len(test), "drawing curves", "images", lambda batch: len(batch.ids))
    picture = curves_png(collected(told), test.targets, evaluation.classes)
    path = folder / "precision_recall.png"
    with atomic(path) as file:
        file.write(picture)
    return path
