"""What is written is read back: by our readers, and by other people's.

Tolerances in pixels of images up to 4000 pixels: COCO 1e-9, CVAT 0.005 (two decimals), Label Studio
1e-9, VOC 0.5 (whole pixels), YOLO 1e-4 (eight decimals of a share).
"""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alframe.annotations.coco import read_coco
from alframe.annotations.coco_writing import write_answers
from alframe.annotations.formats import FORMATS, read_predictions, write_query
from alframe.annotations.vocabulary import Annotations, AskedImage, Proposal, Sheet
from alframe.datasets.objects import Annotated
from alframe.datasets.problems import Problems
from alframe.text import printable
from tests.annotations.known import Known

TOLERANCE = {"coco": 1e-9, "voc": 0.500001, "cvat": 0.005001, "label-studio": 1e-9, "yolo": 1e-4}
WITH_SCORES = {"coco": 1e-9, "label-studio": 1e-9, "cvat": 0.0005001}
SHORT = settings(max_examples=15, deadline=None)

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda name: name == " ".join(name.split()) and "\ufffe" not in name and "\uffff" not in name
)
plain_names = st.text(st.sampled_from("abcdefgh-_ 123"), min_size=1, max_size=8).map(
    lambda name: " ".join(f"x{name}x".split())
)


@st.composite
def sheets(draw: Any, names: st.SearchStrategy[str] = names, empty: bool = True) -> Sheet:
    """Images below folders and classes of any name; at least one proposal."""
    classes = tuple(draw(st.lists(names, min_size=1, max_size=4, unique_by=printable)))
    height, width = draw(st.integers(16, 4000)), draw(st.integers(16, 4000))
    images = []
    for number in range(draw(st.integers(1, 4))):
        least = 0 if empty and number else 1
        several = st.lists(
            proposals(classes, height, width),
            min_size=least,
            max_size=4,
            unique_by=lambda p: (p.name, tuple(round(side, 2) for side in p.box)),
        )
        found = draw(several)
        item = f"{draw(st.sampled_from(['', 'a/', 'b b/']))}{number}.jpg"
        images.append(AskedImage(item, Path("/r") / item, height, width, proposals=tuple(found)))
    return Sheet("cycle 2", classes, tuple(images), proposed=True)


@st.composite
def proposals(draw: Any, classes: tuple[str, ...], height: int, width: int) -> Proposal:
    x1, y1 = draw(st.floats(0, width - 4)), draw(st.floats(0, height - 4))
    x2, y2 = draw(st.floats(x1 + 2, width)), draw(st.floats(y1 + 2, height))
    return Proposal(draw(st.sampled_from(classes)), (x1, y1, x2, y2), draw(st.floats(0, 1)))


def said(found: Annotations) -> Mapping[str, list[Annotated]]:
    return {item: [t for t in found.objects if t.owner == item] for item in found.images}


@pytest.mark.parametrize("name", FORMATS)
@SHORT
@given(sheets())
def test_ours(name: str, asked: Sheet) -> None:
    first = asked.images[0]
    images = Known(*(i.item for i in asked.images), size=(first.height, first.width))
    with tempfile.TemporaryDirectory() as folder:
        write_query(name, asked, Path(folder))
        problems = Problems("error")
        found = read_predictions(Path(folder), images, problems)
        problems.settle()
    objects = said(found)
    for image in asked.images:
        assert len(objects.get(image.item, [])) == len(image.proposals)
        for thing, proposal in zip(objects.get(image.item, []), image.proposals, strict=True):
            assert thing.name == proposal.name
            assert thing.box == pytest.approx(proposal.box, abs=TOLERANCE[name])
            if name in WITH_SCORES:
                assert thing.score == pytest.approx(proposal.score, abs=WITH_SCORES[name])
    if name in ("coco", "cvat", "yolo"):
        assert found.classes == asked.classes


@SHORT
@given(sheets(), st.data())
def test_answers(asked: Sheet, data: st.DataObject) -> None:
    items = [image.item for image in asked.images]
    objects = [
        Annotated(i.item, p.name, p.box, data.draw(st.booleans()), score=p.score)
        for i in asked.images
        for p in i.proposals
    ]
    ignored = data.draw(st.sets(st.sampled_from(items)))
    seconds = dict.fromkeys(ignored, data.draw(st.floats(0, 1e4)))
    answers = Annotations(asked.classes, items, objects, ignored, seconds)
    images = Known(*items, size=(asked.images[0].height, asked.images[0].width))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cycle_00.json"
        write_answers(answers, images, path)
        problems = Problems("error")
        found = read_coco(path, images, problems)
        problems.settle()
    for before, after in zip(objects, found.objects, strict=True):
        assert after.box == pytest.approx(before.box, abs=1e-9)
        assert after[:2] == before[:2]
        assert (after.difficult, after.score, math.isnan(after.area)) == (
            before.difficult,
            before.score,
            True,
        )
    assert (found.classes, found.images) == (answers.classes, items)
    assert (found.ignored, found.seconds) == (ignored, seconds)


def _globox(name: str, folder: Path) -> Mapping[str, list[tuple[str, tuple[float, ...]]]]:
    globox = pytest.importorskip("globox", reason="globox is not installed (extra test)")
    sets = globox.AnnotationSet
    images, read = folder / "images", {}
    read["coco"] = lambda: sets.from_coco(folder / "coco.json")
    read["cvat"] = lambda: sets.from_cvat(folder / "annotations.xml")
    read["voc"] = lambda: sets.from_pascal_voc(folder / "Annotations", recursive=True)
    read["yolo"] = lambda: sets.from_yolo_v5(
        folder / "labels", image_folder=images, recursive=True
    ).map_labels(
        {str(n): name for n, name in enumerate((folder / "classes.txt").read_text().splitlines())}
    )
    found = read[name]()
    return {
        Path(one.image_id).name: [
            (str(b.label), (b.xmin, b.ymin, b.xmax, b.ymax)) for b in one.boxes
        ]
        for one in found
    }


