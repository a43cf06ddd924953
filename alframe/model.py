"""The model: what is trained. It carries the task, so learners and strategies need not know it."""

import functools
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from alframe.datasets.base import LabelledSet
from alframe.errors import PluginError
from alframe.learner import LearnerSetup, Metrics
from alframe.shaped import Float
from alframe.signals import SignalBatch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor, nn

    from alframe.training.batch import Batch

COCO = "COCO"
"""A metric: a mapping of COCO's twelve numbers, ``AP``, ``AP50``, ... ``AR_large``; ``mAP`` is its
``AP``, and its ``AP50`` goes by other rules than ``mAP50``, which is Pascal VOC's."""
ERRORS = "errors"
"""A metric: a mapping of numbers of which less is better, in units of their own (nats); all others
are fractions of which more is better. Reports do not rank by them."""


class Model(Protocol):
    """A network (``torch.nn.Module``) with a loss, signals and a measure of its own.

    The class may have a ``task`` (``detection`` where it has none); a plugin's entry names it.

    Attributes:
        provides: names of the signals that :meth:`read` gives; an attribute of the class, so that
            it is known before anything is built.
        measured: names of the signals that :meth:`measure` is given.
    """

    provides: ClassVar[frozenset[str]]
    measured: ClassVar[frozenset[str]]

    def loss(self, batch: "Batch") -> "dict[str, Float[Tensor, '']]":
        """The terms of the loss on labelled images, to be added up.

        Raises:
            ValueError: the batch is unlabelled; names its images.
        """
        ...

    def features(self, batch: "Batch") -> Any:
        """What all signals share, such as the maps of a backbone; targets are not looked at."""
        ...

    def read(self, batch: "Batch", features: Any, names: frozenset[str]) -> dict[str, Any]:
        """The named signals of one batch, from its features; computes no more than they need."""
        ...

    def measure(
        self, test: LabelledSet, stream: Iterable[SignalBatch], setup: LearnerSetup
    ) -> Metrics:
        """Metrics of the test images, from a stream of the signals ``measured``.

        The first metric is the headline: what a report shows unless it is told otherwise.
        """
        ...


@runtime_checkable
class Foldable(Protocol):
    """A model with a form that infers faster, which shares its weights where it can."""

    def for_inference(self) -> "Model":
        """The model in eval mode, as fast as it can be; made anew when weights have changed."""
        ...


@runtime_checkable
class Grouped(Protocol):
    """A model whose parameters are not all trained at one rate (the backbone of a DETR)."""

    def parameter_groups(self) -> "Iterable[tuple[float, Iterable[nn.Parameter]]]":
        """Factors on the learning rate, and the parameters of each; the others have factor 1."""
        ...


@dataclass(frozen=True)
class Display:
    """How somebody wants to see predictions.

    Attributes:
        classes: names, in label order.
        signals: what learner and model of the run provide.
        threshold: least score of what is shown; None is the task's own default.
        opacity: 0..1, of what is painted over an image.
        weighted: weigh the uncertainty of anchors as training did.
    """

    classes: tuple[str, ...]
    signals: frozenset[str]
    threshold: float | None = None
    opacity: float = 0.5
    weighted: bool = False


@dataclass(frozen=True)
class ShownPrediction:
    """The prediction of one image, as people and programs read it.

    Attributes:
        json: ready for JSON, without maps.
        lines: for a terminal.
        paint: makes a picture of the image, RGB uint8 [H, W, 3] in its original size; may hold
            maps. None where the prediction is kept without them.
    """

    json: "Mapping[str, Any]"
    lines: tuple[str, ...]
    paint: "Callable[[NDArray[np.uint8]], Image] | None"


class Showing(Protocol):
    """Shows the predictions of a model.

    Attributes:
        requires: names of the signals that :meth:`show` is given.
    """

    requires: frozenset[str]

    def show(self, batch: SignalBatch) -> ShownPrediction:
        """The prediction of the one image of a batch."""
        ...


@runtime_checkable
class Showable(Protocol):
    """A model whose predictions of single images can be shown (``alframe predict``)."""

    @classmethod
    def showing(cls, display: Display) -> Showing:
        """What shows them.

        Raises:
            RunError: what is wanted makes no sense for this model.
        """
        ...


def provides(factory: Callable[..., Any]) -> frozenset[str]:
    """The signals that the factory of a model or a learner declares.

    Raises:
        PluginError: they are not names.
    """
    factory = unwrapped(factory)
    return signal_names(getattr(factory, "provides", frozenset()), f"provides of {factory!r:.80}")


def derives(learner: Callable[..., Any]) -> Mapping[str, str]:
    """The signals that a learner makes by running its model again, each with one that it takes."""
    found: Mapping[str, str] = getattr(unwrapped(learner), "derives", {})
    return found


def streamed(learner: Callable[..., Any], model: Callable[..., Any]) -> frozenset[str]:
    """The signals of a learner with a model: its own, the model's, and what it derives of these."""
    own = provides(model)
    return own | provides(learner) | {name for name, of in derives(learner).items() if of in own}


def unwrapped(factory: Any) -> Any:
    """The class or function that a factory comes down to, which has the attributes."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    return factory


def signal_names(declared: object, what: str) -> frozenset[str]:
    """Names of signals, in whichever kind of set.

    Raises:
        PluginError: it is something else.
    """
    if not isinstance(declared, Set) or not all(isinstance(name, str) for name in declared):
        raise PluginError(f"{what} is {declared!r:.80}: expected a frozenset of names of signals")
    return frozenset(declared)
