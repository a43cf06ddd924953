"""The choice of a strategy among images of which files or arrays tell."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from alframe.config.draft import Layer, component, component_settings
from alframe.config.resolve import drafted
from alframe.config.sections import Component
from alframe.datasets.base import Target
from alframe.errors import ConfigError, DataError
from alframe.model import signal_names
from alframe.runs.components import made_strategy
from alframe.seeds import Seeds
from alframe.selecting.candidates import Candidates
from alframe.selecting.stored_signals import StoredSignals
from alframe.signals import (
    AUGMENTED,
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    EMBEDDING,
    OF_IMAGES,
    SAMPLES,
)
from alframe.strategy import Query, Selection, Strategy, adapted, check_selection, tied
from alframe.streams import DeclaredSignals
from alframe.words import named, plural

FILES = {
    DETECTIONS: "--predictions: what the model found, with scores",
    EMBEDDING: "--embeddings: an npz with ids and image [n, d]",
    CLASS_PROBS: "--embeddings with class_probs [n, k], of a model that classifies whole images",
    BOX_FEATURES: (
        "--predictions, and --embeddings with object_features [m, f] and object_index [m]: a "
        "vector for each predicted box"
    ),
    SAMPLES: (
        "--predictions several times: what each member of an ensemble, or pass with dropout, found "
        "(of a model that classifies whole images, --embeddings with class_probs [s, n, k])"
    ),
    AUGMENTED: (
        "--augmented, once or more: what the model found on changed images (flipped, darker), its "
        "boxes brought back to the images as they are"
    ),
}
"""Which file would give a signal."""
ARGUMENTS = {
    DETECTIONS: "detections: what the model found on each image, with scores",
    EMBEDDING: "embedding: an array [n, d], a row for each id",
    CLASS_PROBS: "class_probs: an array [n, k], of a model that classifies whole images",
    BOX_FEATURES: "detections, and object_features: for each image a vector for each of them",
    SAMPLES: (
        "samples: lists like detections, of each member of an ensemble or pass with dropout (of a "
        "model that classifies whole images, class_probs [s, n, k])"
    ),
    AUGMENTED: "augmented: lists like detections, of what the model found on changed images",
}
"""Which argument of :func:`alframe.select` would."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a choice is made of.

    Attributes:
        ids: all images.
        classes: names.
        signals: what is known of the images.
        images: their pictures.
        labelled: ids of those that are not to be chosen.
        targets: annotations of labelled images, as far as they are known.
        notes: what was tolerated, one sentence each.

    Raises:
        ConfigError: there are class probabilities of whole images beside detections.
        DataError: they are of fewer, or more, classes.
    """

    ids: frozenset[str]
    classes: tuple[str, ...]
    signals: StoredSignals
    images: Candidates
    labelled: frozenset[str] = frozenset()
    targets: Mapping[str, Target] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        vectors = self.signals.vectors
        of_each = vectors.classes if vectors else 0
        if of_each and self.signals.read():
            raise ConfigError(
                "class_probs are of a model that classifies whole images, detections of another: "
                "give one of them"
            )
        if of_each not in (0, len(self.classes)):
            raise DataError(
                f"class_probs: expected one for each of {plural(len(self.classes), 'class')} "
                f"({named(self.classes)}), got {of_each}"
            )


class _Known(Mapping[str, Target]):
    """Annotations, which say what to do where one is not known."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = targets

    def __getitem__(self, item: str) -> Target:
        if item not in self._targets:
            raise DataError(
                f"the strategy looks at what is annotated on labelled images, and of {item} that "
                "is not known: give --labelled as a file of annotations in place of a list (in "
                "Python: targets)"
            )
        return self._targets[item]

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)


def strategy_of(layer: Layer, provided: frozenset[str] | None = None) -> Strategy:
    """The strategy of a configuration that has no other part.

    Args:
        layer: with a section ``strategy`` alone.
        provided: the signals that there are, for a strategy that adapts itself to that; None
            where they are not known yet.

    Raises:
        ConfigError: it has other settings, or the strategy other options.
    """
    if others := sorted(layer.keys() - {"strategy"}):
        raise ConfigError(
            f"{', '.join(others)}: select trains nothing, and takes settings of the strategy "
            "alone, as strategy.NAME=VALUE"
        )
    draft = drafted([layer])
    if draft.found:
        raise ConfigError(draft.found)
    chain = draft.entries["strategy"]
    known = list(component_settings({"strategy": chain}))
    given, problems = component(draft.tree["strategy"], chain, "strategy", known)
    if problems:
        raise ConfigError(problems)
    return made_strategy(Component(**given), provided)


