"""Annotations that whoever is handed them has to leave as they are."""

import contextlib
from collections.abc import Iterator, Mapping

from alframe.datasets.base import Target, fingerprint
from alframe.errors import AlframeError


@contextlib.contextmanager
def untouched(
    targets: Mapping[str, Target], whose: str, error: type[AlframeError]
) -> Iterator[None]:
    """Hold the code inside to leaving ``targets`` as they are.

    Their arrays are read-only; but ``torch.from_numpy`` lends their memory to a tensor that knows
    nothing of it.

    Args:
        targets: what is handed over.
        whose: code it is, for the message.
        error: what is raised.

    Raises:
        AlframeError: the annotations have changed.
    """
    before = fingerprint(targets.values())
    yield
    if fingerprint(targets.values()) != before:
        raise error(
            f"{whose} changed the annotations it was handed: expected it to copy what it changes; "
            "torch.from_numpy and torch.as_tensor share memory, torch.tensor copies"
        )
