"""The export of a real server, made by a run that asked there: one task empty, one skipped."""

from pathlib import Path

import pytest

from alframe.annotations.formats import read_annotations, read_predictions
from alframe.datasets.problems import Problems
from alframe.errors import DataError
from tests.annotations.known import Known

GOLDEN = Path(__file__).parent / "golden" / "label_studio_export.json"
ANSWERED = ("BloodImage_00182", "BloodImage_00228", "BloodImage_00302", "BloodImage_00382")
OPEN = tuple(f"BloodImage_000{number}" for number in (12, 13, 14, 17, 20))


def test_what_people_answered() -> None:
    problems = Problems("error")
    found = read_annotations(GOLDEN, Known(*ANSWERED, *OPEN, size=(480, 640)), problems)
    problems.settle()
    assert tuple(found.images) == ANSWERED, "tasks that nobody has annotated are not answered"
    assert found.ignored == {"BloodImage_00182"}, "skipped, whatever was drawn into it"
    assert found.seconds == dict.fromkeys(ANSWERED, 7.5)
    counts = {item: sum(o.owner == item for o in found.objects) for item in ANSWERED}
    assert counts == dict(zip(ANSWERED, (0, 0, 13, 16), strict=True))
    first = next(o for o in found.objects if o.owner == "BloodImage_00302")
    # 15.3125 % and 18.4375 % of 640, 81.25 % and 16.6667 % of 480
    assert (first.name, [round(side, 3) for side in first.box]) == ("RBC", [98, 390, 216, 470])


def test_its_predictions_are_numbers_alone() -> None:
    problems = Problems("error")
    found = read_predictions(GOLDEN, Known(*ANSWERED, *OPEN), problems)
    assert (found.images, found.notes) == ([], [f"{GOLDEN}: 9 tasks without predictions"])


def test_an_image_that_is_not_known_is_named() -> None:
    problems = Problems("error")
    known = Known(*(item for item in ANSWERED if item != ANSWERED[2]), *OPEN)
    read_annotations(GOLDEN, known, problems)
    with pytest.raises(DataError, match=f"no such image: .*task 3: {ANSWERED[2]}"):
        problems.settle()
