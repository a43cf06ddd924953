"""Signals from files or arrays, in the place of a learner."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from alframe.datasets.base import ImageSet, batched
from alframe.errors import DataError
from alframe.selecting.detections import StoredDetections
from alframe.selecting.vectors import StoredVectors
from alframe.signals import (
    AUGMENTED,
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    EMBEDDING,
    OF_IMAGES,
    SAMPLES,
    ClassProbs,
    SignalBatch,
)
from alframe.words import named, plural

AT_ONCE, NUMBERS = 1024, 1 << 23
"""Images of a batch, and probabilities of classes in it."""


@dataclass(frozen=True, eq=False)
class StoredSignals:
    """What is known of images without their model.

    Attributes:
        detections: what it found; None where that is not known.
        vectors: embeddings of images or boxes; likewise.
        samples: what each of several opinions found; empty where there is one.
        augmented: what was found on changed images, mapped back, for each change.

    Raises:
        DataError: detections that are to be compared have probabilities of several kinds.
    """

    detections: StoredDetections | None = None
    vectors: StoredVectors | None = None
    samples: tuple[StoredDetections, ...] = ()
    augmented: tuple[StoredDetections, ...] = ()

    def __post_init__(self) -> None:
        found = sorted(self.read(), key=lambda each: each.empty)
        for other in found[1:]:
            other.take_kind(found[0])

    @property
    def provides(self) -> frozenset[str]:
        """Names of the signals."""
        found, vectors = self.detections is not None, self.vectors
        names = {
            DETECTIONS: found,
            EMBEDDING: vectors is not None and vectors.image is not None,
            CLASS_PROBS: vectors is not None and vectors.probs is not None,
            BOX_FEATURES: found and vectors is not None and vectors.has_objects,
            SAMPLES: bool(self.samples) or (vectors is not None and vectors.has_opinions),
            AUGMENTED: bool(self.augmented),
        }
        return frozenset(name for name, there in names.items() if there)

    def read(self) -> tuple[StoredDetections, ...]:
        """All detections that there are, each once."""
        own = (self.detections,) if self.detections is not None else ()
        return tuple(dict.fromkeys((*own, *self.samples, *self.augmented)))

    def has(self, item: str, names: frozenset[str]) -> bool:
        """Whether all these signals of an image are known."""
        found = all(item in each.rows for name in names for each in self._files(name))
        return found and (not self._of_images(names) or item in self._vectors().rows)

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        """Stream the named signals, in the order in which they lie in the files.

        Raises:
            DataError: some are not known of an image; names it.
        """
        lacking = [item for item in images.ids if not self.has(item, names)]
        if lacking:
            rows = self._of_images(names)
            vectors = rows and all(self.has(item, names - rows) for item in lacking)
            what = min(rows).replace("_", " ") if vectors else "prediction"
            raise DataError(
                f"no {what} of {plural(len(lacking), 'image')} that the strategy "
                f"looks at, maybe as labelled ones: {named(lacking)}; add them to the files"
            )
        for each in {file for name in names for file in self._files(name)}:
            each.check_pixels()
        ids = list(images.ids)
        if self._of_images(names):
            ids.sort(key=self._vectors().rows.__getitem__)
        elif DETECTIONS in names:
            ids.sort(key=self._found().rows.__getitem__)
        if BOX_FEATURES in names:
            found = self._found()
            self._vectors().check_objects(ids, [int(found.in_file[found.rows[i]]) for i in ids])
        for part in batched(ids, self._size(ids, names)):
            yield SignalBatch(tuple(part), {name: self._signal(name, part) for name in names})

    def _size(self, ids: Sequence[str], names: frozenset[str]) -> int:
        widest = [each.widest(ids) for name in names for each in self._files(name)]
        of_classes = self._of_images(names) - {EMBEDDING}
        if of_classes and (probs := self._vectors().probs) is not None:
            widest.append(probs[..., 0, :].size)
        return max(1, min(AT_ONCE, NUMBERS // max(widest, default=1)))

    def _signal(self, name: str, ids: Sequence[str]) -> Any:
        import torch

        if name == DETECTIONS:
            return self._found().batch(ids)
        if name == CLASS_PROBS or (name == SAMPLES and not self.samples):
            opinions = torch.from_numpy(self._vectors().class_probs(ids))[:, :, None]
            if name == CLASS_PROBS:
                return ClassProbs(opinions.mean(dim=0), exclusive=True)
            return tuple(ClassProbs(each, exclusive=True) for each in opinions)
        if name in (SAMPLES, AUGMENTED):
            return tuple(each.batch(ids) for each in self._files(name))
        if name == EMBEDDING:
            return torch.from_numpy(self._vectors().images(ids))
        if name == BOX_FEATURES:
            return torch.from_numpy(self._vectors().objects(ids, *self._found().places(ids)))
        raise DataError(f"no file holds the signal {name}")

    def _of_images(self, names: frozenset[str]) -> frozenset[str]:
        """Those of the signals that are of a row for each image."""
        return names & (OF_IMAGES if self.samples else OF_IMAGES | {SAMPLES})

    def _files(self, name: str) -> tuple[StoredDetections, ...]:
        """The detections that a signal is made of, or that its vectors belong to."""
        if name in (DETECTIONS, BOX_FEATURES):
            return (self._found(),)
        return {SAMPLES: self.samples, AUGMENTED: self.augmented}.get(name, ())

    def _found(self) -> StoredDetections:
        assert self.detections is not None
        return self.detections

    def _vectors(self) -> StoredVectors:
        assert self.vectors is not None
        return self.vectors
