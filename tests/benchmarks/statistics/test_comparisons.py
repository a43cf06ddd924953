"""Tables of areas worked by hand: the curves are flat, so their height is their area."""

import pytest

from alframe.benchmarks.statistics.comparisons import compare
from tests.benchmarks.statistics.curves import COSTS, curve, flat

RANDOM = [0.30, 0.31, 0.29, 0.30, 0.32, 0.28, 0.30]
SEVEN = [
    *flat(RANDOM),
    *flat([h + 0.02 for h in RANDOM], "entropy"),
    *flat([0.35, 0.35, 0.35, 0.35, 0.37, 0.31, 0.29], "new"),
]
"""Seven seeds; entropy is .02 ahead of random, the new one .05 .04 .06 .05 .05 .03 -.01."""


def names(found):
    return [(c.method, c.against) for c in found]


def test_every_method_against_random() -> None:
    entropy, new = compare(SEVEN, "images", COSTS)
    assert names([entropy, new]) == [("entropy", "random"), ("new", "random")]
    assert (entropy.n, entropy.wins, entropy.ties, entropy.axis) == (7, 7, 0, "images")
    assert entropy.difference == pytest.approx(0.02)
    # 2 / 2^7 = 1 / 64; all differences are equal, so there is no t
    assert (entropy.p_sign_flip, entropy.p_t) == (1 / 64, None)
    # the sum is .27; flipping the smallest to + gives .29: 2 of 128 on each side
    assert new.difference == pytest.approx(0.27 / 7)
    assert (new.wins, new.p_sign_flip) == (6, 1 / 32)
    # Holm: 1/64 * 2 and 1/32 * 1, which is not smaller than the one before
    assert (entropy.p_holm, new.p_holm) == (1 / 32, 1 / 32)
    assert (entropy.significant, new.significant) == (True, True)
    assert (entropy.decidable, new.decidable) == (True, True)


def test_the_best_baseline_is_that_of_the_largest_mean_area() -> None:
    found = compare(SEVEN, "images", COSTS, baselines=("random", "entropy"))
    assert names(found) == [("entropy", "random"), ("new", "random"), ("new", "entropy")]
    # new - entropy: .03 .02 .04 .03 .03 .01 -.03
    assert found[2].difference == pytest.approx(0.13 / 7)
    assert found[2].wins == 6
    # the family has three pairs now: 1/64 * 3, and 1/32 * 2 is not below .05 any more
    assert [(c.p_holm, c.significant) for c in found[:2]] == [(3 / 64, True), (1 / 16, False)]


def against_which(*baselines: str, **heights: dict[int, float]) -> list[str]:
    """Which baselines the method "new" is compared with, of areas by seed."""
    curves = [curve([h, h], m, seed) for m, found in heights.items() for seed, h in found.items()]
    found = compare(curves, "images", COSTS, baseline="none", baselines=baselines)
    return [c.against for c in found if c.method == "new"]


NEW = {0: 0.9, 1: 0.9, 2: 0.9, 3: 0.9}
ENTROPY = {0: 0.2, 1: 0.3, 2: 0.7, 3: 0.8}


class TestTheBestBaselineIsOfCommonSeeds:
    def test_easy_seeds_alone_make_no_best(self) -> None:
        # means .5 and .7, but .75 and .7 over seeds 2 and 3
        found = against_which(
            "coreset", "entropy", coreset={2: 0.65, 3: 0.75}, entropy=ENTROPY, new=NEW
        )
        assert found == ["entropy"]

    def test_one_without_a_seed_does_not_count(self) -> None:
        names = ("absent", "coreset", "entropy")
        assert against_which(*names, coreset={0: 0.1}, entropy=ENTROPY, new=NEW) == ["entropy"]

    def test_those_with_the_fewest_seeds_go_until_one_is_common(self) -> None:
        # cdal shares no seed; the others share 0 and 1: .2 and .25
        heights = {"random": {0: 0.3, 1: 0.1}, "entropy": ENTROPY, "cdal": {9: 0.95}}
        names = ("random", "entropy", "cdal")
        found = against_which(*names, **heights, new=NEW)
        assert found == ["entropy"]
        heights["random"] = {0: 0.3}  # there entropy has .2
        assert against_which(*names, **heights, new=NEW) == ["random"]

    def test_of_equally_few_the_last_named_goes(self) -> None:
        heights = {"random": {0: 0.1}, "entropy": {1: 0.8}}
        assert against_which("random", "entropy", **heights, new=NEW) == ["random"]
        assert against_which("entropy", "random", **heights, new=NEW) == ["entropy"]


