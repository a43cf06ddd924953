"""What the methods of a problem selected: classes, overlap, pictures."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import chain
from statistics import fmean
from typing import Any

import numpy as np
from PIL import Image
from pydantic import ValidationError

from alframe.benchmarks.reading.rundirs import Run
from alframe.benchmarks.reporting.findings import Chosen, Gallery, GalleryItem, Selections
from alframe.config.draft import component
from alframe.config.options import problems
from alframe.config.sections import Component, DataConfig, RunConfig
from alframe.datasets.base import Dataset, Target
from alframe.detectors.painting import with_boxes
from alframe.errors import ConfigError, RunError
from alframe.plugins import registry
from alframe.runs.kept import dataset_of
from alframe.runs.rundir import stored_scores

PICTURES = 6
"""Images in a gallery."""
SIDE = 240
"""Pixels of their longer side."""


def selected(
    methods: Mapping[str, Sequence[Run]],
) -> tuple[Selections | None, tuple[Gallery, ...]]:
    """Statistics and pictures of the selections; nothing where nothing was selected.

    Raises:
        AlframeError: the dataset cannot be read, or is not the one that the runs were made on.
    """
    choosing = {m: [r for r in runs if _ids(r)] for m, runs in methods.items()}
    choosing = {m: runs for m, runs in choosing.items() if runs}
    if not choosing:
        return None, ()
    dataset = _dataset([run for runs in choosing.values() for run in runs])
    galleries = tuple(_gallery(method, runs[0], dataset) for method, runs in choosing.items())
    # Where people annotate, most of the pool is unknown: nothing to hold selections against.
    return None if dataset.unannotated else _selections(choosing, dataset), galleries


def _dataset(runs: Sequence[Run]) -> Dataset:
    """The dataset of some runs, with what people have answered in them."""
    run, config = runs[0], _settings(runs[0])
    dataset = dataset_of(config, run.path)
    known = frozenset(dataset.pool)
    if unknown := [i for each in runs for i in _ids(each) if i not in known]:
        raise RunError(f"{dataset.name} has no {unknown[0]}")
    # Where items may be left out, which ones is only known once all images are decoded.
    if dataset.on_bad_item == "error" and dataset.fingerprint() != run.dataset[1]:
        raise RunError(f"{dataset.name} is not what it was when {run.path} was made")
    if not dataset.unannotated:
        return dataset
    from alframe.annotations.files_oracle import with_answers

    return with_answers(dataset, (each.path for each in runs))


def _settings(run: Run) -> RunConfig:
    """As much of a configuration as a dataset is made of.

    The run's other parts are left alone: their plugins may have gone, and would import torch.
    """
    stored, entry = run.config.get("dataset"), registry().get("datasets", run.name("dataset"))
    options = stored if isinstance(stored, dict) else {}
    dataset, found = component(options, [entry], "dataset")
    if found:
        raise ConfigError(found)
    parts: dict[str, Any] = {"dataset": Component(**dataset)}
    for section, kind in (("model", Component), ("oracle", Component), ("data", DataConfig)):
        if section not in run.config:
            continue
        try:
            parts[section] = kind.model_validate(run.config[section])
        except ValidationError as error:
            raise ConfigError(problems(error, section, kind)) from error
    return RunConfig.model_construct(**parts)


def _ids(run: Run) -> list[str]:
    return [i for cycle in run.cycles for i in cycle.selected]


def _selections(methods: Mapping[str, Sequence[Run]], dataset: Dataset) -> Selections:
    pool = [dataset.targets[i] for i in dataset.pool]
    return Selections(
        classes=dataset.classes,
        pool=_histogram(pool, len(dataset.classes)),
        pool_objects_per_image=fmean(len(t.labels) for t in pool),
        methods=tuple(_chosen(m, runs, dataset) for m, runs in methods.items()),
        overlap=tuple(tuple(_overlap(a, b) for b in methods.values()) for a in methods.values()),
    )


def _chosen(method: str, runs: Sequence[Run], dataset: Dataset) -> Chosen:
    targets = [dataset.targets[i] for i in chain.from_iterable(map(_ids, runs))]
    histogram = _histogram(targets, len(dataset.classes))
    return Chosen(method, histogram, fmean(len(t.labels) for t in targets))


def _histogram(targets: Sequence[Target], classes: int) -> tuple[float, ...]:
    """Share of each class among the objects."""
    labels = np.concatenate([t.labels for t in targets])
    counts = np.bincount(labels, minlength=classes)
    return tuple((counts / max(1, counts.sum())).tolist())


def _overlap(a: Sequence[Run], b: Sequence[Run]) -> float | None:
    """Jaccard index of what two methods selected, mean over the seeds that both have."""
    ours, theirs = ({run.seed: run for run in reversed(runs)} for runs in (a, b))  # the first
    found = (_jaccard(ours[seed], theirs[seed]) for seed in ours if seed in theirs)
    shares = [share for share in found if share is not None]
    return fmean(shares) if shares else None


def _jaccard(a: Run, b: Run) -> float | None:
    """Over the cycles in which both selected, for one may have come further than the other."""
    ours, theirs = ({c.cycle: c.selected for c in run.cycles if c.selected} for run in (a, b))
    common = ours.keys() & theirs.keys()
    if not common:
        return None
    first, second = ({i for cycle in common for i in of[cycle]} for of in (ours, theirs))
    return len(first & second) / len(first | second)


def _gallery(method: str, run: Run, dataset: Dataset) -> Gallery:
    """The first selection: methods that share a learner chose by the same model."""
    first = next(c for c in run.cycles if c.selected)
    scores = stored_scores(run.path, first.cycle) or {}
    pictures = (GalleryItem(i, scores.get(i), _jpeg(dataset, i)) for i in first.selected[:PICTURES])
    return Gallery(method, run.seed or 0, first.cycle, tuple(pictures))


def _jpeg(dataset: Dataset, item: str) -> bytes:
    """The image, made small, with its annotation."""
    image, target = dataset.images.read(item), dataset.targets.get(item)
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    if target is not None and target.boxes is not None:
        names = [dataset.classes[label] for label in target.labels]
        boxes = target.boxes * np.float32(scale)
        picture = with_boxes(np.asarray(picture), boxes, target.labels.tolist(), names)
    file = BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()
