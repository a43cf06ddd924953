"""The plan of a run: what its budget labels first, draws to evaluate on, and adds in each cycle."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from alframe.config.sections import BudgetConfig, images_of
from alframe.datasets.base import Dataset
from alframe.errors import ConfigError
from alframe.runs.initial import draw, initial_set
from alframe.seeds import Seeds

SHARE = 0.2
"""Of the pool that a budget labels in the end, as on VOC and COCO in the papers (20 %, 10 %)."""


@dataclass(frozen=True)
class Plan:
    """What a run labels when.

    Attributes:
        initial: ids of the pool to train on first, sorted.
        per_cycle: images that each selection adds.
        cycles: how many times to train; None goes on until the pool is exhausted.
        test: ids to evaluate on that are drawn from the pool, sorted: they are asked for with the
            initial ones, and never chosen.
        candidates: images that each selection is made from; None: all.
    """

    initial: tuple[str, ...]
    per_cycle: int
    cycles: int | None
    test: tuple[str, ...] = ()
    candidates: int | None = None

    def choose_from(
        self, unlabelled: tuple[str, ...], wanted: int, seeds: Seeds
    ) -> tuple[str, ...]:
        """The ids that a selection is made from, sorted: all, or as many as ``candidates`` says."""
        if self.candidates is None:
            return unlabelled
        return draw(unlabelled, max(self.candidates, wanted), seeds.within("candidates"))

    def wanted(self, cycle: int, left: int) -> int:
        """How many of the images ``left`` a cycle selects: none in the last one."""
        last = self.cycles is not None and cycle >= self.cycles - 1
        return 0 if last else min(self.per_cycle, left)


def planned(
    budget: BudgetConfig, dataset: Dataset, seeds: Seeds, known: Collection[str] = ()
) -> Plan:
    """The plan for a dataset; the seeds alone decide what is drawn.

    Args:
        budget: in images, or shares of the pool.
        dataset: to plan for.
        seeds: of the run.
        known: ids that are annotated already: those of the pool are all labelled from the start,
            and the initial set is filled up with others.

    Raises:
        ConfigError: there is nothing to evaluate on, or the budget asks for more images than there
            are; says what would do.
    """
    _check_open(dataset, dataset.pool, known)
    test = _drawn_test(budget, dataset, seeds)
    aside = frozenset(test)
    pool = [item for item in dataset.pool if item not in aside]
    _check_open(dataset, pool, known)
    given = {item for item in pool if item in known}
    given.update(initial_set(budget, pool) or ())
    fixed = budget.initial_set is not None or len(given) > budget.images(len(pool))[0]
    first, per_cycle = check_budget(budget, len(pool), len(given), len(test), fixed=fixed)
    others = [item for item in pool if item not in given]
    initial = {*given, *draw(others, first - len(given), seeds)}
    candidates = None if budget.candidates is None else images_of(budget.candidates, len(pool))
    return Plan(tuple(sorted(initial)), per_cycle, budget.cycles, test, candidates)


def _check_open(dataset: Dataset, pool: Sequence[str], known: Collection[str]) -> None:
    if pool and all(item in known for item in pool):
        raise ConfigError(
            f"every image of the pool of {dataset.name} is annotated, so there is nothing to ask: "
            "--oracle simulated reveals the annotations that are there"
        )


def _drawn_test(budget: BudgetConfig, dataset: Dataset, seeds: Seeds) -> tuple[str, ...]:
    if (count := budget.test_images(len(dataset.pool))) == 0:
        if not dataset.test:
            raise ConfigError(
                f"{dataset.name} has no test split, so there is nothing to evaluate on: set "
                "budget.test=40, for example, to have images of the pool drawn and annotated "
                "first, or dataset.test (20%, where it takes a share of what is annotated)"
            )
        return ()
    if dataset.test:
        raise ConfigError(
            f"budget.test={budget.test} draws images to evaluate on, but {dataset.name} has a "
            f"test split of {len(dataset.test)}: set budget.test=null"
        )
    if count >= len(dataset.pool):
        raise ConfigError(
            f"budget.test asks for {count} images to evaluate on, the pool of {dataset.name} has "
            f"{len(dataset.pool)}: lower it, so that some are left to choose from"
        )
    return draw(dataset.pool, count, seeds.within("test"))


def check_budget(
    budget: BudgetConfig, pool: int, given: int = 0, tested: int = 0, *, fixed: bool = False
) -> tuple[int, int]:
    """Images of the initial set and of each selection, if a pool of this size can fill them.

    Args:
        budget: in images, or shares of the pool.
        pool: how many images may be labelled.
        given: how many images of the initial set are not drawn.
        tested: how many were drawn to test on, beside the pool.
        fixed: none are drawn beside those.

    Raises:
        ConfigError: says how many images are asked for and how many there are.
    """
    drawn, per_cycle = budget.images(pool)
    first, selections = given if fixed else drawn, (budget.cycles or 1) - 1
    asked = first + per_cycle * selections
    if asked <= pool:
        return first, per_cycle
    least = 0 if fixed else given
    try_this = smaller_budget(first, per_cycle, selections, pool, least, drawn=not fixed)
    remedies = [f"set {try_this}"] if try_this else []
    there = f"the pool has {pool}" + (f" beside budget.test={tested}" if tested else "")
    text = f"budget.initial asks for {first} images, {there}"
    if first <= pool:
        most = 1 + (pool - first) // per_cycle
        remedies.append(f"set budget.cycles={most}, or null to go on until none is left")
        text = (
            f"the budget asks for {asked} images ({first}{' already given' if fixed else ''} + "
            f"{selections} x {per_cycle}), {there}"
        )
    remedies += ["lower budget.test"] if tested else []
    raise ConfigError(f"{text}: {'; or '.join(remedies) or 'lower it and budget.cycles'}")


def smaller_budget(
    first: int, per_cycle: int, selections: int, pool: int, least: int = 0, *, drawn: bool
) -> str:
    """Settings to try instead, as shares of the pool and in images; empty where none can do.

    Args:
        first: images of the initial set that was asked for.
        per_cycle: images of each selection.
        selections: one fewer than trainings.
        pool: images that there are.
        least: images of a drawn initial set that are in it whatever is drawn.
        drawn: whether the initial set is drawn; one in a file stays as large as it is.
    """
    kept = 0 if drawn else first
    asked = (first if drawn else 0) + per_cycle * selections
    room = min(SHARE * pool, pool - kept) if asked else 0
    factor = max(room, selections + drawn) / asked if asked else 0
    amounts = {"budget.initial": first} if drawn else {}
    amounts |= {"budget.per_cycle": per_cycle} if selections else {}
    images = {name: max(1, math.floor(factor * each)) for name, each in amounts.items()}
    if _total(images, selections) > pool - kept:
        images = dict.fromkeys(amounts, 1)
    if drawn and images["budget.initial"] < least:
        images["budget.initial"] = least
        if selections:
            rest = (pool - least) // selections
            images["budget.per_cycle"] = min(images["budget.per_cycle"], rest)
    if min(images.values(), default=0) < 1 or _total(images, selections) > pool - kept:
        return ""
    shares = {name: _percent(count, pool) for name, count in images.items()}
    return f"a share of the pool such as {_settings(shares)}, or {_settings(images)}"


def _total(images: Mapping[str, int], selections: int) -> int:
    return images.get("budget.initial", 0) + selections * images.get("budget.per_cycle", 0)


def _percent(count: int, pool: int) -> str:
    """A share that is rounded down to just so many images."""
    exact = 100 * count / pool
    for digits in range(1, 12):
        up = math.ceil(round(exact * 10**digits, 6)) / 10**digits
        text = f"{up:.{digits}f}".rstrip("0").rstrip(".")
        if images_of(f"{text}%", pool) == count and float(text) <= 100:
            return f"{text}%"
    return f"{exact!r}%"


def _settings(values: Mapping[str, int | str]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())
