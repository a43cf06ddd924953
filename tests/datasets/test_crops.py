from PIL import Image

from tests.datasets.builders import voc_folder, voc_item, xml, xml_object
from tests.datasets.crops import cut


def test_every_object_that_is_large_enough_is_a_picture_in_the_folder_of_its_class(tmp_path):
    root = voc_folder(tmp_path / "data", trainval=["a", "b"], test=["c"])
    boxes = [("cat", (11, 21, 51, 61), 0), ("dog", (1, 1, 91, 71), 1), ("dog", (1, 1, 21, 71), 0)]
    voc_item(root, "a", xml(*(xml_object(*each) for each in boxes)))
    voc_item(root, "b", xml(xml_object("dog", (1, 1, 31, 81))))
    voc_item(root, "c", xml(xml_object("cat", (1, 1, 31, 31))))
    cut(root, tmp_path / "crops")
    found = {str(p.relative_to(tmp_path / "crops")): p for p in tmp_path.rglob("crops/*/*/*.jpg")}
    assert {*found} == {"train/cat/a-0.jpg", "train/dog/b-0.jpg", "test/cat/c-0.jpg"}
    # a tenth of 40 pixels around, and of 80, as far as there are any
    for name, size in (("train/cat/a-0.jpg", (48, 48)), ("train/dog/b-0.jpg", (38, 80))):
        with Image.open(found[name]) as crop:
            assert crop.size == size
