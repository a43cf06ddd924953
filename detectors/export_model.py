"""The model of a run for programs without alframe, checked against the model itself."""

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram

from alframe.config.sections import DataConfig, RunConfig
from alframe.datasets.base import ImageSet
from alframe.datasets.problems import sentences
from alframe.detectors.export_check import Agreement
from alframe.detectors.export_network import ExportedDetector, Unfiltered, portable, traced
from alframe.detectors.export_readme import readme
from alframe.errors import DataError, RunError
from alframe.files.atomic import atomic, write_text
from alframe.runs.build import build_dataset, cached_images, signals
from alframe.runs.kept import kept_run, restored
from alframe.runs.own_images import Photos
from alframe.signals import DETECTIONS
from alframe.training.batch import Batch
from alframe.training.data import inference_batches
from alframe.training.plain_learner import PlainLearner

FILES = {"onnx": "detector.onnx", "torch-export": "detector.pt2"}
"""By format."""
IMAGES, TOGETHER = 4, 2
"""So many real images are compared, and so many at a time."""

Runner = Callable[[NDArray[np.uint8], NDArray[np.int64]], list[NDArray[Any]]]


def export_model(
    run: Path,
    images: Sequence[Path],
    name: str,
    folder: Path,
    data: Sequence[str] = (),
    *,
    cycle: int | None,
    raw: bool,
) -> tuple[Path, str]:
    """Write the model of a run, once it was found to be the same, and a README beside it.

    Args:
        run: the run directory.
        images: files to compare on; none takes some of the run's own dataset.
        name: ``onnx`` or ``torch-export``.
        folder: where to.
        data: settings in the place of the run's, such as ``data.white=255``.
        cycle: whose model; None takes the last one that is kept.
        raw: what is there before any filtering, instead of detections.

    Returns:
        The file, and what the agreement has shown.

    Raises:
        RunError: the run has no such model, or what was exported differs from it.
        DataError: there are no images.
    """
    config, network, classes, cycle = _network(run, data, cycle, raw=raw)
    batches = list(_batches(config, images))
    frame = _padded(config.data) if config.data.resize == "stretch" else None
    about = {"classes": classes, "data": config.data.model_dump(include=ABOUT)}
    written, runner = _made(traced(network, frame, config.data.pad), network, name, about)
    said = _compared(network, runner, batches)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILES[name]
    with atomic(path) as file:
        file.write(written)
    title = f"the model of cycle {cycle} of {run.name}"
    text = readme(title, name, network, classes, config.data, frame, said)
    write_text(folder / "README.txt", text)
    return path, said


ABOUT = {"resize", "long", "short", "pad"}
"""Settings of the data section that say how images come to the model."""


def _network(
    run: Path, data: Sequence[str], cycle: int | None, *, raw: bool
) -> tuple[RunConfig, ExportedDetector, tuple[str, ...], int]:
    directory = kept_run(run, ["device=cpu", "data.workers=0", *data])
    cycle, config = directory.kept_model(cycle), directory.config
    if DETECTIONS not in signals(config):
        raise RunError(f"{run}: it has no model of detections to export")
    learner = restored(directory, cycle)
    if not isinstance(learner, PlainLearner):
        raise RunError(f"{run}: it has no model of detections to export")
    model = learner.for_inference()
    if raw and not isinstance(model, Unfiltered):
        raise RunError(f"{run}: its model shows nothing but detections: leave out --raw")
    return config, ExportedDetector(model, raw=raw).eval(), directory.classes(cycle), cycle


def _made(
    program: ExportedProgram, network: ExportedDetector, name: str, about: dict[str, Any]
) -> tuple[bytes, Runner]:
    if name == "onnx":
        from alframe.detectors.export_onnx import runner, to_onnx

        model = to_onnx(program, network.outputs, about)
        return model, runner(model)
    file = io.BytesIO()
    with warnings.catch_warnings():
        # Of weights that share memory, as those of towers may; of how torch 2.11 reads its files.
        warnings.simplefilter("ignore")
        torch.export.save(portable(program), file)
        written = file.getvalue()
        module = torch.export.load(io.BytesIO(written)).module(check_guards=False)

    def run(images: NDArray[np.uint8], sizes: NDArray[np.int64]) -> list[NDArray[Any]]:
        with torch.no_grad():
            found = module(torch.from_numpy(images), torch.from_numpy(sizes))
        return [each.numpy() for each in found]

    return written, run


def _batches(config: RunConfig, files: Sequence[Path]) -> Iterator[Batch]:
    """Batches of real images, the first of them also alone."""
    if files:
        some = files[:IMAGES]
        ids = tuple(map(str, range(len(some))))
        images = ImageSet(Photos(some, config.data).images, ids)
    else:
        images = _own_images(config)
    first: list[Batch] = []
    for batch in inference_batches(images, config.data, TOGETHER):
        first = first or [batch.chunk(len(batch))[0]]
        yield batch
    yield from first


def _own_images(config: RunConfig) -> ImageSet:
    try:
        dataset = build_dataset(config, in_part=True)
    except DataError as error:
        remedy = "or name images to compare on: alframe export RUN IMAGE..."
        raise DataError([*error.problems, remedy]) from error
    ids = (dataset.test or dataset.pool)[:IMAGES]
    cached = cached_images(dataset, config.data)
    if problems := cached.prepare(ids, workers=1):
        raise DataError(sentences(problems.values()))
    return ImageSet(cached, ids)


def _compared(network: ExportedDetector, runner: Runner, batches: Sequence[Batch]) -> str:
    postprocess = getattr(network.model, "postprocess", None)
    agreement = Agreement(postprocess.score_threshold if postprocess else 0.0)
    for batch in batches:
        with torch.no_grad():
            expected = [each.numpy() for each in network(batch.images, batch.sizes)]
        found = runner(batch.images.contiguous().numpy(), batch.sizes.numpy())
        agreement.add(expected, found)
    return agreement.settle()


def _padded(data: DataConfig) -> tuple[int, int]:
    height, width = (-(-side // data.pad) * data.pad for side in (data.short, data.long))
    return height, width
