"""The conformance check of a learner."""

import io
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from alframe.datasets.base import ImageSet, LabelledSet
from alframe.learner import Learner, LearnerSetup
from alframe.model import provides
from alframe.testing.expect import expect, generators_left_alone
from alframe.testing.fitting import Bench, Notes, tiny_setup

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-4
"""By how much signals may differ that were computed in other batches."""


def check_learner(
    factory: Callable[[LearnerSetup], Learner], *, setup: LearnerSetup | None = None
) -> None:
    """Hold a learner to its contract, on a few drawn images of which one shows nothing.

    - ``provides`` belongs to the factory, and is a frozenset of names.
    - One seed gives one model; so does a fit that was stopped at a checkpoint and taken up again.
    - It fits when nothing is left unlabelled, and reports each finished phase.
    - It reads no target of an unlabelled item.
    - Each signal is streamed once for every id, a row an id, finite, whatever the order of ids;
      it streams what is asked for and no more, and refuses what it does not provide.
    - Streaming and evaluating leave the model alone; nothing moves the global generators.
    - Metrics are JSON, with fractions of 0 to 1.
    - ``state_dict`` survives ``torch.save`` and ``weights_only`` loading, and another learner that
      takes it streams the same.

    Args:
        factory: makes the learner: a class, or a subclass with other defaults.
        setup: what it is given; :func:`~alframe.testing.fitting.tiny_setup` by default.

    Raises:
        AssertionError: says what was expected.
    """
    bench = Bench(factory, setup or tiny_setup())
    names = declared_signals(bench) | provides(bench.setup.build_model)
    learner, notes = bench.fit()
    expect(notes.phases, "phase_finished was not called: expected a call for each phase of a fit")
    repeats_itself(bench, learner)
    resumes(bench, learner, notes)
    fits_when_all_is_labelled(bench)
    measures(bench, learner)
    streams(bench, learner, names)
    restores(bench, learner, names)


def declared_signals(bench: Bench) -> frozenset[str]:
    """``provides`` of the factory."""
    provides: object = getattr(bench.factory, "provides", None)
    expect(
        isinstance(provides, frozenset) and all(isinstance(name, str) for name in provides),
        f"the factory's provides is {provides!r}: expected a frozenset of names of signals, on the "
        "class, so that it is known before anything is built",
    )
    assert isinstance(provides, frozenset)
    return provides


def repeats_itself(bench: Bench, learner: Learner) -> None:
    """The same model from the same seed."""
    again, _ = bench.fit()
    _same_state(learner, again.state_dict(), "fitted a second time from the same seeds")


def resumes(bench: Bench, learner: Learner, notes: Notes) -> None:
    """The same model after a kill."""
    if notes.states:
        middle = notes.states[: (len(notes.states) + 1) // 2]
        resumed, _ = bench.fit(Notes(list(middle)))
        _same_state(learner, resumed.state_dict(), "taken up from a checkpoint of an earlier fit")


def fits_when_all_is_labelled(bench: Bench) -> None:
    """The last cycle of a small pool."""
    try:
        bench.fit(unlabelled=ImageSet(bench.dataset.images, ()))
    except Exception as error:
        raise AssertionError(
            f"with nothing left unlabelled: expected it to fit, got {type(error).__name__}: {error}"
        ) from error


def measures(bench: Bench, learner: Learner) -> None:
    """Metrics that can be written down, from a model that is left alone."""
    data, before = bench.dataset, _kept(learner.state_dict())
    with generators_left_alone("the learner, evaluating,"):
        metrics = learner.evaluate(LabelledSet(data.images, data.test, data.targets))
    _same_state(learner, before, "after evaluate")
    try:
        text = json.dumps(dict(metrics), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"metrics are {metrics!r}: expected JSON ({error})") from error
    wrong = [n for n in _numbers(json.loads(text)) if not 0 <= n <= 1]
    expect(not wrong, f"metrics hold {wrong}: expected fractions of 0 to 1")


def streams(bench: Bench, learner: Learner, names: frozenset[str]) -> None:
    """Signals as declared, from a model that is left alone."""
    before, ids = _kept(learner.state_dict()), bench.dataset.pool
    together = bench.stream(learner, names, ids)
    turned = bench.stream(learner, names, ids[::-1])
    _same_signals(together, turned, "when ids come in another order")
    for name in names:
        alone = bench.stream(learner, {name}, ids)
        _same_signals({name: together[name]}, alone, "when it is asked for alone")
        bench.stream(learner, {name}, ())
    _same_state(learner, before, "after streaming signals")
    unknown = "no such signal"
    try:
        list(learner.signals(bench.unlabelled, frozenset({unknown})))
    except Exception:  # whichever suits the learner
        return
    raise AssertionError(f"it was asked for {unknown!r}: expected an exception")


def restores(bench: Bench, learner: Learner, names: frozenset[str]) -> None:
    """What is saved can be loaded, and streams the same."""
    import torch

    file = io.BytesIO()
    torch.save(learner.state_dict(), file)
    file.seek(0)
    try:
        state = torch.load(file, weights_only=True)
    except Exception as error:
        raise AssertionError(
            f"state_dict cannot be loaded with weights_only=True: expected tensors, numbers, "
            f"strings and containers of them ({error})"
        ) from error
    other = bench.factory(bench.setup)
    other.load_state_dict(state)
    ids = bench.dataset.pool
    one, same = (bench.stream(each, names, ids) for each in (learner, other))
    _same_signals(one, same, "from a learner that has loaded its state")


def _same_signals(
    one: "dict[str, dict[str, list[Tensor]]]",
    other: "dict[str, dict[str, list[Tensor]]]",
    when: str,
) -> None:
    import torch

    for name, rows in one.items():
        for item, tensors in rows.items():
            for a, b in zip(tensors, other[name][item], strict=True):
                close = a.shape == b.shape and torch.allclose(a, b, TOLERANCE, TOLERANCE)
                expect(close, f"{name} of {item} differs {when}: expected the same numbers")


def _same_state(learner: Learner, state: dict[str, Any], when: str) -> None:
    found, expected = (list(_tensors(s)) for s in (learner.state_dict(), state))
    same = len(found) == len(expected) and all(
        name == other and value.equal(known)
        for (name, value), (other, known) in zip(found, expected, strict=True)
    )
    expect(same, f"the model differs {when}: expected the same weights")


def _kept(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value.clone() for name, value in _tensors(state)}


def _tensors(state: Any, name: str = "") -> "Iterator[tuple[str, Tensor]]":
    """The tensors of a state, however deep, by dotted names."""
    import torch

    if isinstance(state, torch.Tensor):
        yield name, state
    elif isinstance(state, dict):
        for key, value in state.items():
            yield from _tensors(value, f"{name}.{key}" if name else str(key))


def _numbers(tree: Any) -> Iterator[float]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _numbers(value)
    elif isinstance(tree, int | float):
        yield tree
