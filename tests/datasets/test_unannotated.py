"""What is annotated, what is not, and what a benchmark makes of it."""

from dataclasses import replace

import numpy as np
import pytest

from alframe.datasets.base import Dataset, Target, without
from alframe.datasets.shapes import shapes
from alframe.datasets.suspicions import looked_through
from alframe.datasets.unannotated import check_annotated
from alframe.datasets.voc import voc
from alframe.errors import DataError
from tests.datasets.builders import voc_folder, voc_item, xml, xml_object


def known(*left_out: str, **changes: object) -> Dataset:
    """Drawn shapes, of which some are not annotated."""
    dataset = shapes(pool=6, test=2, size=64, classes=2)
    targets = {i: t for i, t in dataset.targets.items() if i not in left_out}
    return replace(dataset, targets=targets, **changes)


def test_ids_of_the_pool_without_a_target():
    dataset = known("pool/000003", "pool/000001")
    assert dataset.unannotated == ("pool/000001", "pool/000003")
    assert len(dataset.annotated) == 6
    assert known().unannotated == ()


def test_an_image_without_objects_is_annotated():
    dataset = known()
    empty = {**dataset.targets, "pool/000000": Target.of(np.zeros((0, 4)), [])}
    assert replace(dataset, targets=empty).unannotated == ()


def test_the_fingerprint_tells_empty_from_unannotated():
    dataset = known()
    empty = {**dataset.targets, "pool/000000": Target.of(np.zeros((0, 4)), [])}
    prints = {
        dataset.fingerprint(),
        replace(dataset, targets=empty).fingerprint(),
        known("pool/000000").fingerprint(),
        known("pool/000001").fingerprint(),
    }
    assert len(prints) == 4
    assert known("pool/000000").fingerprint() == known("pool/000000").fingerprint()


def test_without_items():
    rest = without(known("pool/000001"), {"pool/000000", "test/000001"})
    assert (len(rest.pool), rest.test, rest.unannotated) == (5, ("test/000000",), ("pool/000001",))
    assert rest.targets.keys() == set(rest.annotated)


def test_a_benchmark_needs_all_and_is_told_the_ways_out():
    with pytest.raises(DataError) as caught:
        check_annotated(known("pool/000001", "pool/000003"))
    assert caught.value.problems == (
        "2 images of 6 in the pool (33%) have no annotation, which a benchmark needs: pool/000001, "
        "pool/000003; have people annotate them (--oracle files), add the annotations, or leave "
        "them out (dataset.on_bad_item=skip)",
    )
    assert check_annotated(known()).pool == known().pool
    with pytest.raises(
        DataError, match=r"set dataset.unannotated=empty if they show no object, or"
    ):
        check_annotated(known("pool/000001"), ("unannotated", "on_bad_item"))
    with pytest.raises(DataError, match=r"or leave them out of the pool$"):
        check_annotated(known("pool/000001"), ())


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"on_bad_item": "skip"}, "dataset.on_bad_item=skip"),
        ({"leaves_out": "dataset.own=1"}, "dataset.own=1"),
    ],
)
def test_a_setting_leaves_them_out(changes, setting):
    rest = check_annotated(known("pool/000001", **changes))
    assert (len(rest.pool), rest.unannotated) == (5, ())
    assert rest.notes == (
        f"left out 1 image of 6 in the pool without annotation ({setting}): pool/000001",
    )


def test_leaving_out_leaves_something_to_learn_from():
    dataset = known(on_bad_item="skip")
    full = [i for i in dataset.pool if len(dataset.targets[i].labels)]
    targets = {i: t for i, t in dataset.targets.items() if i not in full}
    with pytest.raises(DataError, match=r"the pool (is empty|has no object to learn from)"):
        check_annotated(replace(dataset, targets=targets))


def test_nothing_is_suspicious_that_people_are_still_to_annotate():
    dataset = known(*known().pool, *known().test)
    dataset = replace(dataset, test=())
    assert looked_through(dataset).notes == ()
    one = replace(known(*known().pool), notes=())
    assert looked_through(one).notes == ()  # classes of the test split may come yet


class TestVoc:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = voc_folder(tmp_path / "d", trainval=["a", "b", "c"], test=["x", "y"])
        (folder / "Annotations" / "b.xml").unlink()
        return folder

    def test_a_missing_file_of_the_pool_is_unannotated(self, folder):
        dataset = voc(str(folder))
        assert (dataset.pool, dataset.unannotated) == (("a", "b", "c"), ("b",))
        assert dataset.images.size("b") == (80, 100)
        assert dataset.notes == ()

    def test_one_of_the_test_split_is_an_error(self, folder):
        (folder / "Annotations" / "x.xml").unlink()
        with pytest.raises(DataError) as caught:
            voc(str(folder))
        assert caught.value.problems == (
            f"the annotation is missing: {folder}/Annotations/x.xml; add the file, take the image "
            "out of the list, or set dataset.on_bad_item=skip",
        )
        assert voc(str(folder), on_bad_item="skip").test == ("y",)

    def test_for_a_benchmark_it_is_skipped_where_bad_items_are(self, folder):
        with pytest.raises(DataError, match="1 image of 3 in the pool"):
            check_annotated(voc(str(folder)))
        rest = check_annotated(voc(str(folder), on_bad_item="skip"))
        assert rest.pool == ("a", "c")
        assert rest.notes[-1].endswith("without annotation (dataset.on_bad_item=skip): b")

    def test_without_picture_it_is_no_image_at_all(self, folder):
        (folder / "JPEGImages" / "b.jpg").unlink()
        with pytest.raises(DataError, match=r"the image is missing: .*b.jpg"):
            voc(str(folder))

    def test_a_class_that_only_test_images_show_yet_is_no_mistake(self, folder):
        voc_item(folder, "y", xml(xml_object("dog")))
        assert voc(str(folder)).classes == ("cat",)

    def test_classes_may_be_wanted_that_nobody_has_annotated_yet(self, folder):
        dataset = voc(str(folder), classes=["cat", "dog"])
        assert dataset.classes == ("cat", "dog")
        assert dataset.notes == ("no object is annotated yet of dog",)
