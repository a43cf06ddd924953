import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from alframe.errors import ConfigError, SelectionError
from alframe.signals import CLASS_PROBS, DETECTIONS, ClassProbs, Detections
from alframe.strategies.cdal import CDAL, LEAST, Contexts, contexts
from alframe.strategies.k_center import k_center
from tests.strategies.asking import detections, query


def h(*p: float) -> float:
    return -sum(x * math.log(x) for x in p if x > 0)


def test_contexts_by_hand() -> None:
    """Two predictions of class a, weighted by their entropies; none of class b."""
    p = torch.tensor([[[0.6, 0.3, 0.1], [0.5, 0.1, 0.4], [0.1, 0.9, 0.0]]])
    valid = torch.tensor([[True, True, False]])
    w, v = h(0.6, 0.3, 0.1), h(0.5, 0.1, 0.4)
    mean = [(w * a + v * b) / (w + v) for a, b in zip(p[0, 0], p[0, 1], strict=True)]
    result = contexts(p, True, valid, 2, uniform=False)
    torch.testing.assert_close(result, torch.tensor([[mean, [0.0, 0.0, 0.0]]]))
    behind = contexts(torch.tensor([[[0.3, 0.1, 0.6]]]), True, valid[:, :1], 2, uniform=False)
    torch.testing.assert_close(behind, torch.tensor([[[0.3, 0.1, 0.6], [0.0, 0.0, 0.0]]]))
    filled = contexts(p, True, valid, 2, uniform=True)
    torch.testing.assert_close(filled[0, 1], torch.full((3,), 1 / 3))


def test_probabilities_of_a_sigmoid_detector_are_made_a_distribution() -> None:
    p = torch.tensor([[[0.6, 0.2]]])
    result = contexts(p, False, torch.ones(1, 1, dtype=torch.bool), 2, uniform=False)
    torch.testing.assert_close(result[0, 0], torch.tensor([0.75, 0.25]))


