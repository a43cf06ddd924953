"""The label files of a YOLO dataset: by their usual names, or by what else those may be called."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from alframe.datasets.listing import Listing
from alframe.datasets.names import has_picture_suffix, likeness


def label_of(image: str) -> Sequence[str]:
    """Where the label file of an image may be: in ``labels`` beside ``images``, or beside it."""
    start, dot, _ = image.rpartition(".")
    beside = f"{start if dot and has_picture_suffix(image) else image}.txt"
    folders = beside.split("/")
    places = [n for n, folder in enumerate(folders[:-1]) if folder.lower() == "images"]
    swapped = [*folders[: places[-1]], "labels", *folders[places[-1] + 1 :]] if places else []
    return ["/".join(swapped), beside] if places else [beside]


class LabelFiles:
    """Finds the label files of images, both as paths below the folder of a dataset.

    Args:
        home: that folder.
        listing: what lies in folders.
    """

    def __init__(self, home: Path, listing: Listing) -> None:
        self._home, self._listing = str(home), listing
        self._texts: dict[str, dict[str, list[str]]] = {}

    def of(self, image: str) -> str | None:
        """The one with the usual name."""
        there = self._listing
        return next((way for way in label_of(image) if f"{self._home}/{way}" in there), None)

    def like(self, image: str, others: Collection[str] = ()) -> str | None:
        """The only one in another case, or with the suffix of the image, as in ``1.jpg.txt``.

        Args:
            image: without a label file of the usual name.
            others: label files of other images.
        """
        for way in label_of(image):
            folder, _, name = way.rpartition("/")
            if texts := self._in_folders_like(folder):  # of most unannotated images there are none
                for each in (name, f"{image.rpartition('/')[2]}.txt"):
                    there = texts.get(likeness(each), ())
                    found = [label for label in there if label not in others]
                    if found:
                        return found[0] if len(found) == 1 else None
        return None

    def beside(self, labels: Iterable[str]) -> list[str]:
        """All below ``labels`` in the folders of some, and in those that were looked through."""
        for folder in {label.rpartition("/")[0] for label in labels}:
            self._in_folders_like(folder)
        return sorted(
            {
                label
                for folder, texts in self._texts.items()
                if "labels" in folder.lower().split("/")
                for name, there in texts.items()
                if name != "classes.txt"
                for label in there
            }
        )

    def _in_folders_like(self, folder: str) -> dict[str, list[str]]:
        """Texts in a folder and in those that are called like it, by what their names are like."""
        if folder not in self._texts:
            texts = self._texts[folder] = {}
            for path in self._folders_like(folder):
                for name in self._listing.folder(f"{self._home}{path}").files:
                    if name.lower().endswith(".txt"):
                        texts.setdefault(likeness(name), []).append(f"{path}/{name}"[1:])
        return self._texts[folder]

    def _folders_like(self, folder: str) -> list[str]:
        """Each with a slash in front; the folder of the dataset itself is an empty text."""
        found = [""]
        for part in filter(None, folder.split("/")):
            found = [
                f"{above}/{name}"
                for above in found
                for name in self._listing.folder(f"{self._home}{above}").folders
                if likeness(name) == likeness(part)
            ]
        return found
