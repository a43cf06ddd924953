"""The conformance check of a learner."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from alframe.datasets.base import ImageSet
from alframe.learner import (
    ANCHOR_WEIGHT,
    CLASS_PROBS,
    DISAGREEMENT,
    EMBEDDING,
    PREDICTED_LOSS,
    Learner,
    LearnerSetup,
    Metrics,
)
from alframe.plugins.guests import described
from alframe.testing.expect import expect, generators_left_alone
from alframe.testing.fitting import LearnerUnderTest, Notes, tiny_setup
from alframe.testing.rules import Rule, held
from alframe.testing.states import is_state, kept, leaves, same_state
from alframe.testing.synthetic import tensors_of

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-4
"""By how much signals may differ that were computed in other batches."""
VARIED = frozenset({ANCHOR_WEIGHT, CLASS_PROBS, DISAGREEMENT, EMBEDDING, PREDICTED_LOSS})
"""Signals that are numbers of every image; anchors are those of its size alone, and a model that
has hardly learnt may detect nothing."""


def check_learner(
    factory: Callable[[LearnerSetup], Learner], *, setup: LearnerSetup | None = None
) -> None:
    """Hold a learner to its contract, on a few drawn images of which one shows nothing.

    - ``provides`` belongs to the factory, and is a frozenset of names.
    - It reads no target of an unlabelled item, and changes neither targets nor images.
    - It reports each finished phase.
    - Metrics are fractions of 0 to 1 by name, or None, or mappings of such; the first is the
      headline, a number. Measured twice, they are the same.
    - ``state_dict`` holds something, survives ``torch.save`` and ``weights_only`` loading, and
      another learner that takes it has the same state and streams the same.
    - Each signal is streamed once for every id, a row an id, finite, whatever the order of ids;
      it streams what is asked for and no more, and refuses what it does not provide.
    - What is done to a streamed signal changes no later one; of those that alframe names, all but
      anchors and detections differ between images.
    - Streaming and evaluating leave the model alone; nothing moves the global generators.
    - It fits when nothing is left unlabelled.
    - Fitted to three images and measured on them, its headline is higher with their own labels
      than with those of the other class, whichever they are; it is fitted ten times longer before
      it is said not to. The model is another one than that of other images.
    - One seed gives one model; so does a fit that was stopped at a checkpoint and taken up again,
      which does not begin anew. A learner that saves no checkpoint passes: it only takes longer
      after a kill.

    Args:
        factory: makes the learner: a class, or a subclass with other defaults.
        setup: what it is given; :func:`~alframe.testing.fitting.tiny_setup` by default.

    Raises:
        AssertionError: says what was expected, for every rule that is broken.
    """
    rules = (
        Rule(declared_signals),
        Rule(fits),
        Rule(leaves_images_alone, after=(fits,)),
        Rule(leaves_annotations_alone, after=(fits,)),
        Rule(reports_phases, after=(fits,)),
        Rule(measures, after=(fits,)),
        Rule(leaves_the_model_alone_when_measuring, after=(measures,)),
        Rule(streams, after=(declared_signals, fits)),
        Rule(refuses_unknown_signals, after=(fits,)),
        Rule(lends_no_memory, after=(streams,)),
        Rule(tells_images_apart, after=(streams,)),
        Rule(keeps_a_state, after=(fits,)),
        Rule(restores, after=(keeps_a_state,)),
        Rule(streams_the_same_when_restored, after=(streams, restores)),
        Rule(fits_when_all_is_labelled, after=(fits,)),
        Rule(leaves_generators_alone, after=(fits,)),
        Rule(repeats_itself, after=(keeps_a_state,)),
        Rule(resumes, after=(repeats_itself,)),
        Rule(learns, after=(keeps_a_state, measures, fits_when_all_is_labelled)),
    )
    held(rules, LearnerUnderTest(factory, setup or tiny_setup()))


def declared_signals(bench: LearnerUnderTest) -> None:
    """``provides`` of the factory."""
    provides: object = getattr(bench.factory, "provides", None)
    expect(
        isinstance(provides, frozenset) and all(isinstance(name, str) for name in provides),
        f"the factory's provides is {provides!r}: expected a frozenset of names of signals, on the "
        "class, so that it is known before anything is built",
    )


def fits(bench: LearnerUnderTest) -> None:
    """A fit without an exception, from which the others start."""
    assert bench.fitted


def leaves_generators_alone(bench: LearnerUnderTest) -> None:
    """Random numbers from the context's seeds alone."""
    with generators_left_alone("the learner, built and fitted,"):
        assert bench.again


