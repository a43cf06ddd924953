"""Average precision: cases worked by hand, a slow reference, and pycocotools itself."""

import contextlib
import io
import json
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from alframe.datasets.base import LabelledSet, Target
from alframe.detectors.evaluation import detection_metrics, metrics
from alframe.detectors.evaluation_coco import TWELVE, coco_ap
from alframe.detectors.evaluation_results import DetectionResults, mean_of_known, tabulate
from alframe.detectors.evaluation_voc import judge, precision_recall, voc_ap
from alframe.detectors.precision_recall import curves_png
from alframe.errors import DataError, TrainingError
from alframe.signals import DETECTIONS, Detections, SignalBatch
from tests.fakes import FakeImages

BOX = [0, 0, 100, 100]
FAR = [500, 500, 600, 600]


def collect(**found):
    """``collect(a=[(box, score, label), ...])``."""
    results = DetectionResults()
    for item, rows in found.items():
        results.add(item, [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])
    return results


def scene(rng, images, per_image, classes, *, flags=True, grid=None):
    """Detections and annotations that look like a detector's on photographs."""
    results, targets = DetectionResults(), {}
    for rank in range(images):
        m = int(rng.poisson(2.4))
        corner, side = rng.uniform(0, 300, (m, 2)), rng.uniform(8, 180, (m, 2))
        boxes = np.hstack([corner, corner + side])
        labels = rng.integers(classes, size=m)
        difficult, crowd = rng.random((2, m)) < (0.15 if flags else 0)
        area = side.prod(axis=1) * rng.uniform(0.5, 1, m)
        targets[f"im/{rank:05d}"] = Target.of(boxes, labels, difficult, crowd, area)

        corner, side = rng.uniform(0, 300, (per_image, 2)), rng.uniform(8, 180, (per_image, 2))
        found, guess = np.hstack([corner, corner + side]), rng.integers(classes, size=per_image)
        near = np.flatnonzero(rng.random(per_image) < 0.5) if m else np.empty(0, int)
        source = rng.integers(m, size=len(near)) if m else near
        found[near] = boxes[source] + rng.normal(0, 8, (len(near), 4))
        found[near, 2:] = np.maximum(found[near, 2:], found[near, :2] + 1)
        guess[near] = np.where(rng.random(len(near)) < 0.8, labels[source], guess[near])
        scores = rng.random(per_image)
        results.add(f"im/{rank:05d}", found, np.round(scores, grid) if grid else scores, guess)
    return results, targets


def slow_verdicts(results, targets, iou=0.5):
    """VOCevaldet.m, line by line; {(image, row): verdict} and the score order of each class."""
    rows = [
        (i, r, float(s), int(y))
        for i in sorted(targets)
        if i in results
        for r, (s, y) in enumerate(zip(results[i].scores, results[i].labels, strict=True))
    ]
    rows.sort(key=lambda row: -row[2])
    verdicts, taken, order = {}, set(), {}
    for i, r, _, y in rows:
        target, box = targets[i], results[i].boxes[r].astype(float).tolist()
        best, crowd, which = -math.inf, -math.inf, -1
        for g in np.flatnonzero(target.labels == y).tolist():
            other = target.boxes[g].astype(float).tolist()
            w = min(box[2], other[2]) - max(box[0], other[0])
            h = min(box[3], other[3]) - max(box[1], other[1])
            inter = max(w, 0) * max(h, 0)
            own = (box[2] - box[0]) * (box[3] - box[1])
            if target.crowd[g]:
                crowd = max(crowd, inter / own)
                continue
            its = (other[2] - other[0]) * (other[3] - other[1])
            if inter / (own + its - inter) > best:
                best, which = inter / (own + its - inter), g
        if best >= iou:
            verdict = -1 if target.difficult[which] else int((i, which) not in taken)
            taken.add((i, which))
        else:
            verdict = -1 if crowd >= iou else 0
        verdicts[i, r] = verdict
        order.setdefault(y, []).append(verdict)
    return verdicts, order


