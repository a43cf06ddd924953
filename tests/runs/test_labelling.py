"""People annotate: what is known already, what is drawn to test on, what nobody asked for."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from alframe.annotations.sheets import query_folder, read_sheet
from alframe.config.sections import BudgetConfig
from alframe.datasets.base import Dataset, ImageSet, Target, with_classes
from alframe.errors import ConfigError, DataError, RunError, Waiting
from alframe.oracle import Answers
from alframe.runs.asking import Asking, _proposed, asked_image, readable
from alframe.runs.budget import Plan, planned
from alframe.runs.journal import Journal
from alframe.runs.labelling import Labelling
from alframe.runs.opening import open_run
from alframe.runs.records import classes_in, new_classes
from alframe.seeds import Seeds
from alframe.signals import Detections, SignalBatch
from tests.fakes import fake_dataset
from tests.runs.test_loop import CONFIG, run_loop, without_costs

TRUTH = fake_dataset()
BUDGET = BudgetConfig(initial=3, per_cycle=2, cycles=3, test=2)


def partly(*known: int) -> Dataset:
    """Twelve images without a test split, of which some are annotated."""
    ids = [TRUTH.pool[n] for n in known]
    return dataclasses.replace(TRUTH, test=(), targets={i: TRUTH.targets[i] for i in ids})


class People:
    """Answers the truth; waits once for each cycle; gives images up, or annotates more of them."""

    people: ClassVar[bool] = True

    def __init__(self, ignored: Sequence[str] = (), extra: Mapping[int, str] | None = None) -> None:
        self.ignored, self.extra = frozenset(ignored), dict(extra or {})
        self.asked: dict[int, list[str]] = {}

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        if cycle not in self.asked:
            self.asked[cycle] = list(ids)
            raise Waiting("not yet")
        more = [self.extra[cycle]] if cycle in self.extra else []
        targets = {i: TRUTH.targets[i] for i in (*ids, *more) if i not in self.ignored}
        seconds = dict.fromkeys((*targets, "of nobody's interest", *self.ignored), 2.0)
        return Answers(targets, self.ignored & set(ids), seconds)


def run(path: Path, people: People, dataset: Dataset, budget: BudgetConfig = BUDGET) -> Any:
    while True:
        try:
            return run_loop(path, oracle=people, dataset=dataset, budget=budget)
        except Waiting:
            continue


def plan(dataset: Dataset, **budget: Any) -> Plan:
    return planned(BudgetConfig(**budget), dataset, Seeds(0), dataset.known)


def test_what_is_known_is_labelled_from_the_start() -> None:
    whole = plan(partly(), initial=3, per_cycle=2, cycles=3, test=2)
    some = plan(partly(0, 1), initial=3, per_cycle=2, cycles=3, test=2)
    assert some.test == whole.test, "drawn from all, whatever is known"
    assert len(whole.initial) == len(some.initial) == 3
    left = {TRUTH.pool[0], TRUTH.pool[1]} - set(some.test)
    assert left <= set(some.initial)
    assert not set(some.initial) & set(some.test)
    many = plan(partly(*range(9)), initial=3, per_cycle=1, cycles=2, test=1)
    assert len(many.initial) == 9 - len({*TRUTH.pool[:9]} & set(many.test))


@pytest.mark.parametrize(
    ("known", "budget", "message"),
    [
        ((), {"initial": 3}, "fake has no test split.*budget.test=40"),
        ((), {"initial": 3, "test": 12}, "budget.test asks for 12 images.*has 12: lower it"),
        (range(12), {"initial": 3, "test": 2}, "every image of the pool .* annotated.*simulated"),
        ((), {"initial": 11, "per_cycle": 1, "cycles": 1, "test": 2}, "11 images, the pool has 10"),
        ((), {"initial": 3, "per_cycle": 4, "cycles": 3, "test": 2}, "11 images .*the pool has 10"),
    ],
)
def test_what_cannot_be_planned(known: Sequence[int], budget: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(partly(*known), **budget)


def test_a_test_split_that_is_there_is_not_drawn_again() -> None:
    with pytest.raises(ConfigError, match=r"a test split of 4: set budget\.test=null"):
        planned(BUDGET, TRUTH, Seeds(0))


def test_people_are_asked_for_what_is_not_known(tmp_path: Path) -> None:
    people, dataset = People(), partly(0, 1)
    cycles = run(tmp_path / "run", people, dataset)
    drawn = plan(dataset, **BUDGET.model_dump()).test
    known = {*TRUTH.pool[:2]}
    asked = people.asked[0]
    assert set(drawn) - known <= set(asked)
    assert not known & set(asked)
    assert [c["labelled"] for c in cycles] == [3, 5, 7]
    selected = [i for c in cycles for i in c["selected"]]
    assert people.asked[1] == cycles[0]["selected"]
    assert not set(selected) & {*drawn, *known}
    assert [c["annotation_seconds"] for c in cycles] == [
        2.0 * len(asked), 2.0 * len(asked) + 4, 2.0 * len(asked) + 8
    ]  # fmt: skip
    header = (tmp_path / "run/results.csv").read_text().splitlines()[0]
    assert header.startswith("cycle,labelled,objects,annotation_seconds,")


def test_an_answer_more_is_labelled_and_one_given_up_is_not(tmp_path: Path) -> None:
    first = plan(partly(), **BUDGET.model_dump())
    taken = {*first.test, *first.initial}
    more = next(i for i in TRUTH.pool if i not in taken)
    people = People(ignored=[first.test[0], first.initial[0]], extra={0: more})
    cycles = run(tmp_path / "run", people, partly())
    assert [c["labelled"] for c in cycles] == [3, 5, 7], "one fewer, one more"
    assert more not in [i for c in cycles for i in c["selected"]]
    (event,) = [e for e in Journal(tmp_path / "run").of("annotated") if not e["cycle"]]
    assert event["ignored"] == sorted([first.test[0], first.initial[0]])
    assert (event["extra"], event["images"]) == ([more], 3)
    assert cycles[0]["annotation_seconds"] == 2.0 * len({*first.test, *first.initial, more})
    again = run_loop(tmp_path / "run", oracle=people, dataset=partly(), budget=BUDGET)
    assert without_costs(again) == without_costs(cycles)


def test_what_is_drawn_to_test_on_is_not_among_what_may_be_trained_on(tmp_path: Path) -> None:
    dataset, people = partly(), People()
    people.asked[0] = []  # it has waited
    first = plan(dataset, **BUDGET.model_dump())
    with open_run(tmp_path / "run", CONFIG, resume=False) as run:
        labelling = Labelling(dataset, people, run, first)
        labelling.begin()
        labelling.annotate(0)
        anew = Labelling(dataset, people, run, dataclasses.replace(first, initial=(), test=()))
        anew.annotate(0)
    for each in (labelling, anew):
        assert each.targets.keys() == set(first.initial)
        assert each.test.targets.keys() == set(first.test)


def test_what_is_tested_on_is_in_order_whatever_was_drawn_first(tmp_path: Path) -> None:
    dataset, people = partly(), People()
    people.asked[0] = []  # it has waited
    first = plan(dataset, **BUDGET.model_dump())
    backwards = dataclasses.replace(first, test=first.test[::-1])
    with open_run(tmp_path / "run", CONFIG, resume=False) as run:
        labelling = Labelling(dataset, people, run, backwards)
        labelling.begin()
        labelling.annotate(0)
    assert len(first.test) > 1
    assert labelling.test.ids == tuple(sorted(first.test))


def test_fractions_of_seconds_add_up(tmp_path: Path) -> None:
    class Quick(People):
        def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
            answers = super().annotate(ids, cycle)
            return dataclasses.replace(answers, seconds=dict.fromkeys(answers.targets, 0.125))

    cycles = run(tmp_path / "run", Quick(), partly())
    first = plan(partly(), **BUDGET.model_dump())
    count = len({*first.test, *first.initial})
    assert [c["annotation_seconds"] for c in cycles] == [
        0.125 * count, 0.125 * count + 0.25, 0.125 * count + 0.5
    ]  # fmt: skip


def test_what_is_tested_on_is_asked_for_first(tmp_path: Path) -> None:
    asked: list[Any] = []
    first = plan(partly(), **BUDGET.model_dump())
    with open_run(tmp_path / "run", CONFIG, resume=False) as run:
        Labelling(partly(), People(), run, first, lambda *said: asked.append(said)).begin()
    ((cycle, reasons, scores),) = asked
    assert (cycle, scores) == (0, None)
    assert list(reasons.items()) == [
        *((item, "test") for item in first.test), *((item, "initial") for item in first.initial)
    ]  # fmt: skip


class Sees:
    """Finds two objects on every image, of which one is not sure."""

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        boxes, scores = torch.tensor([[[1.0, 1, 5, 5], [2, 2, 8, 8]]]), torch.tensor([[0.5, 0.04]])
        labels = torch.zeros(1, 2, dtype=torch.int64)
        found = Detections(boxes, scores, labels, labels == 0, scores[..., None], exclusive=False)
        yield from (SignalBatch((item,), dict.fromkeys(names, found)) for item in images.ids)


def test_what_is_proposed_from_the_second_query_on(tmp_path: Path) -> None:
    ask, item = Asking(tmp_path, TRUTH, Sees()), TRUTH.pool[0]  # type: ignore[arg-type]
    for cycle, scores in ((0, []), (1, [0.5])):
        ask(cycle, {item: "why"}, {item: 0.7})
        sheet = read_sheet(query_folder(tmp_path, cycle), TRUTH.file)
        assert [p.score for p in sheet.images[0].proposals] == scores
        assert sheet.proposed == bool(cycle)


def test_what_is_asked_already_stays_as_it_was_and_what_it_lacks_is_added(tmp_path: Path) -> None:
    first, second = TRUTH.pool[:2]
    sees, again = Asking(tmp_path, TRUTH, Sees()), Asking(tmp_path, TRUTH)  # type: ignore[arg-type]
    sees(1, {first: "entropy"}, {first: 0.7})
    again(1, {second: "entropy", first: "entropy"}, None)
    images = read_sheet(query_folder(tmp_path, 1), TRUTH.file).images
    assert [(i.item, i.score, len(i.proposals)) for i in images] == [
        (second, None, 0), (first, 0.7, 1)
    ]  # fmt: skip
    again(1, {first: "entropy"}, None)  # the picture of another is gone, and may come back
    assert read_sheet(query_folder(tmp_path, 1), TRUTH.file).images == images
    sees(1, {first: "entropy"}, {first: 0.2})
    (image,) = read_sheet(query_folder(tmp_path, 1), TRUTH.file).images
    assert image.score == 0.2, "selected anew, by another model"


def test_what_was_said_of_the_data_is_said_beside_pictures_that_cannot_be_read() -> None:
    class Damaged:
        size = TRUTH.images.size

        def read(self, item: str) -> Any:
            if item == lost:
                raise DataError(["it is damaged"])
            return TRUTH.images.read(item)

    budget = BUDGET.model_dump()
    lost = plan(partly(), **budget).initial[0]
    damaged: Any = Damaged()
    dataset = dataclasses.replace(
        partly(), images=damaged, notes=("said before",), on_bad_item="skip"
    )
    left, drawn = readable(CONFIG.model_copy(update={"budget": BUDGET}), dataset)
    assert left.notes[0] == "said before"
    assert len(left.notes) == 2
    assert lost not in {*left.pool, *drawn.initial, *drawn.test}


def test_at_most_a_hundred_boxes_are_proposed_and_no_padding() -> None:
    scores = torch.linspace(0.9, 0.5, 120).repeat(2, 1)
    scores[1, 2] = 0.05  # the least
    boxes = torch.tensor([1.0, 2, 9, 8]).expand(2, 120, 4)
    valid = torch.arange(120) < torch.tensor([[120], [3]])
    labels, probs = torch.zeros(2, 120, dtype=torch.long), torch.zeros(2, 120, 1)
    found = Detections(boxes, scores, labels, valid, probs, exclusive=False)
    assert [len([*_proposed(found, row, TRUTH.classes)]) for row in range(2)] == [100, 3]


def test_people_are_told_the_height_of_an_image_and_its_width() -> None:
    class Wide:
        def size(self, item: str) -> tuple[int, int]:
            return 20, 40

    wide: Any = Wide()
    asked = asked_image(dataclasses.replace(partly(), images=wide), TRUTH.pool[0])
    assert (asked.height, asked.width) == (20, 40)


def test_seconds_are_not_known_once_an_answer_has_none(tmp_path: Path) -> None:
    class Untimed(People):
        def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
            answers = super().annotate(ids, cycle)
            return dataclasses.replace(answers, seconds={}) if cycle == 1 else answers

    cycles = run(tmp_path / "run", Untimed(), partly())
    assert [c["annotation_seconds"] for c in cycles] == [2.0 * 5, None, None]


def test_nothing_left_to_test_on(tmp_path: Path) -> None:
    drawn = plan(partly(), **BUDGET.model_dump()).test
    with pytest.raises(RunError, match=r"every image to evaluate on \(2\) is ignored"):
        run(tmp_path / "run", People(ignored=drawn), partly())


def test_without_an_end_it_goes_on_until_the_pool_is_exhausted(tmp_path: Path) -> None:
    budget = BudgetConfig(initial=3, per_cycle=4, cycles=None, test=2)
    cycles = run(tmp_path / "run", People(), partly(), budget)
    assert [c["labelled"] for c in cycles] == [3, 7, 10]
    assert json.loads((tmp_path / "run/manifest.json").read_text())["finished"]


def test_answers_to_what_nobody_asked_for_must_be_of_the_pool(tmp_path: Path) -> None:
    class Strange(People):
        def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
            return Answers({i: Target.of([], []) for i in (*ids, "elsewhere")})

    with pytest.raises(RunError, match="1 not asked for: elsewhere"):
        run(tmp_path / "run", Strange(), partly())


class Going:
    """Images whose files go; what was read of them is kept, as a cache does."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.read, self.size = TRUTH.images.read, TRUTH.images.size

    def stamp(self, item: str) -> str:
        if item in self.gone:
            raise DataError([f"{item} is gone"])
        return "as it was"