def leaves_images_alone(bench: LearnerUnderTest) -> None:
    """Images are shared by all who read them."""
    changed = bench.fitted.images.changed()
    expect(
        not changed,
        f"the learner, fitted, changed the images {changed[:3]}: expected it to copy first; "
        "torch.from_numpy shares memory",
    )


def leaves_annotations_alone(bench: LearnerUnderTest) -> None:
    """Annotations stay as they are."""
    expect(
        not bench.fitted.annotations_changed,
        "the learner, fitted, changed the annotations that it was handed: expected it to copy "
        "first; torch.from_numpy shares memory",
    )


def reports_phases(bench: LearnerUnderTest) -> None:
    """At least one, as a fit has one."""
    called = bench.fitted.notes.phases
    expect(called, "phase_finished was not called: expected a call for each phase of a fit")


def repeats_itself(bench: LearnerUnderTest) -> None:
    """The same model from the same seed."""
    same_state(bench.learner, bench.again.state_dict(), "fitted a second time from the same seeds")


def resumes(bench: LearnerUnderTest) -> None:
    """The same model after a kill, without doing everything again."""
    states = bench.fitted.notes.states
    if not states:
        return
    first = states[: (len(states) + 1) // 2]
    resumed, notes = bench.fit(Notes(list(first)))
    same_state(bench.learner, resumed.state_dict(), "taken up from a checkpoint of an earlier fit")
    more = len(notes.states) - len(first)
    expect(
        notes.loaded and (more < len(states) or len(states) == 1),
        f"taken up from checkpoint {len(first)} of {len(states)} it began anew and saved {more} "
        "more: expected it to go on from context.checkpoint.load()",
    )


def fits_when_all_is_labelled(bench: LearnerUnderTest) -> None:
    """The last cycle of a small pool."""
    try:
        assert bench.taught
    except Exception as error:
        raise AssertionError(
            f"with nothing left unlabelled: expected it to fit, got {described(error)}"
        ) from error


def measures(bench: LearnerUnderTest) -> None:
    """Metrics that can be written down, the same again, the first of them a number."""
    test = bench.test()
    with generators_left_alone("the learner, evaluating,"):
        metrics, again = (bench.learner.evaluate(test) for _ in range(2))
    expect(isinstance(metrics, Mapping), f"metrics are {metrics!r:.80}: expected a mapping")
    try:
        text = json.dumps(dict(metrics))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"metrics are {metrics!r:.200}: expected JSON ({error})") from error
    wrong = dict(_no_fractions(json.loads(text)))
    expect(
        not wrong, f"metrics hold {wrong}: expected names of fractions of 0 to 1, or None for none"
    )
    headline(metrics)
    expect(
        json.dumps(dict(again)) == text,
        f"measured twice, metrics are {text} and then {dict(again)}: expected the same",
    )


def headline(metrics: Metrics) -> float:
    """The first metric, by which runs are compared."""
    name, value = next(iter(metrics.items()), ("nothing", None))
    if not isinstance(value, int | float):
        raise AssertionError(
            f"the first metric is {name!r}, {value!r:.60}: expected the headline first, a number"
        )
    return float(value)


def leaves_the_model_alone_when_measuring(bench: LearnerUnderTest) -> None:
    """Nothing is learnt from the test split."""
    before = kept(bench.learner.state_dict())
    bench.learner.evaluate(bench.test())
    same_state(bench.learner, before, "after evaluate")


def learns(bench: LearnerUnderTest) -> None:
    """What it is taught it finds again, better than what it was not taught.

    The images that it is fitted to are easy: three, and measured on themselves. A learner whose
    fit ignores the labels, or whose metrics ignore the model, cannot tell them from the same
    images with the labels of the other class; not both ways.
    """
    test, turned = bench.test(), bench.turned()
    for own, other in ((test, turned), (turned, test)):
        with_own, with_other = 0.0, 0.0
        for longer in (1, 10):
            learner = bench.taught if own is test and longer == 1 else bench.teach(own, longer)
            with_own, with_other = (headline(learner.evaluate(each)) for each in (own, other))
            if with_own > with_other:
                break
        expect(
            with_own > with_other,
            f"fitted to {len(own)} images and measured on them, the headline is {with_own}, and "
            f"{with_other} with the labels of the other class: expected it to be higher with what "
            "was learnt",
        )
    same = is_state(bench.learner, bench.taught.state_dict())
    expect(not same, "the model is the same whatever it is fitted to: expected another one")