def slow_voc(results, targets, classes):
    """Area and 11-point AP of each class from :func:`slow_verdicts`, as the kit computes them."""
    _, order = slow_verdicts(results, targets)
    out = np.full((2, classes), np.nan)
    for c in range(classes):
        total = sum(int(((t.labels == c) & t.trainable()).sum()) for t in targets.values())
        if not total:
            continue
        hits = [v for v in order.get(c, []) if v != -1]
        found = np.cumsum(hits)
        precision = found / np.arange(1, len(hits) + 1)
        recalls, curve = [0.0, *(found / total), 1.0], [0.0, *precision, 0.0]
        for j in range(len(curve) - 2, -1, -1):
            curve[j] = max(curve[j], curve[j + 1])
        out[0, c] = sum((recalls[j] - recalls[j - 1]) * curve[j] for j in range(1, len(curve)))
        out[1, c] = np.mean(
            [max(precision[10 * found >= k * total], default=0.0) for k in range(11)]
        )
    return out


def coco_by_files(results, targets, classes, folder):
    """pycocotools as its users run it: two JSON files and ``summarize``."""
    ids = sorted(targets)
    xywh = lambda b: [float(v) for v in (*b[:2], *(b[2:] - b[:2]))]  # noqa: E731
    objects = [
        {"image_id": n, "category_id": int(y), "bbox": xywh(b.astype(float)), "area": float(a),
         "iscrowd": int(c)}
        for n, i in enumerate(ids)
        for b, y, a, c in zip(
            targets[i].boxes, targets[i].labels, targets[i].area, targets[i].crowd, strict=True
        )
    ]  # fmt: skip
    found = [
        {"image_id": n, "category_id": int(y), "bbox": xywh(b.astype(float)), "score": float(s)}
        for n, i in enumerate(ids)
        for b, s, y in zip(*results[i], strict=True)
    ]
    (folder / "gt.json").write_text(
        json.dumps(
            {
                "images": [{"id": n} for n in range(len(ids))],
                "categories": [{"id": c} for c in range(classes)],
                "annotations": [o | {"id": n + 1} for n, o in enumerate(objects)],
            }
        )
    )
    (folder / "dt.json").write_text(json.dumps(found))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "gt.json"))
        evaluator = COCOeval(truth, truth.loadRes(str(folder / "dt.json")), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return np.where(evaluator.stats < 0, np.nan, evaluator.stats)


class TestVocByHand:
    def test_three_detections_two_objects(self):
        # By score: hit, miss, hit. Precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1.
        targets = {"a": Target.of([BOX, FAR], [0, 0])}
        found = collect(a=[(BOX, 0.9, 0), ([200, 0, 300, 100], 0.8, 0), (FAR, 0.7, 0)])
        result = voc_ap(found, targets, 1)
        assert result.area[0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
        # Recalls 0 .. 0.5 see precision 1 (six points), 0.6 .. 1 see 2/3 (five points).
        assert result.eleven_point[0] == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)

    def test_recall_of_three_tenths_counts_at_three_tenths(self):
        boxes = [[100 * n, 0, 100 * n + 50, 50] for n in range(10)]
        found = collect(a=[(box, 0.5, 0) for box in boxes[:3]])
        result = voc_ap(found, {"a": Target.of(boxes, [0] * 10)}, 1)
        assert result.area[0] == pytest.approx(0.3)
        assert result.eleven_point[0] == pytest.approx(4 / 11)

    def test_overlap_of_exactly_one_half_matches(self):
        targets = {"a": Target.of([BOX], [0])}
        half = collect(a=[([0, 0, 100, 50], 0.9, 0)])
        assert voc_ap(half, targets, 1).area[0] == 1
        assert coco_ap(half, targets, 1)["AP50"] == pytest.approx(1)
        assert voc_ap(collect(a=[([0, 0, 100, 49.9], 0.9, 0)]), targets, 1).area[0] == 0

    def test_duplicate_is_a_false_positive(self):
        # hit, duplicate, hit: the same curve as hit, miss, hit.
        targets = {"a": Target.of([BOX, FAR], [0, 0])}
        found = collect(a=[(FAR, 0.7, 0), (BOX, 0.8, 0), (BOX, 0.9, 0)])
        assert voc_ap(found, targets, 1).area[0] == pytest.approx(0.5 + 0.5 * 2 / 3)

    def test_detection_is_not_passed_on_to_its_second_best_object(self):
        # Both detections overlap the first object most, so the second object stays unfound,
        # although the weaker detection overlaps it by 80/120. COCO would pass it on.
        targets = {"a": Target.of([BOX, [20, 0, 120, 100]], [0, 0])}
        found = collect(a=[(BOX, 0.9, 0), ([2, 0, 102, 100], 0.8, 0)])
        assert voc_ap(found, targets, 1).area[0] == pytest.approx(0.5)
        assert coco_ap(found, targets, 1)["AP50"] == pytest.approx(1.0)

    def test_difficult_object_swallows_its_detections(self):
        target = Target.of([BOX, FAR], [0, 0], difficult=[False, True])
        found = collect(a=[(FAR, 0.9, 0), (FAR, 0.8, 0), (BOX, 0.7, 0)])
        result = voc_ap(found, {"a": target}, 1)
        assert result.area[0] == 1

    def test_crowd_swallows_what_lies_inside_and_nothing_that_matches_an_object(self):
        target = Target.of([[0, 0, 400, 400], BOX], [0, 0], crowd=[True, False])
        found = collect(a=[([300, 300, 340, 340], 0.9, 0), (BOX, 0.8, 0), (FAR, 0.7, 0)])
        result = voc_ap(found, {"a": target}, 1)
        assert result.area[0] == 1

    def test_half_of_a_detection_in_a_crowd_is_enough(self):
        target = Target.of([[0, 0, 100, 50], FAR], [0, 0], crowd=[True, False])
        assert voc_ap(collect(a=[(BOX, 0.9, 0), (FAR, 0.8, 0)]), {"a": target}, 1).area[0] == 1

    def test_class_without_objects_is_left_out_of_the_mean(self):
        targets = {"a": Target.of([BOX, FAR], [0, 2], difficult=[False, True])}
        result = voc_ap(collect(a=[(BOX, 0.9, 0), (FAR, 0.8, 1)]), targets, 4)
        np.testing.assert_array_equal(result.area, [1, np.nan, np.nan, np.nan])
        assert mean_of_known(result.area) == mean_of_known(result.eleven_point) == 1

    def test_no_detections_at_all(self):
        result = voc_ap(DetectionResults(), {"a": Target.of([BOX], [0])}, 2)
        np.testing.assert_array_equal(result.area, [0, np.nan])
        np.testing.assert_array_equal(result.eleven_point, [0, np.nan])

    def test_no_objects_at_all(self):
        result = voc_ap(collect(a=[(BOX, 0.9, 0)]), {"a": Target.of([], [])}, 1)
        assert math.isnan(mean_of_known(result.area))
        assert math.isnan(mean_of_known(result.eleven_point))

    def test_equal_scores_go_by_id_whatever_the_order_of_adding(self):
        targets = {"b": Target.of([BOX], [0]), "a": Target.of([], [])}
        found = collect(b=[(BOX, 0.5, 0)], a=[(BOX, 0.5, 0)])
        assert voc_ap(found, targets, 1).area[0] == pytest.approx(0.5)

    def test_object_in_another_image_or_of_another_class_does_not_match(self):
        targets = {"a": Target.of([BOX], [0]), "b": Target.of([BOX], [1])}
        result = voc_ap(collect(a=[(BOX, 0.9, 1)], b=[(BOX, 0.9, 0)]), targets, 2)
        assert result.area.tolist() == [0, 0]

    @pytest.mark.parametrize("objects", range(1, 13))
    def test_recalls_are_compared_exactly_which_numpys_grid_does_not(self, objects):
        """One detection an object, all right: mmdetection's grid may count a recall less."""
        for found in range(objects + 1):
            boxes = [[10 * i, 0, 10 * i + 8, 8] for i in range(objects)]
            targets = {"a": Target.of(boxes, [0] * objects)}
            surest_first = [(boxes[i], 0.9 - 0.01 * i, 0) for i in range(found)]
            ours = voc_ap(collect(a=surest_first), targets, 1).eleven_point[0]
            exactly = sum(10 * found >= k * objects for k in range(11)) if found else 0
            assert ours == pytest.approx(exactly / 11)
            on_grid = sum(found / objects >= np.arange(0.0, 1.1, 0.1)) if found else 0
            on_the_edge = [k for k in (3, 6, 7) if found and 10 * found == k * objects]
            assert exactly - on_grid == len(on_the_edge), (found, objects)

    def test_box_without_area_matches_nothing(self):
        targets = {"a": Target.of([[5, 5, 5, 5]], [0])}
        assert voc_ap(collect(a=[([5, 5, 5, 5], 0.9, 0)]), targets, 1).area[0] == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(0, 12), st.integers(1, 4))