def check_provided(
    strategy: Strategy, provided: frozenset[str], wanted: Mapping[str, str] = FILES
) -> None:
    """Refuse a strategy that requires more than there is.

    Args:
        strategy: who is to choose.
        provided: the signals that there are.
        wanted: what would give others.

    Raises:
        ConfigError: says what would help.
    """
    required = signal_names(strategy.requires, f"requires of {type(strategy).__name__}")
    missing = sorted(required - provided)
    if not missing:
        return
    lines = []
    for name in missing:
        if name == CLASS_PROBS and DETECTIONS in provided:
            lines.append(
                f"the strategy requires {name}, all predictions of a detector before suppression, "
                "which are not available: choose strategy.unit=detections, or a strategy that "
                "looks at detections"
            )
        elif name in wanted:
            other = name == DETECTIONS and name not in adapted(strategy, OF_IMAGES).requires
            instead = "; or class_probs, of a model that classifies whole images" if other else ""
            lines.append(f"the strategy requires {name}; give {wanted[name]}{instead}")
        else:
            lines.append(
                f"the strategy requires {name}, which only a model has that is trained for it: use "
                "alframe run"
            )
    raise ConfigError(lines)


def check_used(strategy: Strategy, provided: frozenset[str]) -> None:
    """Refuse further predictions that the strategy would not look at.

    Raises:
        ConfigError: says what to give in their place.
    """
    unused = provided - strategy.requires
    lines = []
    if SAMPLES in unused:
        lines.append(
            "the strategy does not compare several --predictions, which are those of the members "
            "of an ensemble; put the files of one model into a folder, and give that"
        )
    if AUGMENTED in unused:
        lines.append("the strategy does not look at --augmented: leave it out")
    if lines:
        raise ConfigError(lines)


def choose(
    strategy: Strategy,
    material: Material,
    budget: int,
    seed: int = 0,
    *,
    tell: Callable[[str], None],
    strict: bool,
    wanted: Mapping[str, str] = FILES,
) -> Selection:
    """The ``budget`` images to label next, best first; all that there are, where they are fewer.

    Args:
        strategy: who chooses.
        material: what is chosen from.
        budget: how many, 1 or more.
        seed: of draws.
        tell: is called with what was tolerated, a sentence each: the material's notes first.
        strict: refuse to take a score for the probabilities of classes.
        wanted: what would give the signals that there are not.

    Raises:
        ConfigError: the strategy requires what is not known.
        DataError: no image is left to choose from, or the material lacks an image.
        SelectionError: the strategy broke its contract.
    """
    check_provided(strategy, material.signals.provides, wanted)
    for note in material.notes:
        tell(note)
    for found in material.signals.read() if strict else ():
        found.refuse_bare()
    pool = sorted(material.ids - material.labelled)
    unknown = [item for item in pool if not material.signals.has(item, strategy.requires)]
    left_out = set(unknown)
    candidates = [item for item in pool if item not in left_out]
    if unknown:
        tell(
            f"{plural(len(unknown), 'image')} left out, for which a file of predictions or "
            f"embeddings has no entry: {named(unknown)}"
        )
    if not candidates:
        labelled = f", {len(material.labelled):,} of them labelled" if material.labelled else ""
        raise DataError(
            f"there is no image to choose from: {plural(len(material.ids), 'image')}{labelled}, of "
            f"the others {len(unknown):,} without predictions or embeddings"
        )
    count = min(budget, len(candidates))
    if count < budget:
        tell(f"there are no more than {plural(count, 'image')} to choose from")
    query = Query(
        learner=DeclaredSignals(material.signals, material.images, strategy.requires),
        unlabelled=tuple(candidates),
        labelled=tuple(sorted(material.labelled)),
        targets=_Known({i: t for i, t in material.targets.items() if i in material.labelled}),
        classes=material.classes or ("0",),  # padding is of class 0, where nothing is found, too
        budget=count,
        rng=Seeds(seed).within("cycle", 0).rng("strategy"),
        cycle=0,
    )
    selection = check_selection(strategy.select(query), candidates, count)
    if selection.scores is not None and (said := tied(selection.ids, selection.scores)):
        tell(said)
    for found in material.signals.read():
        for note in found.notes:
            tell(note)
    return selection
