"""The conformance check of a dataset."""

import functools
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import IGNORED, Dataset, Target
from alframe.datasets.conforming import conforming
from alframe.testing.expect import Rules, as_assertion, expect, generators_left_alone, hold

SAMPLED = 5
"""Images of each split that are decoded."""
APART = (type, ModuleType)
"""What everything refers to in the end."""


def check_dataset(factory: Callable[[], Dataset]) -> None:
    """Hold a dataset to its contract.

    - Classes have names, each once.
    - Ids are unique strings, sorted, which may be relative paths; no item is in the pool and in
      the test split.
    - Both splits show objects, unless they are still to be annotated: the pool in part, the test
      split, which is then empty, as a whole.
    - Every item of the test split has a target; targets have boxes in their image and labels among
      the classes.
    - A mask is uint8 [H, W] of the size of its image, equal each time and a new array; its
      classes are those of the objects.
    - An image is uint8 [H, W, 3] of the size that it is said to have, the same each time.
    - From the images there is no way to the targets.
    - Made again, it is the same; the global generators are left alone.

    Args:
        factory: makes the dataset: ``functools.partial(my_dataset, root=...)``.

    Raises:
        AssertionError: says what was expected, for every rule that is broken.
    """
    rules: Rules[DatasetUnderTest] = {
        _is_made: (),
        _leaves_generators_alone: (_is_made,),
        _has_classes: (_is_made,),
        _has_splits: (_is_made,),
        _orders_its_splits: (_has_splits,),
        _keeps_splits_apart: (_has_splits,),
        _has_targets: (_has_classes, _has_splits),
        _conforms: (_has_targets,),
        _has_objects: (_has_targets,),
        _has_images: (_has_splits,),
        _has_masks: (_has_targets, _has_images),
        _keeps_targets_apart: (_is_made,),
        _repeats_itself: (_has_targets,),
        _repeats_its_images: (_has_images,),
    }
    with generators_left_alone("the dataset"):
        hold(rules, DatasetUnderTest(factory))