def test_fast_path_judges_as_the_slow_reference(seed, images, per_image, classes):
    rng = np.random.default_rng(seed)
    results, targets = scene(rng, images, per_image, classes, grid=1)
    table, objects = tabulate(results, targets, classes)
    expected, _ = slow_verdicts(results, targets)
    rows = [(i, r) for i in sorted(targets) for r in range(per_image)]
    assert judge(table, objects, classes).tolist() == [expected[row] for row in rows]
    fast, slow = voc_ap(results, targets, classes), slow_voc(results, targets, classes)
    np.testing.assert_allclose(fast.area, slow[0], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(fast.eleven_point, slow[1], rtol=1e-13, atol=1e-15)


class TestCoco:
    @pytest.mark.parametrize(("seed", "grid"), [(0, None), (1, 1), (2, 1)])
    def test_equals_pycocotools_run_on_files(self, tmp_path, seed, grid):
        rng = np.random.default_rng(seed)
        results, targets = scene(rng, 40, 15, 5, grid=grid)
        targets = {  # files cannot say difficult
            i: Target.of(t.boxes, t.labels, None, t.crowd, t.area) for i, t in targets.items()
        }
        stats = coco_by_files(results, targets, 7, tmp_path)
        ours = coco_ap(results, targets, 7)
        np.testing.assert_allclose(list(ours.values()), stats, rtol=1e-12)

    def test_an_object_of_32_x_32_is_small_and_medium(self, tmp_path):
        square = [0, 0, 32, 32]
        found, targets = collect(a=[(square, 0.9, 0)]), {"a": Target.of([square], [0])}
        ours = coco_ap(found, targets, 1)
        assert ours["AP_small"] == ours["AP_medium"] == pytest.approx(1)
        stats = coco_by_files(found, targets, 1, tmp_path)
        np.testing.assert_allclose(list(ours.values()), stats, rtol=1e-12)

    def test_at_most_a_hundred_of_a_class_in_an_image(self, tmp_path):
        results, targets = scene(np.random.default_rng(3), 3, 150, 1, flags=False, grid=2)
        stats = coco_by_files(results, targets, 1, tmp_path)
        ours = coco_ap(results, targets, 1)
        np.testing.assert_allclose(list(ours.values()), stats, rtol=1e-12)

    def test_the_hundred_and_first_counts_no_more(self):
        found = collect(a=[*[(FAR, 0.9, 0)] * 100, (BOX, 0.1, 0)])
        assert coco_ap(found, {"a": Target.of([BOX], [0])}, 1)["AR100"] == 0

    def test_by_hand_one_object_at_overlap_seven_tenths(self):
        # True up to .70 (5 of 10 overlaps), and of medium size by its own area, not its box's.
        found = collect(a=[([0, 0, 100, 72], 0.9, 0)])
        result = coco_ap(found, {"a": Target.of([BOX], [0], area=[5000])}, 2)
        assert result["AP"] == pytest.approx(0.5)
        assert (result["AP50"], result["AP75"]) == (pytest.approx(1), 0)
        assert result["AP_medium"] == pytest.approx(0.5)
        np.testing.assert_equal([result["AP_small"], result["AP_large"]], [math.nan, math.nan])
        assert (result["AR1"], result["AR_medium"]) == (pytest.approx(0.5), pytest.approx(0.5))

    def test_recall_by_hand_of_the_surest_and_the_ten_surest(self):
        # Eleven objects of one class in an image, found in this order; and one in another image.
        boxes = [[100 * n, 0, 100 * n + 50, 50] for n in range(11)]
        found = collect(a=[(box, 0.9 - n / 100, 0) for n, box in enumerate(boxes)])
        targets = {"a": Target.of(boxes, [0] * 11), "b": Target.of([BOX], [0])}
        result = coco_ap(found, targets, 1)
        expected = [pytest.approx(n / 12) for n in (1, 10, 11)]
        assert [result["AR1"], result["AR10"], result["AR100"]] == expected
        assert math.isnan(result["AR_small"])

    def test_difficult_object_swallows_its_detections_but_not_small_ones_inside(self):
        target = Target.of([BOX, FAR], [0, 0], difficult=[False, True])
        twice = [(FAR, 0.9, 0), (FAR, 0.8, 0), (BOX, 0.7, 0)]
        assert coco_ap(collect(a=twice), {"a": target}, 1)["AP50"] == pytest.approx(1)
        inside = [([500, 500, 520, 520], 0.9, 0), (BOX, 0.7, 0)]
        assert coco_ap(collect(a=inside), {"a": target}, 1)["AP50"] == pytest.approx(0.5)

    def test_no_detections_and_no_objects(self):
        assert coco_ap(DetectionResults(), {"a": Target.of([BOX], [0])}, 1)["AP"] == 0
        assert math.isnan(coco_ap(DetectionResults(), {"a": Target.of([], [])}, 1)["AP"])

    def test_prints_nothing(self, capsys):
        coco_ap(collect(a=[(BOX, 0.9, 0)]), {"a": Target.of([BOX], [0])}, 1)
        assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("seed", range(5))
def test_voc_and_coco_agree_where_their_definitions_coincide(seed):
    """Objects that lie apart: the two kinds of matching are the same.

    With 101 objects, recall first reaches 0, .01, ... 1 at the 1st, 2nd, ... 101st true positive:
    COCO's 101 samples are the 101 steps of the curve whose area VOC takes.
    """
    rng = np.random.default_rng(seed)
    results, targets = DetectionResults(), {}
    for item, n in {"a": 50, "b": 51, "c": 7}.items():
        boxes = np.arange(n)[:, None] * [100, 0, 100, 0] + [0, 0, 60, 60]
        found = np.vstack([boxes, boxes[::2]])  # some twice
        found = found + rng.choice([0, 40], (len(found), 1), p=[0.8, 0.2]) * [1, 1, 1, 1]
        results.add(item, found, rng.integers(50, size=len(found)) / 50, np.zeros(len(found)))
        targets[item] = Target.of(boxes, np.zeros(n), difficult=np.full(n, item == "c"))
    voc, coco = voc_ap(results, targets, 1), coco_ap(results, targets, 1)
    assert coco["AP50"] == pytest.approx(voc.area[0], rel=1e-12)
    assert 0.3 < voc.area[0] < 0.9


class TestMetrics:
    targets = {"a": Target.of([BOX, FAR], [0, 1])}  # noqa: RUF012

    def test_ready_for_json(self):
        found = collect(a=[(BOX, 0.9, 0)])
        numbers = metrics(found, self.targets, ["cat", "dog", "emu"], coco=True)
        assert numbers == {
            "mAP50": 0.5,
            "mAP50_11pt": 0.5,
            "mAP": pytest.approx(0.5),
            "AP50": {"cat": 1.0, "dog": 0.0, "emu": None},
            "COCO": {
                **dict.fromkeys(("AP_small", "AP_medium", "AR_small", "AR_medium")),
                **dict.fromkeys(("AP", "AP50", "AP75", "AP_large"), pytest.approx(0.5)),
                **dict.fromkeys(("AR1", "AR10", "AR100", "AR_large"), pytest.approx(0.5)),
            },
        }
        assert next(iter(numbers)) == "mAP50"
        assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers

    def test_coco_only_where_asked_for(self):
        numbers = metrics(collect(), self.targets, ["cat", "dog"], coco=False)
        assert list(numbers) == ["mAP50", "mAP50_11pt", "AP50"]

    def test_nothing_to_find(self):
        numbers = metrics(collect(), {"a": Target.of([], [])}, ["cat"], coco=True)
        none = dict.fromkeys(("mAP50", "mAP50_11pt", "mAP"))
        assert numbers == {**none, "AP50": {"cat": None}, "COCO": dict.fromkeys(TWELVE)}


class TestDetectionResults:
    def test_keeps_copies(self):
        boxes, results = np.zeros((1, 4), np.float32), DetectionResults()
        results.add("a", boxes, [0.5], [0])
        boxes += 1
        assert results["a"].boxes.tolist() == [[0, 0, 0, 0]]
        assert not np.shares_memory(results["a"].boxes, boxes)
        assert (results.ids, "a" in results, "b" in results) == ({"a"}, True, False)

    def test_image_added_twice(self):
        results = collect(a=[])
        with pytest.raises(ValueError, match="'a' were added before"):
            results.add("a", [], [], [])

    def test_lengths(self):
        with pytest.raises(ValueError, match="differ in length"):
            DetectionResults().add("a", [BOX], [0.5], [])

    @pytest.mark.parametrize(
        ("box", "score", "part"),
        [([0, 0, math.nan, 1], 0.5, "boxes"), (BOX, math.inf, "scores")],
    )
    def test_not_finite(self, box, score, part):
        said = f"detections of a are not finite in their {part}: the model has diverged"
        with pytest.raises(TrainingError, match=said):
            collect(a=[(box, score, 0)])

    def test_foreign_image(self):
        with pytest.raises(ValueError, match=r"no target: \['b'\]"):
            voc_ap(collect(b=[]), {"a": Target.of([], [])}, 1)

    def test_unknown_class(self):
        nothing = {"a": Target.of([], [])}
        with pytest.raises(TrainingError, match=r"detections of a have labels outside of 0\.\.0"):
            voc_ap(collect(a=[(BOX, 0.5, 1)]), nothing, 1)
        with pytest.raises(TrainingError, match="detections of a have labels"):
            voc_ap(collect(a=[(BOX, 0.5, -1)]), nothing, 1)
        with pytest.raises(ValueError, match=r"a: a label is not in 0\.\.0"):
            voc_ap(collect(), {"a": Target.of([BOX], [1])}, 1)

    def test_labels_without_boxes(self):
        with pytest.raises(DataError, match="a: expected a box for every label"):
            voc_ap(collect(), {"a": Target.of([], [0])}, 1)


@pytest.mark.slow
def test_size_of_voc2007_test():
    """4,952 images x 100 detections: the targets of specs/speed.md, section 3."""
    results, targets = scene(np.random.default_rng(0), 4952, 100, 20)
    clock = [time.perf_counter()]
    fast = voc_ap(results, targets, 20)
    clock.append(time.perf_counter())
    slow = slow_voc(results, targets, 20)
    clock.append(time.perf_counter())
    coco_ap(results, targets, 20)
    clock.append(time.perf_counter())
    np.testing.assert_allclose(fast.area, slow[0], rtol=1e-12)
    voc, reference, coco = np.diff(clock)
    # Alone on 2 cores: 0.2, 3.2 and 8.3 s. Ratios hold on a busy machine too.
    assert voc < reference / 6
    assert coco < reference * 5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(0, 12))
