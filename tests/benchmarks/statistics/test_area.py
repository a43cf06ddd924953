import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alframe.benchmarks.statistics import Costs
from alframe.benchmarks.statistics.curves import areas, aubc, common_span, heights
from tests.benchmarks.statistics.curves import COSTS, curve

NARROW = curve([0.2, 0.4, 0.5], images=[10, 20, 30], objects=[30, 50, 60])
WIDE = curve([0.2, 0.6, 0.8], "crowded", images=[10, 20, 30], objects=[40, 80, 120])


class TestOneCurve:
    def test_trapezoids_over_images(self) -> None:
        # (.2 + .4) / 2 * 10 + (.4 + .5) / 2 * 10 = 3 + 4.5 over 20 images
        assert aubc(NARROW, "images", COSTS) == pytest.approx(7.5 / 20)

    def test_trapezoids_over_boxes(self) -> None:
        # (.2 + .4) / 2 * 20 + (.4 + .5) / 2 * 10 = 6 + 4.5 over 30 objects
        assert aubc(NARROW, "objects", COSTS) == pytest.approx(10.5 / 30)

    def test_seconds_of_boxes_alone_are_boxes(self) -> None:
        assert aubc(NARROW, "seconds", Costs(image=0, object=7)) == pytest.approx(10.5 / 30)

    def test_a_span_that_starts_and_ends_between_two_cycles(self) -> None:
        # at 15: .3, at 25: .45; (.3 + .4) / 2 * 5 + (.4 + .45) / 2 * 5 = 1.75 + 2.125 over 10
        assert aubc(NARROW, "images", COSTS, (15, 25)) == pytest.approx(3.875 / 10)

    def test_a_span_between_two_neighbours(self) -> None:
        # at 12: .24, at 16: .32, a straight line
        assert aubc(NARROW, "images", COSTS, (12, 16)) == pytest.approx(0.28)

    @pytest.mark.parametrize("span", [(5, 20), (20, 31), (20, 20), (30, 10)])
    def test_a_span_that_is_not_covered_or_empty(self, span) -> None:
        assert aubc(NARROW, "images", COSTS, span) is None

    def test_a_point_has_no_area(self) -> None:
        assert aubc(curve([0.5]), "images", COSTS) is None
        one_budget = curve([0.4, 0.5], images=[10, 20], objects=[7, 7])
        assert aubc(one_budget, "objects", COSTS) is None
        assert aubc(one_budget, "images", COSTS) == pytest.approx(0.45)

    @given(
        height=st.floats(0, 1),
        steps=st.lists(st.integers(1, 50), min_size=2, max_size=8),
        ends=st.tuples(st.floats(0, 0.4), st.floats(0.6, 1)),
    )
    def test_of_a_constant_it_is_the_constant(self, height, steps, ends) -> None:
        images = [sum(steps[: i + 1]) for i in range(len(steps))]
        extent = images[-1] - images[0]
        span = (images[0] + ends[0] * extent, images[0] + ends[1] * extent)
        level = curve([height] * len(images), images=images)
        assert aubc(level, "images", COSTS) == pytest.approx(height)
        assert aubc(level, "images", COSTS, span) == pytest.approx(height)

    @given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
    def test_it_lies_between_the_lowest_and_the_highest_value(self, values) -> None:
        found = aubc(curve(values), "images", COSTS)
        assert found is not None
        assert min(values) - 1e-12 <= found <= max(values) + 1e-12


class TestManyCurves:
    def test_the_span_is_what_all_cover(self) -> None:
        assert common_span([NARROW, WIDE], "images", COSTS) == (10, 30)
        assert common_span([NARROW, WIDE], "objects", COSTS) == (40, 60)

    def test_areas_over_boxes_are_over_the_same_boxes(self) -> None:
        # random: .3 at 40, .4 at 50, .5 at 60: 3.5 + 4.5 over 20
        # crowded: .2 at 40, .4 at 60 (half of the way to .6): .3; with all of its range it would
        # have (.2 + .6) / 2 * 40 + (.6 + .8) / 2 * 40 over 80, .55, and be ahead
        found = areas([NARROW, WIDE], "objects", COSTS)
        assert found["random"] == pytest.approx({0: 0.4})
        assert found["crowded"] == pytest.approx({0: 0.3})
        assert aubc(WIDE, "objects", COSTS) == pytest.approx(0.55)

    def test_a_single_point_has_no_area_and_leaves_the_others_theirs(self) -> None:
        found = areas([NARROW, curve([0.9], "new"), WIDE], "images", COSTS)
        assert found["new"] == {}
        assert found["random"] == pytest.approx({0: 0.375})
        assert list(found) == ["random", "new", "crowded"]

    def test_nothing_in_common(self) -> None:
        after = curve([0.1, 0.2], "late", images=[30, 40])
        assert common_span([NARROW, after], "images", COSTS) is None
        assert areas([NARROW, after], "images", COSTS) == {"random": {}, "late": {}}
        assert common_span([], "images", COSTS) is None


class TestWhatIsCompared:
    def test_areas(self) -> None:
        both = [NARROW, WIDE]
        assert heights(both, "images", COSTS) == areas(both, "images", COSTS)

    def test_at_a_single_budget_the_metric(self) -> None:
        one = [curve([0.5]), curve([0.7], seed=1), curve([0.4, 0.6], "late", images=[10, 10])]
        expected = {"random": {0: 0.5, 1: 0.7}, "late": {0: 0.6}}
        assert heights(one, "images", COSTS) == expected

    def test_at_one_budget_each_nothing(self) -> None:
        apart = [curve([0.5], objects=[30]), curve([0.7], seed=1, objects=[31])]
        assert heights(apart, "objects", COSTS) == {"random": {}}
        longer = heights([curve([0.5], "new"), NARROW], "images", COSTS)
        assert longer == {"new": {}, "random": pytest.approx({0: 0.375})}
        assert heights([], "images", COSTS) == {}

    def test_cycles_that_cost_nothing_are_no_single_budget(self) -> None:
        free = [dataclasses.replace(c, objects=(0,) * len(c.images)) for c in (NARROW, WIDE)]
        assert [len(c.along("objects", COSTS)[0]) for c in free] == [1, 1]
        assert not any(heights(free, "objects", COSTS).values())