def streams(bench: LearnerUnderTest) -> None:
    """Signals as declared, from a model that is left alone."""
    learner, names, ids = bench.learner, bench.names, bench.dataset.pool
    before = kept(learner.state_dict())
    together = bench.stream(learner, names, ids)
    turned = bench.stream(learner, names, ids[::-1])
    _same_signals(together, turned, "when ids come in another order")
    for name in names:
        alone = bench.stream(learner, {name}, ids)
        _same_signals({name: together[name]}, alone, "when it is asked for alone")
        bench.stream(learner, {name}, ())
    same_state(learner, before, "after streaming signals")


def refuses_unknown_signals(bench: LearnerUnderTest) -> None:
    """An exception, and no stream without the signal."""
    unknown = "no such signal"
    try:
        list(bench.learner.signals(bench.unlabelled, frozenset({unknown})))
    except Exception:  # whichever suits the learner
        return
    raise AssertionError(f"it was asked for {unknown!r}: expected an exception")


def lends_no_memory(bench: LearnerUnderTest) -> None:
    """A strategy may do with a signal what it likes."""
    import torch

    learner, ids = bench.learner, bench.dataset.pool
    before = kept(learner.state_dict())
    first = bench.stream(learner, bench.names, ids)
    copies = {
        name: {item: [t.clone() for t in tensors] for item, tensors in rows.items()}
        for name, rows in first.items()
    }
    with torch.inference_mode():
        for batch in learner.signals(ImageSet(bench.images, ids), bench.names):
            for name in bench.names:
                for tensor in tensors_of(batch[name]):
                    tensor.zero_()
    _same_signals(
        copies, bench.stream(learner, bench.names, ids), "when an earlier one was changed"
    )
    same_state(learner, before, "after a streamed signal was changed in place")


def tells_images_apart(bench: LearnerUnderTest) -> None:
    """Signals that are the same for all images say nothing."""
    for name, rows in bench.stream(bench.learner, bench.names & VARIED, bench.dataset.pool).items():
        (first,), *others = rows.values()
        expect(
            any(not first.equal(other) for (other,) in others),
            f"{name} is the same for all of {len(rows)} images: expected it to depend on the image",
        )


def keeps_a_state(bench: LearnerUnderTest) -> None:
    """Something to save, of types that are loaded without running code."""
    state = bench.saved
    expect(
        next(leaves(state), None) is not None,
        f"state_dict is {state!r:.60}: expected what makes the model",
    )


def restores(bench: LearnerUnderTest) -> None:
    """Another learner that has loaded a state has it."""
    same_state(bench.restored, bench.saved, "from a learner that has loaded its state")


def streams_the_same_when_restored(bench: LearnerUnderTest) -> None:
    """What is loaded is what is used."""
    ids = bench.dataset.pool
    one, same = (bench.stream(each, bench.names, ids) for each in (bench.learner, bench.restored))
    _same_signals(one, same, "from a learner that has loaded its state")


def _same_signals(
    one: "dict[str, dict[str, list[Tensor]]]",
    other: "dict[str, dict[str, list[Tensor]]]",
    when: str,
) -> None:
    for name, rows in one.items():
        for item, tensors in rows.items():
            same = all(map(_close, tensors, other[name][item]))
            expect(same, f"{name} of {item} differs {when}: expected the same numbers")


def _close(one: "Tensor", other: "Tensor") -> bool:
    import torch

    return one.shape == other.shape and torch.allclose(one, other, TOLERANCE, TOLERANCE)


def _no_fractions(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The metrics, by dotted names, that are neither fractions, nor None, nor mappings."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _no_fractions(value, f"{name}.{key}" if name else key)
    elif isinstance(tree, bool) or not (tree is None or _is_fraction(tree)):
        yield name, tree


def _is_fraction(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1