def _labelformat(name: str, folder: Path) -> Mapping[str, list[tuple[str, tuple[float, ...]]]]:
    pytest.importorskip("labelformat", reason="labelformat is not installed (extra test)")
    from labelformat.formats.coco import COCOObjectDetectionInput
    from labelformat.formats.cvat import CVATObjectDetectionInput
    from labelformat.formats.pascalvoc import PascalVOCObjectDetectionInput
    from labelformat.formats.yolov8 import YOLOv8ObjectDetectionInput
    from labelformat.model.bounding_box import BoundingBoxFormat

    read: dict[str, Callable[[], Any]] = {
        "coco": lambda: [COCOObjectDetectionInput(folder / "coco.json")],
        "cvat": lambda: [CVATObjectDetectionInput(folder / "annotations.xml")],
        "voc": lambda: [
            PascalVOCObjectDetectionInput(
                inner, ",".join((folder / "classes.txt").read_text().splitlines())
            )
            for inner in {file.parent for file in (folder / "Annotations").rglob("*.xml")}
        ],
        "yolo": lambda: [YOLOv8ObjectDetectionInput(folder / "data.yaml", "train")],
    }
    return {
        Path(label.image.filename).name: [
            (one.category.name, tuple(one.box.to_format(BoundingBoxFormat.XYXY)))
            for one in label.objects
        ]
        for source in read[name]()
        for label in source.get_labels()
    }


@pytest.mark.parametrize("name", ["coco", "cvat", "voc", "yolo"])
@pytest.mark.parametrize("reader", [_globox, _labelformat])
@settings(max_examples=5, deadline=None)
@given(asked=sheets(plain_names, empty=False))
def test_theirs(name: str, reader: Any, asked: Sheet) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for image in asked.images:
            path = Path(folder) / "images" / image.item
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (image.width, image.height)).save(path)
        write_query(name, asked, Path(folder))
        found = reader(name, Path(folder))
    assert found.keys() == {Path(image.item).name for image in asked.images}
    for image in asked.images:
        same(found[Path(image.item).name], image, TOLERANCE[name])


def same(
    found: Sequence[tuple[str, tuple[float, ...]]], image: AskedImage, tolerance: float
) -> None:
    """Names and boxes are those of the proposals, in their order."""
    assert [name for name, _ in found] == [proposal.name for proposal in image.proposals]
    for (_, box), proposal in zip(found, image.proposals, strict=True):
        assert box == pytest.approx(proposal.box, abs=tolerance)


def _by_globox(name: str, instances: Path, folder: Path) -> None:
    globox = pytest.importorskip("globox", reason="globox is not installed (extra test)")
    found = globox.AnnotationSet.from_coco(instances)
    labels = sorted({box.label for box in found.all_boxes})
    if name == "yolo":
        found.save_yolo_v5(folder / "labels", label_to_id={n: i for i, n in enumerate(labels)})
        (folder / "classes.txt").write_text("\n".join(labels))
    elif name == "voc":
        found.save_pascal_voc(folder)
    elif name == "cvat":
        found.save_cvat(folder / "annotations.xml")
    else:
        found.save_coco(folder / "other.json", auto_ids=True)


def _by_labelformat(name: str, instances: Path, folder: Path) -> None:
    pytest.importorskip("labelformat", reason="labelformat is not installed (extra test)")
    from labelformat.formats.coco import COCOObjectDetectionInput, COCOObjectDetectionOutput
    from labelformat.formats.cvat import CVATObjectDetectionOutput
    from labelformat.formats.pascalvoc import PascalVOCObjectDetectionOutput

    writer = {
        "coco": lambda: COCOObjectDetectionOutput(folder / "other.json"),
        "cvat": lambda: CVATObjectDetectionOutput(folder, "project"),
        "voc": lambda: PascalVOCObjectDetectionOutput(folder),
    }[name]()
    writer.save(COCOObjectDetectionInput(instances))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # globox's files
@pytest.mark.parametrize(
    ("writer", "name"),
    [(_by_globox, name) for name in ("coco", "cvat", "voc", "yolo")]
    + [(_by_labelformat, name) for name in ("coco", "cvat", "voc")],
)
@settings(max_examples=5, deadline=None)
@given(asked=sheets(plain_names, empty=False))
def test_of_theirs(writer: Any, name: str, asked: Sheet) -> None:
    asked = replace(asked, images=asked.images[:1])
    (image,) = asked.images
    image = replace(image, item="0.jpg", file=Path("/r/0.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        instances = write_query("coco", replace(asked, images=(image,)), Path(folder))
        (Path(folder) / "out").mkdir()
        writer(name, instances, Path(folder) / "out")
        problems = Problems("error")
        images = Known("0.jpg", size=(image.height, image.width))
        found = read_predictions(Path(folder) / "out", images, problems)
        problems.settle()
    assert found.images == ["0.jpg"]
    # Pascal VOC's coordinates are cut off or not, as the writer likes.
    there = [(thing.name, thing.box) for thing in found.objects]
    same(there, image, 1.0 if name == "voc" else 0.01)
