"""A dataset as its factory made it, held to what :class:`~alframe.datasets.base.Dataset` says.

Plugins make datasets, too: what is wrong is told in words, and before anything is trained.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import get_args

import numpy as np

from alframe.datasets.base import Dataset, ImageSource, OnBadItem, Target
from alframe.datasets.name_matching import parts_of
from alframe.datasets.names import is_line
from alframe.errors import DataError
from alframe.words import named

INT, FLOAT, BOOL = np.dtype(np.int64), np.dtype(np.float32), np.dtype(np.bool_)


def conforming(dataset: Dataset) -> Dataset:
    """The dataset with tuples of plain text for classes and ids, whatever sequences they were.

    Raises:
        DataError: every problem: names or ids that are no text, or there twice, ids that are no
            paths within a folder, test items without a target, targets that are none.
    """
    if not isinstance(dataset, Dataset):
        got = type(dataset).__name__
        raise DataError(f"the dataset is a {got}: expected an alframe.datasets.base.Dataset")
    if type(dataset) is not Dataset:  # of which replace() would call a constructor of its own
        dataset = Dataset(**{f.name: getattr(dataset, f.name) for f in fields(Dataset)})
    wrong = list(_wrong_types(dataset))
    if not wrong:
        classes, pool, test = (tuple(map(str, names)) for names in _sequences(dataset).values())
        targets = {i: dataset.targets[i] for i in (*pool, *test) if i in dataset.targets}
        dataset = replace(dataset, classes=classes, pool=pool, test=test, targets=targets)
        odd = [f"has {what}" for what in misshapen(targets)]
        foreign = of_another_task(dataset.task, targets)
        wrong += [*_wrong_names(dataset), *(odd or (f"has {what}" for what in foreign))]
    if wrong:
        raise DataError(f"the dataset {dataset.name} {what}" for what in wrong)
    return dataset


def _sequences(dataset: Dataset) -> dict[str, Sequence[str]]:
    return {"classes": dataset.classes, "pool": dataset.pool, "test": dataset.test}


def _wrong_types(dataset: Dataset) -> Iterator[str]:
    for field, names in _sequences(dataset).items():
        if isinstance(names, str) or not isinstance(names, Sequence | np.ndarray):
            yield f"has {names!r:.60} for {field}: expected a tuple of texts"
        elif odd := [name for name in names if not isinstance(name, str)]:
            yield f"has {odd[0]!r:.60} in {field}: expected text"
    if not isinstance(dataset.name, str) or not is_line(dataset.name):
        yield f"has the name {dataset.name!r:.60}: expected a line of text"
    if not isinstance(dataset.targets, Mapping):
        yield f"has a {type(dataset.targets).__name__} for targets: expected a mapping by id"
    methods = ("read", "size", "stamp")
    if lacking := [name for name in methods if not callable(getattr(dataset.images, name, None))]:
        yield (
            f"has a {type(dataset.images).__name__} for images, without {', '.join(lacking)}: "
            f"expected an {ImageSource.__module__}.{ImageSource.__name__}"
        )
    if dataset.on_bad_item not in get_args(OnBadItem):
        yield f"has on_bad_item={dataset.on_bad_item!r:.40}: expected 'error' or 'skip'"
    notes: object = dataset.notes
    if not isinstance(notes, tuple | list) or not all(isinstance(each, str) for each in notes):
        yield f"has {notes!r:.60} for notes: expected a tuple of sentences"


def _wrong_names(dataset: Dataset) -> Iterator[str]:
    ids = (*dataset.pool, *dataset.test)
    pool, test = Counter(dataset.pool), Counter(dataset.test)
    found = {
        "names a class twice": [n for n, times in Counter(dataset.classes).items() if times > 1],
        "has names of classes that are no line of text": _unwritable(dataset.classes),
        "has an id twice in a split": [i for c in (pool, test) for i in c if c[i] > 1],
        "has an id in both splits": sorted(pool.keys() & test.keys()),
        "has ids that are no line of text": _unwritable(ids),
        "has ids that are no relative paths": _leading_out(ids),
        "has no target for an id of the test split": [i for i in test if i not in dataset.targets],
    }
    yield from (f"{what}: {named(items)}" for what, items in found.items() if items)


def _unwritable(names: Sequence[str]) -> list[str]:
    """Those that are empty, of several lines, or no UTF-8, as Python writes them."""
    return [ascii(name) for name in names if not is_line(name)]


def _leading_out(ids: Sequence[str]) -> list[str]:
    """They name files: pictures, and what is written for annotators and trainers."""
    some = (i for i in ids if ".." in i or ":" in i or i.startswith(("/", "\\")))
    return [item for item in some if parts_of(item)[1]]


def misshapen(targets: Mapping[str, Target]) -> list[str]:
    """What is wrong with annotations whoever looks at them: no targets, or of other arrays."""
    none = [item for item, target in targets.items() if not isinstance(target, Target)]
    if none:
        return [f"targets that are no alframe.datasets.base.Target: {named(none)}"]
    odd = [item for item, target in targets.items() if not _has_shape(target)]
    if odd:
        return [
            "targets of other arrays than labels int64 [N], boxes float32 [N, 4], area float32 "
            f"[N], difficult and crowd bool [N]; Target.of makes them: {named(odd)}"
        ]
    return []


def _has_shape(target: Target) -> bool:
    labels, flags = target.labels, (target.difficult, target.crowd)
    arrays = (labels, target.area, *flags)
    if not all(isinstance(array, np.ndarray) for array in arrays) or labels.ndim != 1:
        return False
    boxes = target.boxes
    return (
        all(array.shape == labels.shape for array in arrays)
        and (boxes is None or (boxes.dtype == FLOAT and boxes.shape == (*labels.shape, 4)))
        and labels.dtype == INT
        and target.area.dtype == FLOAT
        and all(array.dtype == BOOL for array in flags)
    )


def of_another_task(task: str, targets: Mapping[str, Target]) -> Iterator[str]:
    """What annotations lack that a task is about, or have too much of."""
    kinds: dict[str, tuple[str, Callable[[Target], bool]]] = {
        "detection": ("without boxes", lambda target: target.boxes is None),
        "segmentation": ("without a mask", lambda target: target.mask is None),
        "classification": (
            "with several labels (expected one, the class of the image)",
            lambda target: len(target.labels) > 1,
        ),
    }
    what, is_foreign = kinds.get(task, ("", lambda _: False))
    if foreign := [item for item, target in targets.items() if is_foreign(target)]:
        yield f"targets {what}, where the task is {task}: {named(foreign)}"