def test_a_picture_that_is_gone_is_not_asked_for_whatever_is_cached(tmp_path: Path) -> None:
    images: Any = Going()
    dataset = dataclasses.replace(partly(), images=images, on_bad_item="skip")
    people, first = People(), plan(dataset, **BUDGET.model_dump())
    people.asked[0] = []  # it has waited
    images.gone = {first.initial[0]}
    with open_run(tmp_path / "run", CONFIG, resume=False) as run:
        labelling = Labelling(dataset, people, run, first)
        labelling.begin()
        labelling.annotate(0)
    assert set(labelling.pool.labelled) == {*first.initial[1:]}


def test_a_picture_that_goes_once_it_was_trained_on_stays_answered(tmp_path: Path) -> None:
    """It was an answer that nobody asked for."""
    images: Any = Going()
    dataset = dataclasses.replace(partly(), images=images)
    first = plan(dataset, **BUDGET.model_dump())
    more = next(i for i in TRUTH.pool if i not in {*first.test, *first.initial})
    people = People(extra={0: more})
    people.asked[0] = []  # it has waited
    with open_run(tmp_path / "run", CONFIG, resume=False) as run:
        labelling = Labelling(dataset, people, run, first)
        labelling.begin()
        labelling.annotate(0)
        images.gone = {more}
        again = Labelling(dataset, people, run, first)
        again.annotate(0)
    assert more in again.pool.labelled