def test_a_prediction_that_is_sure_is_a_context() -> None:
    p = torch.tensor([[[1.0, 0.0, 0.0]]])
    result = contexts(p, True, torch.ones(1, 1, dtype=torch.bool), 2, uniform=False)
    torch.testing.assert_close(result, torch.tensor([[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]))


def divergence(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Class by class, in words: half of KL(a|b) + KL(b|a), where both images show the class."""
    total = 0.0
    for p, q in zip(a, b, strict=True):
        if p.sum() > 0 and q.sum() > 0:
            p, q = np.maximum(p, LEAST), np.maximum(q, LEAST)
            total += 0.5 * ((p * np.log(p / q)).sum() + (q * np.log(q / p)).sum())
    return total


def test_where_no_image_can_be_nearer_none_is_looked_at_exactly() -> None:
    rows = torch.from_numpy(images(6))
    given, centre = Contexts.of(rows[:5]), Contexts.of(rows[5:])
    known = torch.full((5,), -9.0, dtype=torch.float64)
    assert torch.equal(given.nearest(centre, known), known)
    given.bring_nearer(0, torch.full((5,), 9.0), known)
    assert torch.equal(known, torch.full((5,), -9.0, dtype=torch.float64))


def images(count: int, classes: int = 4) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    shown = rng.random((count, classes, 1)) < 0.7
    return (rng.dirichlet(np.full(classes + 1, 0.5), (count, classes)) * shown).astype(np.float32)


def test_distances_against_the_definition() -> None:
    values = images(12)
    points = Contexts.of(torch.from_numpy(values))
    precise = values.astype(np.float64)
    true = np.array([[divergence(a, b) for b in precise] for a in precise])
    exact = [points.exact(points.left.double(), points.left[[n]].double()) for n in range(12)]
    np.testing.assert_allclose(torch.stack(exact).numpy(), true, rtol=1e-4, atol=1e-6)
    infinite = torch.full((12,), torch.inf, dtype=torch.float64)
    assert (points.upper(points.take(slice(0, 1))).numpy() >= true[0] - 1e-6).all()
    nearest = points.take(slice(3, 12)).nearest(points.take(slice(0, 3)), infinite[3:])
    np.testing.assert_allclose(nearest.numpy(), true[:3, 3:].min(axis=0), rtol=1e-4, atol=1e-6)


def test_picks_against_one_after_the_other() -> None:
    values = images(150)
    points = Contexts.of(torch.from_numpy(values))
    left = points.left.double()
    matrix = torch.stack([points.exact(left, left[[n]].expand_as(left)) for n in range(150)])
    nearest = matrix[:10].amin(dim=0)
    nearest[:10] = -torch.inf
    expected = []
    for _ in range(60):
        expected.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, matrix[expected[-1]])
        nearest[expected[-1]] = -torch.inf
    assert k_center(points, 10, 60) == expected


FOUND = {
    "l": [[0.8, 0.2]],  # class a, sure of it: the labelled one
    "m": [[0.8, 0.2]],
    "n": [[0.6, 0.4]],
    "o": [[0.51, 0.49]],
    "z": [],
}


@pytest.mark.parametrize("unit", ["detections", "anchors"])
def test_the_image_with_the_newest_context_is_first(unit: str) -> None:
    makers = {
        DETECTIONS: detections(FOUND),
        CLASS_PROBS: lambda ids: ClassProbs(
            torch.tensor([(FOUND[i] or [[0.04, 0.01]]) for i in ids]), exclusive=False
        ),
    }
    asked = query(makers, "mnoz", 4, labelled=["l"])
    strategy = CDAL(unit=unit)  # type: ignore[arg-type]
    assert strategy.requires == {DETECTIONS if unit == "detections" else CLASS_PROBS}
    assert strategy.select(asked).ids == ("o", "n", "m", "z"), "nothing predicted: distance 0"
    unknown = CDAL(unit=unit, missing="uniform")  # type: ignore[arg-type]
    assert unknown.select(asked).ids[:2] == ("z", "n"), "a (1/2, 1/2) is farther than o"


def test_a_labelled_image_without_predictions_is_near_to_nothing() -> None:
    found = {**FOUND, "k": []}
    for labelled in (["l", "k"], ["k", "l"], ["l"]):
        asked = query({DETECTIONS: detections(found)}, "mnoz", 4, labelled=labelled)
        assert CDAL(unit="detections").select(asked).ids == ("o", "n", "m", "z")
    alone = query({DETECTIONS: detections(found)}, "mnoz", 4, labelled=["k"])
    assert CDAL(unit="detections").select(alone).ids == ("m", "o", "n", "z")


def test_what_is_missing_may_count_as_unknown() -> None:
    found = {"l": [[0.9, 0.0]], "m": [[0.9, 0.0]], "z": []}
    asked = query({DETECTIONS: detections(found)}, "mz", 1, labelled=["l"])
    assert CDAL(unit="detections").select(asked).ids == ("m",), "the smaller id of two at 0"
    assert CDAL(unit="detections", missing="uniform").select(asked).ids == ("z",)
    with pytest.raises(ConfigError, match=r"missing: expected one of .*, got 'no'"):
        CDAL(missing="no")  # type: ignore[arg-type]


def test_images_that_are_classified_as_a_whole(caplog: pytest.LogCaptureFixture) -> None:
    """Each shows one class: by the paper's distance any two of different classes are at 0."""
    found = {"a": [0.9, 0.1, 0.0], "b": [0.1, 0.9, 0.0], "m": [0.8, 0.2, 0.0], "z": [0.1, 0.0, 0.9]}

    def one_each(ids: Sequence[str]) -> ClassProbs:
        return ClassProbs(torch.tensor([[found[item]] for item in ids]), exclusive=True)

    asked = replace(
        query({CLASS_PROBS: one_each}, "mz", 1, labelled=["a", "b"]), classes=tuple("xyz")
    )
    assert CDAL().select(asked).ids == ("z",)
    assert "distance 0" not in caplog.text
    assert CDAL(missing="skip").select(asked).ids == ("m",)
    assert "1 of the 1 chosen are at distance 0 from one that is labelled or chosen" in caplog.text


def test_boxes_that_are_padding_do_not_count() -> None:
    """Without its second box, which is padding, m shows what l does."""
    found = {"l": [[0.8, 0.2]], "m": [[0.8, 0.2], [0.5, 0.5]], "n": [[0.7, 0.3]]}

    def one_each(ids: Sequence[str]) -> Detections:
        made = detections(found)(ids)
        made.probs[:, 1] = torch.nan
        return replace(made, valid=torch.tensor([True, False]).expand_as(made.valid))

    asked = query({DETECTIONS: one_each}, "mn", 1, labelled=["l"])
    assert CDAL(unit="detections").select(asked).ids == ("n",)


def test_background_is_no_prediction() -> None:
    """m shows nothing above 0.05 but background, as z does; n shows class a, as l does."""
    found = {"l": [[0.5, 0.1, 0.4]], "m": [[0.05, 0.01, 0.94]], "n": [[0.4, 0.2, 0.4]]}
    asked = query(
        {CLASS_PROBS: lambda ids: ClassProbs(torch.tensor([found[i] for i in ids]), True)},
        "mn",
        2,
        labelled=["l"],
    )
    assert CDAL().select(asked).ids == ("n", "m")


@pytest.mark.parametrize("unit", ["detections", "anchors"])
def test_what_is_not_a_number_is_refused(unit: str) -> None:
    found = FOUND | {"m": [[math.nan, math.nan]]}
    makers = {
        DETECTIONS: detections(found),
        CLASS_PROBS: lambda ids: ClassProbs(
            torch.tensor([(found[i] or [[0.04, 0.01]]) for i in ids]), exclusive=False
        ),
    }
    with pytest.raises(SelectionError, match="not finite"):
        CDAL(unit=unit).select(query(makers, "mnoz", 2, labelled=["l"]))  # type: ignore[arg-type]


def test_one_class_is_confused_with_background_or_with_nothing() -> None:
    sigmoid = query({DETECTIONS: detections({"a": [[0.9]]}, classes=1)}, "a", 1, classes="c")
    with pytest.raises(SelectionError, match="the detector knows one class and no background"):
        CDAL(unit="detections").select(sigmoid)
    found = {"l": [[0.9, 0.1]], "m": [[0.8, 0.2]], "n": [[0.6, 0.4]]}
    maker = detections(found, classes=1, exclusive=True)
    softmax = query({DETECTIONS: maker}, "mn", 1, labelled=["l"], classes="c")
    assert CDAL(unit="detections").select(softmax).ids == ("n",)


def test_the_divergence_of_a_shared_class_is_that_of_the_authors() -> None:
    """Their ``kl``: the mean over classes of half the symmetric divergence, nothing cut off.

    Probabilities go down to 1e-8: with 1e-6 as the least the distances were off by 0.1.
    """
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(40, 5, 6)) * 3)
    values = logits.softmax(dim=-1).float()
    points = Contexts.of(values)
    left = points.left.double()
    ours = points.exact(left[:20], left[20:]) / 5
    p, q = values.double().numpy()[:20], values.double().numpy()[20:]
    theirs = (p * np.log(p / q) + q * np.log(q / p)).sum(axis=2).mean(axis=1) / 2
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)
