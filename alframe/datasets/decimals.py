"""Numbers as files of annotations have them."""

from collections.abc import Sequence


def decimals(texts: Sequence[str]) -> list[float]:
    """What numbers in plain ASCII say; Python also takes ``1_5`` as 15, and digits of any script.

    Raises:
        ValueError: one is no number.
    """
    together = "".join(texts)
    if "_" in together or not together.isascii():
        raise ValueError
    return list(map(float, texts))