class Growing(People):
    """Sees a class that nobody knows, from the second cycle on."""

    def __init__(self, dataset: Dataset, new: Sequence[str]) -> None:
        super().__init__()
        self.classes, self.new = dataset.classes, tuple(new)

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        answers = super().annotate(ids, cycle)
        if cycle < 1:
            return answers
        new = Target.of([[0, 0, 9, 9]], [len(TRUTH.classes)])
        targets = {**answers.targets, ids[0]: new}
        names = () if set(self.new) <= set(self.classes) else self.new
        return dataclasses.replace(answers, targets=targets, new_classes=names)


def test_a_loop_that_is_told_of_a_new_class_ends_and_goes_on_with_it(tmp_path: Path) -> None:
    """Its learner is made for the classes that there were: whoever resumes makes another."""
    path, dataset = tmp_path / "run", partly()
    oracle = Growing(dataset, ["quagga"])
    for _ in range(2):
        with pytest.raises(Waiting, match="not yet"):
            run_loop(path, oracle=oracle, dataset=dataset, budget=BUDGET)
    with pytest.raises(Waiting) as waits:
        run_loop(path, oracle=oracle, dataset=dataset, budget=BUDGET)
    first, second = waits.value.problems
    assert first == "the answers for cycle 1 have 1 new class: quagga"
    assert second == f"then: alframe run --output {path} --resume"
    events = list(Journal(path))
    assert events[-1]["new_classes"] == ["quagga"]
    assert new_classes(events) == {"quagga": 1}
    grown = with_classes(dataset, new_classes(events))
    assert grown.classes == (*dataset.classes, "quagga")
    assert grown.fingerprint() == dataset.fingerprint(), "of what the reader gave"
    for cycle, count in ((0, 0), (1, 1), (2, 1)):
        assert len(classes_in(cycle, grown.classes, {"quagga": 1})) == len(dataset.classes) + count
    again = Growing(grown, ["quagga"])
    again.asked = oracle.asked
    cycles = run(path, again, grown)
    assert len(cycles) == 3


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (
            [TRUTH.classes[0], "quagga"],
            f"new_classes has {TRUTH.classes[0]}, which the dataset has",
        ),
        (["quagga", "quagga"], "new_classes is ('quagga', 'quagga'): expected a tuple of names"),
        ([3], "new_classes is (3,): expected a tuple of names, each one line of text"),
        (["a\nb"], r"new_classes is ('a\nb',): expected a tuple of names, each one line"),
    ],
)
def test_classes_that_are_not_new_are_refused(tmp_path: Path, new: list[Any], said: str) -> None:
    oracle = Growing(partly(), new)
    with pytest.raises(RunError, match=re.escape(said)):
        run(tmp_path / "run", oracle, partly())


def test_no_others_are_drawn_where_more_are_known_than_a_run_begins_with() -> None:
    dataset = partly(*range(4))
    made = plan(dataset, initial=1, per_cycle=1, cycles=2, test=1)
    assert set(made.initial) == dataset.known.keys() - set(made.test)