@dataclass(frozen=True)
class DatasetUnderTest:
    """A dataset that is made once for all rules, and once more to be compared."""

    factory: Callable[[], Dataset]

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The one that all rules look at."""
        return self.factory()

    @functools.cached_property
    def again(self) -> Dataset:
        """The same once more."""
        return self.factory()

    @property
    def sample(self) -> Sequence[str]:
        """The first items of each split."""
        return (*self.dataset.pool[:SAMPLED], *self.dataset.test[:SAMPLED])


def _is_made(bench: DatasetUnderTest) -> None:
    made: object = bench.dataset
    expect(
        isinstance(made, Dataset),
        f"the factory makes {made!r:.80}: expected an alframe.datasets.base.Dataset",
    )


def _leaves_generators_alone(bench: DatasetUnderTest) -> None:
    with generators_left_alone("the dataset"):
        bench.factory()


def _repeats_itself(bench: DatasetUnderTest) -> None:
    expect(
        bench.dataset.fingerprint() == bench.again.fingerprint(),
        "made a second time, the dataset has other classes, splits or annotations: expected the "
        "same; draw from a generator of a fixed seed",
    )


def _repeats_its_images(bench: DatasetUnderTest) -> None:
    for item in bench.sample:
        expect(
            np.array_equal(bench.dataset.images.read(item), bench.again.images.read(item)),
            f"{item}: expected the same pixels when the dataset is made a second time",
        )


def _has_classes(bench: DatasetUnderTest) -> None:
    names = bench.dataset.classes
    expect(
        isinstance(names, tuple) and names and all(isinstance(n, str) and n for n in names),
        f"classes is {names!r:.80}: expected a tuple of names",
    )
    expect(len(set(names)) == len(names), f"classes is {list(names)}: expected each name once")


def _has_splits(bench: DatasetUnderTest) -> None:
    dataset = bench.dataset
    for split, ids in (("pool", dataset.pool), ("test", dataset.test)):
        expect(
            isinstance(ids, tuple) and all(isinstance(i, str) for i in ids),
            f"{split} is {ids!r:.80}: expected a tuple of strings",
        )
        expect(ids or split == "test", f"{split} is empty: expected at least one item")


def _orders_its_splits(bench: DatasetUnderTest) -> None:
    for split, ids in (("pool", bench.dataset.pool), ("test", bench.dataset.test)):
        expect(len(set(ids)) == len(ids), f"{split} holds an id twice: expected unique ids")
        expect(list(ids) == sorted(ids), f"{split} is not sorted: expected {sorted(ids)[:3]} first")


def _keeps_splits_apart(bench: DatasetUnderTest) -> None:
    common = sorted(set(bench.dataset.pool) & set(bench.dataset.test))
    expect(not common, f"{common[:3]} are in pool and test: expected splits that share nothing")


def _has_targets(bench: DatasetUnderTest) -> None:
    dataset = bench.dataset
    for item in dataset.test:
        expect(item in dataset.targets, f"{item} has no target: expected one, if without boxes")
    foreign = sorted(dataset.targets.keys() - {*dataset.pool, *dataset.test})
    expect(not foreign, f"{foreign[:3]} have a target, but are in no split: expected them in one")
    for item in dataset.annotated:
        check_target(item, dataset.targets[item], dataset)


def check_target(item: str, target: Target, dataset: Dataset) -> None:
    """Hold an annotation to arrays of the right kind, known classes, and boxes in its image."""
    _check_arrays(item, target)
    _check_values(item, target, dataset)


def _check_arrays(item: str, target: Target) -> None:
    expect(isinstance(target, Target), f"{item}: its target is {target!r:.60}: expected a Target")
    count = len(target.labels)
    arrays: dict[str, tuple[NDArray[Any], tuple[int, ...], type[np.generic]]] = {
        "labels": (target.labels, (count,), np.int64),
        "difficult": (target.difficult, (count,), np.bool_),
        "crowd": (target.crowd, (count,), np.bool_),
    }
    if target.boxes is not None:  # an image classified as a whole has none
        arrays["boxes"] = (target.boxes, (count, 4), np.float32)
        arrays["area"] = (target.area, (count,), np.float32)
    for name, (array, shape, dtype) in arrays.items():
        expect(
            array.shape == shape and array.dtype == dtype,
            f"{item}: {name} is {array.dtype} {array.shape}: expected {dtype.__name__} {shape}; "
            "build it with Target.of",
        )


def _check_values(item: str, target: Target, dataset: Dataset) -> None:
    count = len(dataset.classes)
    expect(
        ((target.labels >= 0) & (target.labels < count)).all(),
        f"{item}: labels are {target.labels.tolist()}: expected 0 to {count - 1}",
    )
    if target.boxes is None:
        return
    height, width = dataset.images.size(item)
    corners, far = target.boxes.reshape(-1, 2, 2), np.array([width, height])
    inside = ((corners >= 0) & (corners <= far)).all() and (corners[:, 1] > corners[:, 0]).all()
    expect(
        inside,
        f"{item}: boxes are {target.boxes.tolist()}: expected x1 < x2, y1 < y2 in pixels of its "
        f"{width} x {height} image",
    )


def _has_masks(bench: DatasetUnderTest) -> None:
    dataset = bench.dataset
    for item in bench.sample:
        target = dataset.targets.get(item)
        if target is None or target.mask is None:
            continue
        mask, again, size = target.mask(), target.mask(), dataset.images.size(item)
        expect(
            mask.dtype == np.uint8 and mask.shape == size,
            f"{item}: its mask is {mask.dtype} {mask.shape}: expected uint8 {size}",
        )
        expect(np.array_equal(mask, again), f"{item}: its mask differs when it is read again")
        lent = np.shares_memory(mask, again) and mask.flags.writeable
        expect(not lent, f"{item}: its mask is one array each time: expected a new one")
        shown = set(np.unique(mask).tolist()) - {IGNORED}
        expect(
            shown == set(target.labels.tolist()),
            f"{item}: its mask shows {sorted(shown)} and its objects are {target.labels.tolist()}: "
            "expected an object for each region; build it with alframe.datasets.masks.masked",
        )


def _conforms(bench: DatasetUnderTest) -> None:
    """What a run refuses besides: ids that are no names of files, arrays that are none."""
    with as_assertion():
        conforming(bench.dataset)


def _has_objects(bench: DatasetUnderTest) -> None:
    dataset = bench.dataset
    for split in ("pool", "test"):
        targets = [dataset.targets[i] for i in getattr(dataset, split) if i in dataset.targets]
        waits = not dataset.test if split == "test" else bool(dataset.unannotated)
        expect(
            waits or any(len(target.labels) for target in targets),
            f"no image of {split} shows an object: expected at least one",
        )


def _has_images(bench: DatasetUnderTest) -> None:
    dataset = bench.dataset
    for item in bench.sample:
        image = dataset.images.read(item)
        shape = (*dataset.images.size(item), 3)
        expect(
            image.dtype == np.uint8 and image.shape == shape,
            f"{item}: read gives {image.dtype} {image.shape}: expected uint8 {shape}, as size says",
        )
        stamps = {dataset.images.stamp(item) for _ in range(2)}
        expect(
            len(stamps) == 1 and all(isinstance(s, str) for s in stamps),
            f"{item}: stamp gives {stamps}: expected one string while the image does not change",
        )


def _keeps_targets_apart(bench: DatasetUnderTest) -> None:
    seen, waiting = set[int](), [object(), bench.dataset.images]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, APART):
            continue
        seen.add(id(thing))
        expect(
            not isinstance(thing, Target),
            "the images hold a reference to targets: expected none, as whoever is given unlabelled "
            "images must have no way to their annotations",
        )
        waiting += _referents(thing)


def _referents(thing: object) -> list[Any]:
    """What a thing holds; of a function not what the whole of its module does."""
    if isinstance(thing, FunctionType):
        return [thing.__closure__, thing.__defaults__, thing.__kwdefaults__, vars(thing)]
    return gc.get_referents(thing)
