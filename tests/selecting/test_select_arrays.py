"""``alframe.select`` on arrays and on what detectors give."""

import logging
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import alframe
from alframe.annotations.object_columns import ObjectColumns
from alframe.datasets.base import Target
from alframe.errors import AlframeError, ConfigError, DataError
from alframe.selecting.detections import StoredDetections
from alframe.selecting.vectors import StoredVectors, Vectors
from alframe.signals import SignalBatch
from alframe.strategies.class_balanced import ClassBalanced
from alframe.strategies.coreset import CoreSet
from alframe.strategies.dedup import Dedup
from alframe.strategies.power import Power
from alframe.strategies.uncertainty import Entropy
from alframe.strategy import Query, Selection

IDS = ["a", "b", "c", "d"]
VECTORS = np.array([[0, 0], [1, 0], [5, 0], [9, 0]], np.float16)


@dataclass
class Found:
    """Attributes as supervision's Detections have them."""

    xyxy: Any
    confidence: Any
    class_id: Any


def found(*scores: float, label: int = 0) -> Found:
    boxes = np.tile(np.array([[0, 0, 4, 4]], np.float32), (len(scores), 1))
    boxes[:, 2] += np.arange(len(scores))
    return Found(boxes, np.array(scores, np.float32), np.full(len(scores), label))


def as_torchvision(one: Found) -> dict[str, torch.Tensor]:
    names = ("boxes", "scores", "labels")
    return dict(zip(names, map(torch.from_numpy, vars(one).values()), strict=True))


@pytest.mark.parametrize("made", [np.asarray, torch.from_numpy, lambda v: v.tolist()])
def test_core_set_of_arrays_and_tensors(made: Any) -> None:
    given = {"ids": IDS, "embedding": made(VECTORS)}
    assert alframe.select("coreset", budget=2, **given, labelled=["a"]) == ["d", "c"]
    assert alframe.select("coreset", 9, **given, labelled=["a", "d"]) == ["c", "b"]
    given["ids"] = dict.fromkeys(IDS).keys()  # which have an order
    assert alframe.select("coreset", budget=2, **given, labelled={"a"}) == ["d", "c"]


PROBS = np.array([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.5, 0.5, 0.0], [0.2, 0.1, 0.7]])


@pytest.mark.parametrize("made", [np.asarray, torch.from_numpy, lambda v: v.tolist(), iter])
def test_probabilities_of_a_model_that_classifies_images(made: Any) -> None:
    def chosen(strategy: Any, **more: Any) -> list[str]:
        return alframe.select(strategy, 2, ids=IDS, class_probs=made(PROBS), **more)

    assert chosen("entropy") == ["b", "d"]  # 1.09 and 0.80 nats, of c and a 0.69 and 0.33
    assert chosen("margin") == ["c", "b"]
    assert chosen("least-confidence") == ["b", "c"]
    assert chosen("least-confidence", labelled=["b"]) == ["c", "d"]
    assert chosen(Least(), classes=["x", "y", "z"]) == ["b", "c"]
    alike = np.array([[1, 0], [2, 0], [0, 1], [3, 0]])
    assert chosen("dedup:entropy", embedding=alike) == ["b", "c"]
    assert len(set(chosen("badge", embedding=VECTORS))) == 2
    assert chosen(Entropy()) == ["b", "d"], "an object adapts itself, too"


def test_opinions_of_models_that_classify_images() -> None:
    """x and y contradict each other, of u and v; w shrugs."""
    said = np.array([[[1, 0], [0.5, 0.5], [0.9, 0.1]], [[0, 1], [0.5, 0.5], [0.8, 0.2]]])
    given = {"ids": ["u", "w", "v"], "class_probs": said}
    assert alframe.select("mc-dropout", 3, **given) == ["u", "v", "w"]
    assert alframe.select("mc-dropout", 3, **given, labelled=["u"]) == ["v", "w"]
    assert alframe.select("margin", 3, **given) == ["u", "w", "v"], "of the mean"
    with pytest.raises(DataError, match=r"class_probs: expected numbers .*, not so of w"):
        alframe.select("mc-dropout", 1, **given | {"class_probs": said * [[[1], [2], [1]]]})
    with pytest.raises(DataError, match=r"class_probs: .* two opinions or more, got \[1, 3, 2\]"):
        alframe.select("mc-dropout", 1, **given | {"class_probs": said[:1]})
    with pytest.raises(ConfigError, match=r"class_probs \[s, n, k\]"):
        alframe.select("mc-dropout", 1, **given | {"class_probs": said[0]})


class Least(alframe.ScoringStrategy):
    requires = frozenset({alframe.CLASS_PROBS})

    def score(self, batch: SignalBatch) -> Any:
        return 1 - batch[alframe.CLASS_PROBS].values.amax(dim=(1, 2))


