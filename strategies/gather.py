"""What selections by diversity begin with: a vector of every image, in one table."""

import logging
from collections.abc import Callable, Sequence

from alframe.errors import DIVERGED, SelectionError
from alframe.shaped import Float, Tensor
from alframe.signals import EMBEDDING, LARGEST_FEATURE, SignalBatch
from alframe.strategy import Query
from alframe.words import plural

logger = logging.getLogger(__name__)


def embeddings(
    query: Query, ids: Sequence[str], *, as_given: bool = False, may_be_equal: bool = False
) -> "Float[Tensor, 'N D']":
    """The embeddings of ``ids``; see :func:`gather`."""
    return gather(
        query,
        ids,
        frozenset({EMBEDDING}),
        lambda batch: batch[EMBEDDING],
        as_given=as_given,
        may_be_equal=may_be_equal,
    )


def gather(
    query: Query,
    ids: Sequence[str],
    names: frozenset[str],
    vectors: "Callable[[SignalBatch], Tensor]",
    *,
    as_given: bool = False,
    may_be_equal: bool = False,
) -> "Float[Tensor, 'N D']":
    """Vectors of ``ids``, in their order, on the learner's device.

    Args:
        query: for its learner.
        ids: of which images.
        names: the signals that are needed.
        vectors: makes [B, D] of a batch of signals.
        as_given: keep their type, which may be float16, instead of float32.
        may_be_equal: say nothing where all are equal.

    Raises:
        SelectionError: a number is not finite, or so large that distances are not; the message
            names the image.
    """
    import torch

    rows = {item: row for row, item in enumerate(ids)}
    table = torch.empty(0, 0)
    for batch in query.learner.signals(ids, names):
        values = vectors(batch) if as_given else vectors(batch).float()
        _check_finite(batch.ids, values)
        if not len(table):
            table = values.new_empty(len(ids), values.shape[1])
        table[[rows[item] for item in batch.ids]] = values
    if not may_be_equal and len(ids) > 1 and torch.equal(table.amin(0), table.amax(0)):
        logger.warning(
            "the features of all %s are equal, which does not tell them apart: the choice follows "
            "from names, or chance",
            plural(len(ids), "image"),
        )
    return table


def _check_finite(ids: Sequence[str], values: "Tensor") -> None:
    sound = (values.abs() < LARGEST_FEATURE).all(dim=1)
    if not sound.all():
        bad = [item for item, good in zip(ids, sound.tolist(), strict=True) if not good]
        raise SelectionError(
            f"the features of {', '.join(bad[:3])} are not finite, or as large as "
            f"{LARGEST_FEATURE:.0e}: {DIVERGED}"
        )
