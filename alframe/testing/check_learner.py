"""The conformance check of a learner."""

import json
from collections.abc import Callable
from typing import Any

from alframe.datasets.base import Dataset, ImageSet
from alframe.learner import Learner, LearnerSetup
from alframe.model import unwrapped
from alframe.plugins.guests import described
from alframe.shaped import Tensor
from alframe.signals import ANCHOR_WEIGHT, CLASS_PROBS, DISAGREEMENT, EMBEDDING, PREDICTED_LOSS
from alframe.testing.expect import (
    Rules,
    check_metrics,
    expect,
    expect_names,
    generators_left_alone,
    headline,
    hold,
)
from alframe.testing.fitting import LearnerUnderTest, Notes, tiny_dataset, tiny_setup, with_hidden
from alframe.testing.states import differing, is_state, kept, leaves, same_state
from alframe.testing.synthetic import tensors_of

VARIED = frozenset({ANCHOR_WEIGHT, CLASS_PROBS, DISAGREEMENT, EMBEDDING, PREDICTED_LOSS})
"""Signals that are numbers of every image; anchors are those of its size alone, and a model that
has hardly learnt may detect nothing."""


def check_learner(
    factory: Callable[[Any], Learner],
    *,
    setup: LearnerSetup | None = None,
    dataset: Dataset | None = None,
) -> None:
    """Hold a learner to its contract, on a few drawn images of which one shows nothing.

    - ``provides`` belongs to the factory, and is a frozenset of names.
    - It reads no target of an unlabelled item, and changes neither targets nor images.
    - It reports each finished phase, with what a journal can keep.
    - Metrics are fractions of 0 to 1 by name, or None, or mappings of such; the first is the
      headline, a number. Measured twice, they are the same.
    - Checkpoints and ``state_dict`` hold what a file keeps, and can be read with ``weights_only``.
      ``state_dict`` holds something; another learner that takes it has the same state and streams
      the same.
    - Each signal is streamed once for every id, a row an id, finite, whatever the order of ids;
      it streams what is asked for and no more, and refuses what it does not provide. Class
      probabilities and detections are what :mod:`alframe.signals` says of them.
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

    One that does not train (``trains`` of the factory is False) is given an
    :class:`~alframe.learner.InferenceSetup`, and is not held to what a fit has to do.

    Args:
        factory: makes the learner: a class, a subclass with other defaults, or a
            ``functools.partial`` of one.
        setup: what it is given; :func:`~alframe.testing.fitting.tiny_setup` by default.
        dataset: of two classes, with eight images to choose from and a few to test on; drawn
            shapes with boxes by default.

    Raises:
        AssertionError: says what was expected, for every rule that is broken.
    """
    rules: Rules[LearnerUnderTest] = {
        _declared_signals: (),
        _fits: (),
        _leaves_images_alone: (_fits,),
        _leaves_annotations_alone: (_fits,),
        _reports_phases: (_fits,),
        _measures: (_fits,),
        _measures_without_global_generators: (_fits,),
        _streams: (_declared_signals, _fits),
        _refuses_unknown_signals: (_fits,),
        _lends_no_memory: (_streams,),
        _tells_images_apart: (_streams,),
        _keeps_a_state: (_fits,),
        _restores: (_keeps_a_state,),
        _streams_the_same_when_restored: (_streams, _restores),
        _fits_when_all_is_labelled: (_fits,),
        _leaves_generators_alone: (_fits,),
        _repeats_itself: (_keeps_a_state,),
        _resumes: (_repeats_itself,),
        _learns: (_keeps_a_state, _measures, _fits_when_all_is_labelled),
    }
    data = with_hidden(dataset) if dataset else tiny_dataset()
    bench = LearnerUnderTest(factory, setup or tiny_setup(), data)
    of_a_fit = (
        () if bench.trains else (_reports_phases, _fits_when_all_is_labelled, _resumes, _learns)
    )
    hold({rule: rests for rule, rests in rules.items() if rule not in of_a_fit}, bench)


def _declared_signals(bench: LearnerUnderTest) -> None:
    provides: object = getattr(unwrapped(bench.factory), "provides", None)
    known = ", on the class, so that it is known before anything is built"
    expect_names(provides, "the factory's provides", known)


def _fits(bench: LearnerUnderTest) -> None:
    assert bench.fitted


def _leaves_generators_alone(bench: LearnerUnderTest) -> None:
    with generators_left_alone("the learner, built and fitted,"):
        assert bench.again


def _leaves_images_alone(bench: LearnerUnderTest) -> None:
    changed = bench.fitted.changed_images
    expect(
        not changed,
        f"the learner, fitted, changed the images {changed[:3]}: expected it to copy first; "
        "torch.from_numpy shares memory",
    )