def test_no_pair_twice() -> None:
    assert names(compare(SEVEN, "images", COSTS, baselines=("random",))) == [
        ("entropy", "random"),
        ("new", "random"),
    ]
    assert names(compare(SEVEN, "images", COSTS, baseline="none", baselines=("random",))) == [
        ("entropy", "random"),
        ("new", "random"),
    ]


def test_names_that_are_not_there() -> None:
    assert compare(SEVEN, "images", COSTS, baseline="none", baselines=("neither",)) == ()
    assert compare([], "images", COSTS) == ()
    # one that is there without an area is no best baseline
    found = compare([curve([0.9], "point"), *SEVEN], "images", COSTS, baselines=("point",))
    assert names(found) == [("point", "random"), ("entropy", "random"), ("new", "random")]


def test_n_too_small_to_decide() -> None:
    three = [c for c in SEVEN if c.seed < 3]
    for comparison in compare(three, "images", COSTS):
        assert (comparison.n, comparison.wins, comparison.p_sign_flip) == (3, 3, 0.25)
        assert (comparison.p_holm, comparison.decidable, comparison.significant) == (
            0.5,
            False,
            False,
        )


def test_a_p_value_of_alpha_is_not_below_it() -> None:
    five = [c for c in SEVEN if c.seed < 5 and c.method != "new"]
    for alpha, below in ((1 / 16, False), (0.07, True)):
        (found,) = compare(five, "images", COSTS, alpha=alpha)
        assert (found.p_holm, found.significant, found.decidable) == (1 / 16, below, below)


def test_a_method_that_has_other_seeds() -> None:
    other = [curve([0.5, 0.5], "other", seed) for seed in (5, 6, 7, 8)]
    lone = [curve([0.5, 0.5], "lone", 99)]
    single = [curve([0.5], "single", 0)]
    found = {c.method: c for c in compare([*flat(RANDOM), *other, *lone, *single], "images", COSTS)}
    # .5 - .28 and .5 - .30
    assert (found["other"].n, found["other"].difference) == (2, pytest.approx(0.21))
    for name in ("lone", "single"):
        assert (found[name].n, found[name].difference, found[name].p_holm) == (0, None, None)
        assert (found[name].decidable, found[name].within_noise) == (False, False)
    assert found["other"].p_holm == found["other"].p_sign_flip == 0.5


def test_differences_inside_the_noise_are_marked() -> None:
    def marks(noise):
        return [c.within_noise for c in compare(SEVEN, "images", COSTS, noise=noise)]

    assert marks(None) == [False, False]
    assert marks(0.0) == [False, False]
    assert marks(0.03) == [True, False]
    assert marks(0.04) == [True, True]
    down = [*flat([0.3, 0.3]), *flat([0.1, 0.1], "worse")]
    assert not compare(down, "images", COSTS, noise=0.1)[0].within_noise
    equal = [*flat([0.3, 0.4]), *flat([0.3, 0.4], "equal")]
    assert compare(equal, "images", COSTS, noise=0.0)[0].within_noise


def test_over_boxes_a_method_is_not_rewarded_for_buying_more() -> None:
    ours = curve([0.2, 0.6, 0.8], "crowded", images=[10, 20, 30], objects=[40, 80, 120])
    theirs = curve([0.2, 0.4, 0.5], images=[10, 20, 30], objects=[30, 50, 60])
    (by_images,) = compare([theirs, ours], "images", COSTS)
    (by_boxes,) = compare([theirs, ours], "objects", COSTS)
    # .55 - .375 over images; .3 - .4 over the objects 40 .. 60 that both cover (test_area)
    assert by_images.difference == pytest.approx(0.175)
    assert by_boxes.difference == pytest.approx(-0.1)
