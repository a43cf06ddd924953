"""What a plugin is handed is read-only, and what it changes all the same is noticed."""

import copy
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alframe.config.resolve import resolve
from alframe.config.sections import BudgetConfig
from alframe.datasets.base import LabelledSet, Target, fingerprint
from alframe.datasets.cache import CachedImages, CacheMode
from alframe.datasets.resize import Resize
from alframe.errors import AlframeError, RunError, SelectionError, TrainingError
from alframe.learner import FitContext, Metrics
from alframe.oracle import Answers, Oracle, SimulatedOracle
from alframe.runs.budget import planned
from alframe.runs.labelling import untouched
from alframe.runs.loop import Loop
from alframe.runs.opening import open_run
from alframe.seeds import Seeds
from alframe.strategy import Query, Selection, Strategy
from tests.datasets.builders import voc_folder
from tests.fakes import FakeImages, FakeLearner, Numbers, fake_dataset
from tests.test_strategy import ByNumber

TARGET = Target.of([[1, 2, 3, 4], [0, 0, 5, 5]], [0, 1])
PARTS = ("boxes", "labels", "difficult", "crowd", "area")

Copied = Callable[[Target], Target]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "made",
    [
        lambda t: t,
        replace,
        copy.copy,
        copy.deepcopy,
        lambda t: pickle.loads(pickle.dumps(t)),
        lambda t: copy.deepcopy(LabelledSet(FakeImages(), ("a",), {"a": t})).targets["a"],
    ],
)
def test_arrays_of_a_target_are_read_only_and_stay_so(made: Copied, part: str) -> None:
    array = getattr(made(TARGET), part)
    np.testing.assert_array_equal(array, getattr(TARGET, part))
    with pytest.raises(ValueError, match="read-only"):
        array[:] = 0
    with pytest.raises(ValueError, match="cannot set WRITEABLE flag"):
        array.setflags(write=True)
    with pytest.raises(ValueError, match="read-only"):
        array.base[:] = 0


def test_a_target_is_a_copy_of_what_it_was_made_of() -> None:
    boxes, labels = np.ones((1, 4), np.float32), np.zeros(1, np.int64)
    target = Target.of(boxes, labels)
    boxes *= 5
    labels += 1
    assert (target.boxes.tolist(), target.labels.tolist()) == ([[1, 1, 1, 1]], [0])


def test_no_array_of_a_dataset_leads_to_the_annotations_of_another_image(tmp_path: Path) -> None:
    from alframe.datasets.voc import voc

    voc_folder(tmp_path, trainval=["000001", "000002"], test=["000003"])
    dataset = voc(root=str(tmp_path))
    for target in dataset.targets.values():
        for part in PARTS:
            array = getattr(target, part)
            assert array.base is None or array.base.size == array.size


CHANGES: list[Callable[[Any], object]] = [
    lambda targets: targets.update(x=TARGET),
    lambda targets: targets.__setitem__("x", TARGET),
    lambda targets: targets.__delitem__("p000"),
    lambda targets: targets.pop("p000"),
    lambda targets: targets.clear(),
    lambda targets: targets.setdefault("x", TARGET),
]


def query(targets: Mapping[str, Target]) -> Query:
    nobody: Any = None
    ids: Any = ["p000"]
    return Query(nobody, ids, ids, targets, ids, 1, np.random.default_rng(0), 0)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("copied", [lambda targets: targets, copy.deepcopy])
def test_a_mapping_of_targets_cannot_be_changed(change: Any, copied: Any) -> None:
    given = {"p000": TARGET}
    for view in (
        LabelledSet(FakeImages(), ("p000",), given).targets,
        query(given).targets,
        pickle.loads(pickle.dumps(LabelledSet(FakeImages(), ("p000",), given))).targets,
    ):
        assert isinstance(view, Mapping)
        with pytest.raises((AttributeError, TypeError)):
            change(copied(view))
        assert list(view) == ["p000"]
    assert list(given) == ["p000"]


def test_ids_and_classes_of_a_query_are_tuples_whatever_it_is_made_of() -> None:
    asked = query({})
    assert (asked.unlabelled, asked.labelled, asked.classes) == (("p000",),) * 3


@pytest.mark.parametrize("mode", ["none", "ram", "disk"])
@pytest.mark.parametrize("resize", [Resize("none"), Resize("stretch", 4, 4)])
@pytest.mark.parametrize("prepared", [True, False])
def test_images_are_read_only(
    mode: CacheMode, resize: Resize, prepared: bool, tmp_path: Path
) -> None:
    images = CachedImages(FakeImages(), resize, mode, limit_bytes=10**6, folder=tmp_path)
    if prepared:
        assert images.prepare(("a", "b"), 1) == {}
    image = images.read("a")
    with pytest.raises(ValueError, match="read-only"):
        image[:] = 0
    with pytest.raises(ValueError, match="cannot set WRITEABLE flag"):
        image.setflags(write=True)


def borrowed(target: Target) -> None:
    """Through a tensor that shares the array's memory."""
    torch.from_numpy(target.boxes).mul_(2)


class Changes(ByNumber):
    """Changes what it is handed."""

    def __init__(self, change: Callable[[Query], object]) -> None:
        self.change = change

    def select(self, query: Query) -> Selection:
        self.change(query)
        return super().select(query)