def _leaves_annotations_alone(bench: LearnerUnderTest) -> None:
    expect(
        not bench.fitted.changed_annotations,
        "the learner, fitted, changed the annotations that it was handed: expected it to copy "
        "first; torch.from_numpy shares memory",
    )


def _reports_phases(bench: LearnerUnderTest) -> None:
    called = bench.fitted.notes.phases
    expect(called, "phase_finished was not called: expected a call for each phase of a fit")


def _repeats_itself(bench: LearnerUnderTest) -> None:
    same_state(bench.learner, bench.again.state_dict(), "fitted a second time from the same seeds")


def _resumes(bench: LearnerUnderTest) -> None:
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


def _fits_when_all_is_labelled(bench: LearnerUnderTest) -> None:
    try:
        assert bench.taught
    except Exception as error:
        raise AssertionError(
            f"with nothing left unlabelled: expected it to fit, got {described(error)}"
        ) from error


def _measures(bench: LearnerUnderTest) -> None:
    test, before = bench.test(), kept(bench.learner.state_dict())
    metrics, again = (bench.learner.evaluate(test) for _ in range(2))
    text = check_metrics(metrics)
    expect(
        json.dumps(dict(again)) == text,
        f"measured twice, metrics are {text} and then {dict(again)}: expected the same",
    )
    same_state(bench.learner, before, "after evaluate")


def _measures_without_global_generators(bench: LearnerUnderTest) -> None:
    test = bench.test()
    with generators_left_alone("the learner, evaluating,"):
        bench.learner.evaluate(test)


def _learns(bench: LearnerUnderTest) -> None:
    """What it is taught it finds again, better than what it was not taught.

    The images that it is fitted to are easy: three, and measured on themselves. A learner whose
    fit ignores the labels, or whose metrics ignore the model, cannot tell them from the same
    images with the labels of the other class; not both ways.
    """
    test, turned = bench.test(), bench.turned()
    for own, other in ((test, turned), (turned, test)):
        with_own, with_other = 0.0, 0.0
        for longer in (1, 3, 10):
            learner = bench.taught if own is test and longer == 1 else bench.teach(own, longer)
            found = [learner.evaluate(each) for each in (own, other)]
            for metrics in found:
                check_metrics(metrics)  # those of a model that has learnt: percent are above 1
            with_own, with_other = map(headline, found)
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


def _streams(bench: LearnerUnderTest) -> None:
    learner, names, ids = bench.learner, bench.names, bench.dataset.pool
    before = kept(learner.state_dict())
    together = bench.stream(learner, names, ids)
    for order in (ids[::-1], ids[1:] + ids[:1]):
        other = bench.stream(learner, names, order)
        _same_signals(together, other, "when ids come in another order")
    for name in names:
        alone = bench.stream(learner, {name}, ids)
        _same_signals({name: together[name]}, alone, "when it is asked for alone")
        bench.stream(learner, {name}, ())
    same_state(learner, before, "after streaming signals")


def _refuses_unknown_signals(bench: LearnerUnderTest) -> None:
    unknown = "no such signal"
    try:
        list(bench.learner.signals(bench.unlabelled, frozenset({unknown})))
    except Exception:  # whichever suits the learner
        return
    raise AssertionError(f"it was asked for {unknown!r}: expected an exception")


def _lends_no_memory(bench: LearnerUnderTest) -> None:
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


def _tells_images_apart(bench: LearnerUnderTest) -> None:
    for name, rows in bench.stream(bench.learner, bench.names & VARIED, bench.dataset.pool).items():
        (first,), *others = rows.values()
        alone = name == ANCHOR_WEIGHT and first.numel() == 1  # of one anchor it is 1
        expect(
            alone or any(not first.equal(other) for (other,) in others),
            f"{name} is the same for all of {len(rows)} images: expected it to depend on the image",
        )


def _keeps_a_state(bench: LearnerUnderTest) -> None:
    state = bench.saved
    if next(leaves(state), None) is None:
        raise AssertionError(f"state_dict is {state!r:.60}: expected what makes the model")


def _restores(bench: LearnerUnderTest) -> None:
    same_state(bench.restored, bench.saved, "from a learner that has loaded its state")


def _streams_the_same_when_restored(bench: LearnerUnderTest) -> None:
    ids = bench.dataset.pool
    one, same = (bench.stream(each, bench.names, ids) for each in (bench.learner, bench.restored))
    _same_signals(one, same, "from a learner that has loaded its state")


def _same_signals(
    one: "dict[str, dict[str, list[Tensor]]]",
    other: "dict[str, dict[str, list[Tensor]]]",
    when: str,
) -> None:
    for item in next(iter(one.values()), ()):
        own, others = ({n: rows[item] for n, rows in each.items()} for each in (one, other))
        for name in differing(own, others):
            raise AssertionError(f"{name} of {item} differs {when}: expected the same numbers")