def test_the_area_under_each_curve_is_its_average_precision(seed, images, per_image):
    results, targets = scene(np.random.default_rng(seed), images, per_image, 3, grid=1)
    for ap, curve in zip(
        voc_ap(results, targets, 4).area, precision_recall(results, targets, 4), strict=True
    ):
        if curve is None:
            assert math.isnan(ap)
            continue
        steps = np.diff(curve[:, 0], prepend=0.0)
        assert (steps * curve[:, 1]).sum() == pytest.approx(ap, abs=1e-12)
        assert (np.diff(curve[:, 1]) <= 0).all()


@pytest.mark.parametrize("classes", [1, 3, 40])
def test_curves_are_drawn_whatever_the_names(classes):
    results, targets = scene(np.random.default_rng(0), 6, 8, classes)
    names = ["$x", "_hidden", "猫" + " and so on" * 20, *map(str, range(classes))][:classes]
    picture = curves_png(results, targets, names)
    assert picture.startswith(b"\x89PNG")
    assert curves_png(DetectionResults(), {"a": Target.of([], [])}, names).startswith(b"\x89PNG")


@pytest.mark.parametrize(("factor", "told"), [(1, False), (3, True), (0.3, False)])
def test_boxes_in_pixels_of_another_size_are_told(factor, told, caplog):
    """As those of an image that was made three times as large for the detector."""
    corners = np.random.default_rng(0).integers(0, 6, (1, 40, 2))
    boxes = torch.from_numpy(np.concatenate([corners, corners + 2], axis=2) * factor).float()
    size = boxes.shape[:2]
    found = Detections(
        boxes=boxes,
        scores=torch.full(size, 0.5),
        labels=torch.zeros(size, dtype=torch.long),
        valid=torch.ones(size, dtype=torch.bool),
        probs=torch.full((*size, 1), 0.5),
        exclusive=False,
    )
    test = LabelledSet(FakeImages(8, 8), ("a",), {"a": Target.of([[0, 0, 2, 2]], [0])})
    setup = SimpleNamespace(classes=("x",), evaluation=SimpleNamespace(coco=False))
    batch = SignalBatch(("a",), {DETECTIONS: found})
    assert detection_metrics(test, [batch], setup)["mAP50"] is not None
    assert ("40 detections lie beside their images" in caplog.text) == told