class Rewrites(FakeLearner):
    """Changes the annotations that it is trained on, or measured by."""

    def __init__(self, when: str) -> None:
        super().__init__()
        self._when = when

    def fit(self, labelled: LabelledSet, unlabelled: Any, context: FitContext) -> None:
        if self._when == "fit":
            borrowed(labelled.targets[labelled.ids[0]])
        super().fit(labelled, unlabelled, context)

    def evaluate(self, test: LabelledSet) -> Metrics:
        if self._when == "evaluate":
            borrowed(test.targets[test.ids[0]])
        return super().evaluate(test)


def test_masks_are_not_read_to_see_that_nobody_changed_them() -> None:
    reads = []

    def read() -> Any:
        reads.append("a")
        return np.zeros((1, 1), np.uint8)

    with untouched({"a": Target.of(None, [0], mask=read)}, "nobody", TrainingError):
        pass
    assert not reads


def loop(
    path: Path,
    strategy: Strategy,
    learner: FakeLearner,
    oracle: Callable[[Mapping[str, Target]], Oracle] = SimulatedOracle,
) -> None:
    dataset = fake_dataset()
    before = dataset.fingerprint()
    with open_run(path, resolve([]), resume=False) as run:
        cycles = Loop(
            dataset=dataset,
            learner=learner,
            strategy=strategy,
            oracle=oracle(dataset.targets),
            run=run,
            plan=planned(BudgetConfig(initial=3, per_cycle=2, cycles=2), dataset, Seeds(0)),
            seeds=Seeds(0),
            recorder=Numbers(),
        ).run()
        try:
            list(cycles)
        except (ValueError, TypeError, AttributeError):
            assert dataset.fingerprint() == before
            raise


def of_the_first(change: Callable[[Target], object]) -> Callable[[Query], object]:
    return lambda query: change(query.targets[query.labelled[0]])


def reopened(target: Target) -> None:
    """Malice: numpy lets whoever finds the owner of memory open it."""
    base: Any = target.boxes.base
    base.flags.writeable = True
    base *= 2


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (of_the_first(lambda t: t.boxes.__imul__(2)), ValueError),
        (of_the_first(lambda t: t.labels.sort()), ValueError),
        (of_the_first(lambda t: t.boxes.setflags(write=True)), ValueError),
        (of_the_first(lambda t: t.boxes[0].fill(1)), ValueError),
        (of_the_first(lambda t: setattr(t, "boxes", TARGET.boxes)), AttributeError),
        (lambda query: query.targets.pop(query.labelled[0]), AttributeError),
        (lambda query: setattr(query, "targets", {}), AttributeError),
        (of_the_first(borrowed), SelectionError),
        (of_the_first(reopened), SelectionError),
    ],
)
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_a_strategy_that_changes_annotations_ends_the_run(
    change: Callable[[Query], object], error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error) as raised:
        loop(tmp_path / "run", Changes(change), FakeLearner())
    if issubclass(error, AlframeError):
        assert "the strategy changed the annotations it was handed" in str(raised.value)


@pytest.mark.parametrize("when", ["fit", "evaluate"])
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_a_learner_that_changes_annotations_ends_the_run(when: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the learner changed the annotations it was handed"):
        loop(tmp_path / "run", ByNumber(), Rewrites(when))


@pytest.mark.parametrize("split", ["t", "p"])
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_an_oracle_that_changes_the_test_split_or_earlier_answers_ends_the_run(
    split: str, tmp_path: Path
) -> None:
    class Halves(SimulatedOracle):
        def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
            for item, target in targets.items():
                if item.startswith(split):
                    torch.from_numpy(target.boxes).mul_(0.5)
            return super().annotate(ids, cycle)

    targets: dict[str, Target] = {}

    def halves(found: Mapping[str, Target]) -> Oracle:
        targets.update(found)
        return Halves(found)

    with pytest.raises(RunError, match="the oracle changed the annotations it was handed"):
        loop(tmp_path / "run", ByNumber(), FakeLearner(), halves)


class Gives(ByNumber):
    def __init__(self, given: Any) -> None:
        self.given = given

    def select(self, query: Query) -> Selection:
        return self.given  # type: ignore[no-any-return]


@pytest.mark.parametrize("given", [None, ("p000", "p001"), {"ids": ("p000",)}])
def test_what_is_no_selection_is_a_sentence(given: Any, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match=r"select gives .*: expected alframe\.strategy"):
        loop(tmp_path / "run", Gives(given), FakeLearner())


def test_what_annotations_say_has_one_hash() -> None:
    other = replace(TARGET, labels=np.array([1, 1]))
    assert fingerprint([TARGET]) == fingerprint([copy.deepcopy(TARGET)]) != fingerprint([other])
    nothing, two = Target.of([], []), Target.of([[0, 0, 9, 9]] * 2, [0, 0])
    one = Target.of([[0, 0, 9, 9]], [0])
    moved = {fingerprint(each) for each in ([two, nothing], [one, one], [nothing, two])}
    assert len(moved) == 3, "whose objects they are"
    assert fingerprint([one]) != fingerprint([replace(one, area=one.area / 2)])
