"""One root seed; a generator of its own for every use of randomness."""

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Seeds:
    """Derives independent generators from a root seed and the names of their uses.

    The same root and names give the same generator on every machine and in every process, and
    whoever draws from one does not move another: a strategy that draws more numbers leaves the
    data order of training untouched, and a resumed run needs no stored generator state.
    """

    root: int
    scope: tuple[str, ...] = ()

    def within(self, *names: str | int) -> "Seeds":
        """The same seeds, one scope deeper: ``seeds.within("cycle", 3)``."""
        return Seeds(self.root, (*self.scope, *map(str, names)))

    def rng(self, *names: str | int) -> np.random.Generator:
        """A numpy generator for the use called ``names``."""
        return np.random.default_rng(self._sequence(names))

    def integer(self, *names: str | int) -> int:
        """A 63-bit seed for libraries that take a number (``torch.Generator.manual_seed``)."""
        return int(self._sequence(names).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _sequence(self, names: tuple[str | int, ...]) -> np.random.SeedSequence:
        path = "\x1f".join((*self.scope, *map(str, names)))
        words = np.frombuffer(hashlib.sha256(path.encode()).digest(), dtype="<u4")
        return np.random.SeedSequence([self.root, *words.tolist()])