@pytest.mark.parametrize(
    ("changed", "more", "message"),
    [
        (
            [0.9, 0.2, 0.1],
            {},
            r"add up to 1 for each image \(of logits, their softmax\), not so of a",
        ),
        ([0.9, 0.1, 0.016], {}, "numbers from 0 on that add up to 1 .*, not so of a"),
        ([1.5, -0.5, 0.0], {}, "numbers from 0 on that add up to 1 .*, not so of a"),
        ([np.nan, 0.5, 0.5], {}, "not so of a"),
        ([0.9, 0.1, 0.0], {"classes": ["x", "y"]}, r"one for each of 2 classes \(x, y\), got 3"),
    ],
)
def test_probabilities_that_are_none(
    changed: list[float], more: dict[str, Any], message: str
) -> None:
    probs = np.array([changed, *PROBS[1:]])
    with pytest.raises(DataError, match=message):
        alframe.select("entropy", 1, ids=IDS, class_probs=probs, **more)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"class_probs": PROBS[:3]}, r"class_probs: expected \[4, k\], .* got \[3, 3\]"),
        (
            {"class_probs": PROBS[:, 0]},
            r"class_probs: expected \[4, k\], .* got \[4\]",
        ),
        ({"class_probs": 0.5}, "class_probs: expected an array, a row for each id, got 0.5"),
        ({"embedding": VECTORS}, "requires class_probs; give class_probs: an array"),
        ({"detections": [found(0.5)] * 4}, "class_probs, all predictions of a detector before"),
        ({"class_probs": PROBS, "detections": [found(0.5)] * 4}, "give one of them"),
    ],
)
def test_a_strategy_of_probabilities_without_them(given: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        alframe.select(Least(), 1, ids=IDS, **given)


def test_a_strategy_of_its_owner_is_left_as_it_is() -> None:
    """It may be given the one, and then the other."""
    strategy, boxes = Entropy(), {"ids": IDS, "detections": [found(s) for s in (0.9, 0.5, 0.8, 1)]}
    for _ in range(2):
        assert alframe.select(strategy, 1, **boxes) == ["b"]
        assert alframe.select(strategy, 2, ids=IDS, class_probs=PROBS) == ["b", "d"]


@pytest.mark.parametrize("name", ["power", "dedup", "class-balanced"])
def test_a_wrapper_of_its_owner_settles_what_it_wraps_and_leaves_it_as_it_is(name: str) -> None:
    kinds = {"power": Power, "dedup": Dedup, "class-balanced": ClassBalanced}
    whole = {"ids": IDS, "class_probs": PROBS, "embedding": VECTORS}
    boxes = {"ids": IDS, "detections": [found(s) for s in (0.9, 0.5, 0.8, 1)], "embedding": VECTORS}
    strategy = kinds[name](Entropy())
    for given in (whole, boxes, whole):
        assert alframe.select(strategy, 2, **given) == alframe.select(f"{name}:entropy", 2, **given)
    nested = Dedup(Power(Entropy()))
    assert alframe.select(nested, 2, **whole) == alframe.select("dedup:power:entropy", 2, **whole)


def test_what_a_strategy_that_adapts_itself_would_do_with() -> None:
    for strategy in ("entropy", "badge"):
        given = {"embedding": VECTORS} if strategy == "entropy" else {"class_probs": PROBS}
        wanted = (
            "or class_probs, of a model that" if strategy == "entropy" else "requires embedding"
        )
        with pytest.raises(ConfigError, match=wanted):
            alframe.select(strategy, 1, ids=IDS, **given)
    with pytest.raises(ConfigError, match=r"with scores$"):
        alframe.select("dedup:most-objects", 1, ids=IDS, embedding=VECTORS)


def test_a_model_of_a_single_class_is_always_sure() -> None:
    for strategy in ("entropy", "margin", "least-confidence"):
        assert alframe.select(strategy, 4, ids=IDS, class_probs=np.ones((4, 1))) == IDS


def test_bfloat16() -> None:
    vectors = torch.from_numpy(VECTORS).bfloat16()
    assert alframe.select("coreset", 1, ids=IDS, embedding=vectors, labelled=["a"]) == ["d"]


def test_probabilities_as_rounded_as_they_are_written() -> None:
    """Thirds of two decimals add up to 0.99, sevenths to 0.98; sixths are 0.17 and not 0.16."""
    for width, value in ((3, 0.33), (7, 0.14)):
        assert alframe.select("entropy", 4, ids=IDS, class_probs=np.full((4, width), value)) == IDS
    with pytest.raises(DataError, match="add up to 1"):
        alframe.select("entropy", 1, ids=IDS, class_probs=np.full((4, 6), 0.16))


def test_opinions_of_which_the_first_found_nothing_with_an_area() -> None:
    """Its probabilities would be of the other kind."""
    one = {"scores": [0.5], "labels": [0]}
    line = [{"boxes": [[0, 0, 0, 4]], "probs": [[0.5, 0.5]], **one}]
    box = [{"boxes": [[0, 0, 4, 4]], "probs": [[0.5, 0.3]], **one}]
    for samples in ([line, box], [box, line]):
        got = alframe.select("mc-dropout", 1, ids=["a"], samples=samples, classes=["x", "y"])
        assert got == ["a"]


def test_tensors_of_a_graph_as_a_list_or_as_one() -> None:
    vectors = torch.from_numpy(VECTORS).requires_grad_()
    for given in (vectors, list(vectors), list(vectors.bfloat16())):
        assert alframe.select("coreset", 1, ids=IDS, embedding=given, labelled=["a"]) == ["d"]


def as_attributes(one: Found) -> SimpleNamespace:
    return SimpleNamespace(**vars(one))


@pytest.mark.parametrize("made", [as_attributes, as_torchvision])
def test_what_detectors_give(made: Any, caplog: pytest.LogCaptureFixture) -> None:
    detections = [made(each) for each in (found(0.9), found(0.5, 0.3), found(), found(0.6))]
    with caplog.at_level(logging.WARNING):
        chosen = alframe.select("entropy", budget=3, ids=IDS, detections=detections)
    assert chosen == ["d", "b", "a"]
    assert caplog.text.count("binary entropy") == 1
    options = {"name": "power:entropy", "of": {"aggregate": "sum"}}
    assert set(alframe.select(options, 2, ids=IDS, detections=detections)) <= set(IDS)
    with pytest.raises(DataError, match="one score a box"):
        alframe.select("entropy", 3, ids=IDS, detections=detections, strict=True)


def test_probabilities_of_classes_and_their_order() -> None:
    sure = {"boxes": [[0, 0, 1, 1]], "scores": [0.5], "labels": [0], "probs": [[0.5, 0.5, 0.0]]}
    spread = sure | {"probs": [[0.4, 0.3, 0.3]]}
    chosen = alframe.select("entropy", 1, ids=["a", "b"], detections=[sure, spread], strict=True)
    assert chosen == ["b"]


def test_what_was_found_on_changed_images() -> None:
    changed = [found(0.9), found(0.9), found(0.2), found(0.9)]
    chosen = alframe.select("cald", 1, ids=IDS, detections=[found(0.9)] * 4, augmented=[changed])
    assert chosen == ["c"]


def probable(*probs: float) -> dict[str, Any]:
    return {"boxes": [[0, 0, 4, 4]], "scores": [max(probs)], "labels": [0], "probs": [probs]}


@pytest.mark.parametrize("strategy", ["margin", "entropy", "least-confidence"])
def test_probabilities_in_half_precision_are_of_the_same_classes(strategy: str) -> None:
    """80 classes and background, whose sum bfloat16 rounds to something near 1."""
    rng = torch.Generator().manual_seed(0)
    exact = [torch.randn(9, 81, generator=rng).mul(3).softmax(1) for _ in range(40)]
    ids = [f"{n:02}" for n in range(40)]

    def chosen(kind: torch.dtype) -> set[str]:
        rows = [
            {"boxes": torch.eye(9)[:, :4] + torch.tensor([0, 0, 2, 2]) + n, "probs": p.to(kind),
             "scores": p[:, :80].amax(1), "labels": p[:, :80].argmax(1)}
            for n, p in enumerate(exact)
        ]  # fmt: skip
        return set(alframe.select(strategy, 10, ids=ids, detections=rows))

    whole = chosen(torch.float32)
    for kind in (torch.float16, torch.bfloat16):
        assert len(whole & chosen(kind)) >= 9


def test_scores_near_0_may_come_in_any_order() -> None:
    """Of thousands of images, and smaller than what 1 - score keeps."""
    small = {"boxes": [[0, 0, 9, 9], [5, 5, 30, 30], [9, 9, 20, 20]], "labels": [0, 1, 0]}
    rows = [
        {**small, "scores": [s, 2 * s, 0.5], "probs": [[s, 0], [0, 2 * s], [0.5, 0]]}
        for s in [1e-17, 1e-13, 1e-11] * 700
    ]
    ids = [f"{n:04}" for n in range(len(rows))]
    assert len(alframe.select("divproto", 5, ids=ids, detections=rows,
                              object_features=[np.eye(3)] * len(rows))) == 5  # fmt: skip
    assert len(alframe.select("entropy", 5, ids=ids, detections=rows)) == 5


def test_targets_of_images_that_are_not_labelled_are_out_of_reach() -> None:
    class Peeks:
        requires = frozenset[str]()

        def select(self, query: Query) -> Selection:
            assert (list(query.targets), query.labelled) == (["b"], ("b",))
            return Selection(query.unlabelled[: query.budget])

    known = dict.fromkeys(IDS, Target.of(None, [0]))
    assert alframe.select(Peeks(), 1, ids=IDS, labelled=["b"], targets=known) == ["a"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    given = {"ids": IDS, "embedding": VECTORS[:3], "labelled": ["z"], "seed": -1}
    with pytest.raises(AlframeError) as told:
        alframe.select("coreste", 0, **given)
    starts = ("budget: ", "seed: ", "unknown strategy 'coreste'", "embedding: ", "labelled: ")
    assert len(told.value.problems) == len(starts)
    assert all(map(str.startswith, told.value.problems, starts))
    wrong = [NUMBERS | {"scores": [2.0], "labels": [0.5]}, None, NUMBERS, NUMBERS | {"scores": [2]}]
    with pytest.raises(DataError) as told:
        alframe.select("entropy", 1, ids=IDS, detections=wrong, object_features=[[1, 2]] * 4)
    assert [problem.split("; ")[0] for problem in told.value.problems] == [
        "object_features of a: expected rows of numbers, got shape [2]",
        "detections of a: labels: expected whole numbers, got [0.5]",
        "detections of b: expected one of xyxy, confidence, class_id",
        "detections of d: scores: expected numbers of 0..1",
    ]


def test_a_mapping_may_have_a_class() -> None:
    given = {"ids": IDS, "embedding": VECTORS}
    assert alframe.select({"name": CoreSet}, 2, **given) == alframe.select("coreset", 2, **given)


def test_a_member_that_has_found_nothing_is_compared_with_the_others() -> None:
    members = [[probable(0.5, 0.25, 0.25)] + [found()] * 3, [found()] * 4]
    assert alframe.select("mc-dropout", 1, ids=IDS, samples=members, detections=members[0]) == ["a"]


def test_images_with_probabilities_of_other_numbers_of_classes() -> None:
    given = [probable(0.5, 0.5), probable(0.5, 0.25, 0.25)]
    with pytest.raises(DataError, match="as many classes for every image"):
        alframe.select("entropy", 1, ids=["a", "b"], detections=given)


def test_strict_looks_at_every_member() -> None:
    members = [[probable(0.5, 0.3)] * 4, [found(0.5)] * 4]
    given = {"ids": IDS, "samples": members, "detections": members[0], "classes": ["cat", "dog"]}
    assert len(alframe.select("mc-dropout", 1, **given)) == 1
    with pytest.raises(DataError, match=r"samples\[1\] holds one score a box"):
        alframe.select("mc-dropout", 1, **given, strict=True)


def test_what_was_tolerated_is_told_once_of_each_member(caplog: pytest.LogCaptureFixture) -> None:
    twice = found(0.5, 0.5)
    twice.xyxy = np.array([[0, 0, 4, 4]] * 2)
    given = {"samples": [[found(0.5)] * 4, [twice] * 4], "detections": [found(0.5)] * 4}
    alframe.select("mc-dropout", 4, ids=IDS, **given)
    assert "samples[1]: 4 boxes are there twice, taken once" in caplog.text
    assert "no more than" not in caplog.text
    given = {"detections": [found(0.5)] * 4, "augmented": [[found(0.5)] * 4, [twice] * 4]}
    alframe.select("cald", 4, ids=IDS, **given)
    assert "augmented[1]: 4 boxes are there twice, taken once" in caplog.text
    caplog.clear()
    ids = [f"{n:04d}" for n in range(1100)]
    alframe.select("entropy", 1, ids=ids, detections=[found(0.5)] * len(ids))
    assert caplog.text.count("detections holds one score a box") == 1


class Looks:
    """Keeps what a query has."""

    def __init__(self, *names: str) -> None:
        self.requires = frozenset(names)

    def select(self, query: Query) -> Selection:
        self.query = query
        self.batches = list(query.learner.signals(query.unlabelled, self.requires))
        return Selection(query.unlabelled[: query.budget])


def test_classes_keep_their_order_and_background_is_the_last() -> None:
    for probs in ((0.75, 0.25), (0.5, 0.25, 0.25)):
        looks = Looks(alframe.DETECTIONS)
        given = {"detections": [probable(*probs)], "classes": ["dog", "cat"]}
        alframe.select(looks, 1, ids=["a"], **given)
        assert looks.query.classes == ("dog", "cat")
        assert looks.batches[0][alframe.DETECTIONS].probs.tolist() == [[[*probs, 0.0][:3]]]


def test_images_with_fewer_boxes_are_padded_with_zeros() -> None:
    looks = Looks(alframe.DETECTIONS)
    alframe.select(looks, 1, ids=["a", "b"], detections=[found(0.9), found(0.3, 0.5)])
    batch = looks.batches[0][alframe.DETECTIONS]
    assert batch.valid.tolist() == [[True, False], [True, True]]
    torch.testing.assert_close(batch.scores, torch.tensor([[0.9, 0.0], [0.5, 0.3]]))
    assert batch.boxes[0, 1].tolist() == [0, 0, 0, 0]


def test_probabilities_of_many_classes_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from alframe.selecting import stored_signals

    monkeypatch.setattr(stored_signals, "NUMBERS", 7)
    looks = Looks(alframe.DETECTIONS)
    alframe.select(looks, 1, ids=IDS, detections=[probable(0.5, 0.25, 0.25)] * 4)
    assert [len(batch.ids) for batch in looks.batches] == [2, 2]
    looks = Looks(alframe.CLASS_PROBS)
    alframe.select(looks, 1, ids=IDS, class_probs=np.stack([PROBS, PROBS]))
    assert [len(batch.ids) for batch in looks.batches] == [1] * 4, "6 numbers an image"


def test_features_of_boxes_are_nothing_without_the_boxes() -> None:
    with pytest.raises(ConfigError, match="the strategy requires box_features"):
        alframe.select(Looks(alframe.BOX_FEATURES), 1, ids=["a"], object_features=[[[1.0]]])


def test_features_of_boxes_follow_the_order_of_scores() -> None:
    """The second box of each image is the surer one; its feature tells the images apart."""

    class Reads:
        requires = frozenset({alframe.DETECTIONS, alframe.BOX_FEATURES})

        def select(self, query: Query) -> Selection:
            for batch in query.learner.signals(query.unlabelled, self.requires):
                for row, item in enumerate(batch.ids):
                    self.seen[item] = batch[alframe.BOX_FEATURES][row].flatten().tolist()
            return Selection(query.unlabelled[: query.budget])

        seen: ClassVar[dict[str, list[float]]] = {}

    one = found(0.3, 0.8)
    features = [[[1.0], [2.0]], [[3.0]]]
    given = {"detections": [one, found(0.5)], "object_features": features}
    assert alframe.select(Reads(), 1, ids=["x", "y"], **given) == ["x"]
    assert Reads.seen == {"x": [2.0, 1.0], "y": [3.0, 0.0]}


def test_an_image_without_boxes_has_no_features() -> None:
    looks = Looks(alframe.DETECTIONS, alframe.BOX_FEATURES)
    given = {"detections": [found(0.5), found(), found(0.4)]}
    alframe.select(looks, 1, ids=["a", "b", "c"], **given, object_features=[[[1.0]], [], [[3.0]]])
    assert looks.batches[0][alframe.BOX_FEATURES].tolist() == [[[1.0]], [[0.0]], [[3.0]]]


def test_features_of_boxes_are_found_in_whatever_order_they_are_stored() -> None:
    index, features = np.array([1, 0, 1]), np.array([[1.0], [2.0], [3.0]])
    stored = StoredVectors(Vectors(("a", "b"), None, features, index, "e.npz"))
    places, valid = np.array([[0, 0], [0, 1]], np.int32), np.array([[True, False], [True, True]])
    assert stored.objects(["a", "b"], places, valid).tolist() == [[[2], [0]], [[1], [3]]]


def test_places_are_those_among_the_boxes_of_an_image_however_they_are_mixed() -> None:
    """Those of b are the first, third and fourth of the file, of scores 0.5, 0.7 and 0.8."""
    columns = ObjectColumns(
        np.array([1, 0, 1, 1], np.int32),
        np.zeros(4, np.int32),
        np.array([[0, 0, 4, 4 + n] for n in range(4)], np.float64),
        np.array([0.5, 0.9, 0.7, 0.8]),
        np.zeros((4, 0)),
    )
    places, valid = StoredDetections(["a", "b"], ["cat"], columns, "x").places(["a", "b"])
    assert valid.tolist() == [[True, False, False], [True, True, True]]
    assert places.tolist() == [[0, 0, 0], [2, 1, 0]]


@pytest.mark.parametrize(
    ("given", "kept"), [("f2", "f2"), ("f4", "f4"), ("f8", "f4"), ("i4", "f4"), ("?", "f4")]
)
def test_embeddings_of_half_precision_are_not_made_longer(given: str, kept: str) -> None:
    stored = StoredVectors(Vectors(("a",), np.ones((1, 2), given), None, None, "e.npz"))
    assert stored.images(["a"]).dtype == np.dtype(kept)


def test_an_image_without_features_does_not_take_those_of_another() -> None:
    stored = StoredVectors(
        Vectors(("a",), None, np.array([[1.0], [2.0]]), np.array([0, 0]), "e.npz")
    )
    stored.check_objects(["a", "z"], [2, 0])
    with pytest.raises(DataError, match=r"not so for 1 image: z \(0 of 2\)"):
        stored.check_objects(["a", "z"], [2, 2])
    stored = StoredVectors(Vectors((), None, np.zeros((0, 1)), np.zeros(0, np.int64), "e.npz"))
    stored.check_objects(["a"], [0])
    with pytest.raises(DataError, match=r"not so for 1 image: a \(0 of 2\)"):
        stored.check_objects(["a"], [2])


def test_draws_follow_the_seed() -> None:
    ids = [f"{n:03d}" for n in range(100)]
    first = alframe.select("random", 5, ids=ids, seed=1)
    assert first == alframe.select("random", 5, ids=ids, seed=1)
    assert first != alframe.select("random", 5, ids=ids, seed=2)
    assert not {*first} & {*alframe.select("random", 95, ids=ids, labelled=first)}


@pytest.mark.parametrize(
    ("corners", "right"),
    [
        ([0.0, 0.25, 1.0, 1.0], False),
        ([-0.4, 0.25, 1.4, 1.0], False),
        ([0.0, 0.25, 1.6, 1.0], True),
        ([-0.6, 0.25, 1.0, 1.0], True),
        ([0.0, 0.0, 1.0, 1.0], True),
    ],
)
def test_boxes_that_are_shares_of_images_are_refused(corners: list[float], right: bool) -> None:
    """Shares may reach a little over the edge; whole numbers are of images of a pixel."""
    boxes = {"boxes": [corners], "scores": [0.5], "labels": [0]}
    ids = [f"{n:02d}" for n in range(10)]
    assert len(alframe.select("most-objects", 1, ids=ids[:9], detections=[boxes] * 9)) == 1
    if right:
        assert len(alframe.select("most-objects", 1, ids=ids, detections=[boxes] * 10)) == 1
    else:
        with pytest.raises(DataError, match="boxes all reach from 0 to about 1, as shares"):
            alframe.select("most-objects", 1, ids=ids, detections=[boxes] * 10)


def test_targets_of_labelled_images() -> None:
    detections = [found(0.9), found(0.5), found(0.4), found(0.6, label=1)]
    given = {"ids": IDS, "detections": detections, "object_features": [[[1.0]]] * 4}
    targets = {"a": Target.of([[0, 0, 4, 4]], [0])}
    assert len(alframe.select("ppal", 2, **given, labelled=["a"], targets=targets)) == 2
    with pytest.raises(DataError, match="of a that is not known"):
        alframe.select("ppal", 2, **given, labelled=["a"])


NUMBERS = {"boxes": [[0, 0, 1, 1]], "scores": [0.5], "labels": [0]}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "lengths": ({"embedding": VECTORS[:2]}, "embedding: expected 4 of them, one for each.* got 2"),
    "more": ({"embedding": np.zeros((5, 2))}, "expected 4 of them, one for each id, got 5"),
    "twice": ({"ids": ["a", "a"], "embedding": VECTORS[:2]}, "'a' is there twice"),
    "no texts": ({"ids": [1, 2]}, "expected a list of texts"),
    "one text": ({"ids": "abcd"}, "ids: expected a list, got 'abcd'"),
    "nobody": ({"embedding": VECTORS, "labelled": None}, "labelled: expected a list"),
    "no lists": ({"embedding": VECTORS, "samples": (1, 2)}, r"samples\[0\]: expected a list"),
    "a number": ({"embedding": 5}, "embedding: expected an array, a row for each id, got 5"),
    "one detection": ({"detections": NUMBERS}, "detections: expected a list, got {'boxes'"),
    "one feature": (
        {"detections": [NUMBERS] * 4, "object_features": 3},
        "object_features: expected a list, got 3",
    ),
    "mixed": ({"embedding": VECTORS, "labelled": [3, "a"]}, "labelled: .* texts, got 3"),
    "numbered": ({"detections": [NUMBERS] * 4, "classes": [1]}, "classes: .* texts, got 1"),
    "no targets": ({"embedding": VECTORS, "targets": {"a": 3}}, "targets: expected a mapping"),
    "one opinion": ({"samples": [[{}] * 4]}, "samples: expected two opinions at least, got 1"),
    "three": ({"detections": [NUMBERS | {"boxes": [[0, 0, 5]]}] * 4}, "rows of four numbers, got"),
    "endless": (
        {"detections": [NUMBERS | {"boxes": [[0, 0, 5, np.nan]]}] * 4}, "boxes: expected finite"
    ),
    "huge class": ({"detections": [NUMBERS | {"labels": [2**40]}] * 4}, "expected whole numbers"),
    "nan class": ({"detections": [NUMBERS | {"labels": [np.nan]}] * 4}, "expected whole numbers"),
    "labelled": ({"embedding": VECTORS, "labelled": "ab"}, "labelled: expected a list, got 'ab'"),
    "ragged": ({"embedding": [[1], [1, 2], [3], [4]]}, "embedding: expected rows of one length"),
    "words": ({"embedding": [["a"]] * 4}, "embedding: expected numbers, got <U1"),
    "seed": ({"embedding": VECTORS, "seed": -1}, "seed: expected a whole number from 0 on, got -1"),
    "budget": ({"embedding": VECTORS, "budget": 1.5}, "budget: expected a whole number from 1 on"),
    "strategy": ({"embedding": VECTORS, "strategy": 3}, "an object with requires and select, got"),
    "half a class": (
        {"detections": [NUMBERS | {"labels": [0.5]}] * 4}, "expected whole numbers, got .0.5."
    ),
    "names": ({"detections": [NUMBERS | {"labels": ["cat"]}] * 4}, "expected numbers, got <U3"),
    "flat probs": ({"detections": [NUMBERS | {"probs": [1.0]}] * 4}, "rows of numbers, got shape"),
    "nan probs": (
        {"detections": [NUMBERS | {"probs": [[np.nan]]}] * 4}, r"probs: expected numbers of 0\.\.1"
    ),
    "classes": ({"detections": [NUMBERS] * 4, "classes": ["a", "a"]}, "'a' is there twice"),
    "no classes": ({"detections": [NUMBERS] * 4, "classes": ()}, "classes: expected names, got no"),
    "a set": ({"ids": set(IDS), "embedding": VECTORS}, "ids: expected a list, whose order"),
    "no ids": ({"ids": []}, "ids: expected one or more, got none"),
    "across": (
        {"detections": [NUMBERS | {"boxes": np.ones((4, 2))}] * 4}, r"got shape \[4, 2\]"
    ),
    "a target's class": (
        {"embedding": VECTORS, "classes": ["x"], "targets": {"a": Target.of(None, [1])}},
        "targets of a: classes: expected numbers from 0 to 0, got 1 to 1",
    ),
    "masked": (
        {"embedding": np.ma.masked_equal(VECTORS, 5)}, "embedding: values are masked: expected a n"
    ),
    "masked in part": (
        {"embedding": list(np.ma.masked_equal(VECTORS, 5))}, "embedding: values are masked: expec"
    ),
    "sparse": (
        {"embedding": torch.eye(4).to_sparse()}, "embedding: expected numbers that can be read"
    ),
    "no name": ({"embedding": VECTORS, "strategy": {"k": 3}}, 'expected {"name": NAME, ...}, got'),
    "large": ({"embedding": np.array([[0], [1], [1e19], [2]])}, r"than 1e\+15, not so of c"),
    "nan vector": ({"embedding": np.array([[0], [1], [2], [np.nan]])}, r"than 1e\+15, not so of d"),
    "a feature": (
        {
            "strategy": "ppal",
            "detections": [NUMBERS] * 4,
            "object_features": [[[0.5]], [[1]], [[np.inf]], [[2]]],
        },
        r"object_features: expected numbers that are finite and smaller than 1e\+15, not so of c",
    ),
    "features": ({"object_features": [[1, 2]] * 4}, "of a: expected rows of numbers, got shape"),
    "foreign": ({"embedding": VECTORS, "labelled": ["z"]}, "1 are not among ids, such as 'z'"),
    "flat": ({"embedding": VECTORS[:, 0]}, r"embedding: expected \[4, d\]"),
    "nothing": ({}, "the strategy requires embedding; give embedding: an array"),
    "unknown kind": ({"detections": [7] * 4}, "detections of a, b, c, d: expected one of xyxy"),
    "no labels": (
        {"detections": [{"boxes": [], "scores": []}] * 4}, "detections of a, b, c, d: no labels: e"
    ),
    "uneven": (
        {"detections": [NUMBERS | {"scores": [0.5, 0.4]}] * 4}, "got 1 boxes, 2 scores, 1 labels"
    ),
    "class": (
        {"detections": [NUMBERS | {"labels": [1]}] * 4, "classes": ["x"]}, "from 0 to 0, got 1"
    ),
    "negative class": (
        {"detections": [*[NUMBERS] * 3, NUMBERS | {"labels": [-1]}]},
        "detections of d: classes: expected numbers from 0 to .*, got -1 to -1",
    ),
    "features of two lengths": (
        {"detections": [NUMBERS] * 4, "object_features": [[[1, 2]], [[1]], [[1]], [[1]]]},
        "object_features: expected vectors of one length",
    ),
    "score": ({"detections": [NUMBERS | {"scores": [1.5]}] * 4}, r"expected numbers of 0\.\.1"),
    "below 0": ({"detections": [NUMBERS | {"scores": [-0.5]}] * 4}, r"expected numbers of 0\.\.1"),
    "nan": ({"detections": [NUMBERS | {"scores": [np.nan]}] * 4}, r"expected numbers of 0\.\.1"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_said(what: str) -> None:
    given, message = WRONG[what]
    with pytest.raises((ConfigError, DataError), match=message):
        alframe.select(**({"strategy": "coreset", "budget": 1, "ids": IDS} | given))


def test_a_choice_by_name_alone_is_told(caplog: pytest.LogCaptureFixture) -> None:
    alike = {"ids": IDS, "detections": [NUMBERS] * 4}
    assert alframe.select("entropy", 2, **alike) == ["a", "b"]
    assert "4 images have one score" in caplog.text
    caplog.clear()
    offset = 1e9 + VECTORS.astype(np.float64)  # of which float32 keeps no difference
    assert alframe.select("coreset", 2, ids=IDS, embedding=offset) == ["a", "b"]
    assert "the features of all 4 images are equal" in caplog.text
    caplog.clear()
    alframe.select("coreset", 2, ids=IDS, embedding=VECTORS)
    alframe.select("coreset", 1, ids=["a"], embedding=VECTORS[:1])
    assert not caplog.text


def test_a_class_of_a_target_alone_is_one() -> None:
    given = {"ids": IDS, "detections": [NUMBERS] * 4, "object_features": [[[1.0]]] * 4}
    targets = {"a": Target.of([[0, 0, 4, 4]], [7])}
    assert len(alframe.select("ppal", 2, **given, labelled=["a"], targets=targets)) == 2


def test_numbers_of_numpy_and_generators_will_do() -> None:
    detections = (NUMBERS for _ in IDS)
    found = alframe.select(
        "entropy", np.int64(2), ids=iter(IDS), detections=detections, seed=np.int32(3)
    )
    assert len(found) == 2


def test_everything_labelled_or_no_budget() -> None:
    with pytest.raises(DataError, match="no image to choose from: 4 images, 4 of them labelled"):
        alframe.select("coreset", 1, ids=IDS, embedding=VECTORS, labelled=IDS)
    with pytest.raises(ConfigError, match="budget: expected a whole number from 1 on"):
        alframe.select("coreset", 0, ids=IDS, embedding=VECTORS)


def test_a_memory_map_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alframe.selecting import vectors

    path, count = tmp_path / "e.npz", 5000
    image = np.random.default_rng(0).standard_normal((count, 8)).astype(np.float16)
    np.savez(path, ids=np.array([f"{n:05d}" for n in range(count)]), image=image)
    read = vectors.read_vectors(path)
    assert isinstance(read.image, np.memmap)
    np.testing.assert_array_equal(read.image, image)
    np.savez_compressed(tmp_path / "z.npz", ids=np.array(read.ids), image=image)
    np.testing.assert_array_equal(vectors.read_vectors(tmp_path / "z.npz").image, image)
    taken: list[int] = []
    images = vectors.StoredVectors.images
    monkeypatch.setattr(
        vectors.StoredVectors, "images", lambda s, ids: taken.append(len(ids)) or images(s, ids)
    )
    alframe.select("coreset", 2, ids=list(read.ids), embedding=read.image)
    assert sum(taken) == count
    assert max(taken) <= 1024


@pytest.mark.parametrize(
    "strategy",
    [
        "badge",
        "balanced-random",
        "cald",
        "class-balanced:entropy",
        "divproto",
        "entropy",
        "most-objects",
        "ofds",
        "ppal",
    ],
)
def test_a_model_that_finds_nothing_on_any_image(strategy: str) -> None:
    features = [np.zeros((0, 3))] * 4
    given: dict[str, Any] = {"detections": [found()] * 4, "augmented": [[found()] * 4]}
    given |= {"embedding": VECTORS, "object_features": features}
    for count in (2, 4):
        assert len(alframe.select(strategy, count, ids=IDS, **given)) == count


def test_a_budget_and_a_seed_that_cannot_be_are_told_together() -> None:
    with pytest.raises(ConfigError) as raised:
        alframe.select("coreset", 0, ids=["a"], embedding=np.ones((1, 2)), seed=-1)
    assert [text.partition(":")[0] for text in raised.value.problems] == ["budget", "seed"]
