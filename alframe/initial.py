"""The initial set: drawn from the seed, or read from a file, so that several runs share it."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alframe.atomic import write_text
from alframe.config import BudgetConfig
from alframe.errors import ConfigError
from alframe.reading import read_json
from alframe.seeds import Seeds


def draw(pool: Sequence[str], count: int, seeds: Seeds) -> tuple[str, ...]:
    """``count`` ids of ``pool`` at random, sorted; the seeds alone decide which."""
    order: list[int] = seeds.rng("initial").permutation(len(pool)).tolist()
    return tuple(sorted(pool[i] for i in order[:count]))


def digest(ids: Sequence[str]) -> str:
    """SHA-256 of the sorted ids, a line each."""
    return hashlib.sha256("\n".join(sorted(ids)).encode(errors="surrogatepass")).hexdigest()


def write_initial(path: Path, ids: Sequence[str]) -> None:
    """Write the ids and their hash as JSON, for ``budget.initial_set``."""
    content = {"sha256": digest(ids), "ids": sorted(ids)}
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_text(path, text.encode(errors="backslashreplace").decode() + "\n")


def initial_set(budget: BudgetConfig, pool: Sequence[str]) -> tuple[str, ...] | None:
    """The ids in the file that the budget names, or None where they are to be drawn."""
    return read_initial(Path(budget.initial_set), pool) if budget.initial_set else None


def read_initial(path: Path, pool: Sequence[str]) -> tuple[str, ...]:
    """The ids in a file of :func:`write_initial`, sorted, if all are of the pool.

    Raises:
        ConfigError: as for :func:`stored_ids`, or an id is not of the pool; all such ids.
    """
    ids, known = stored_ids(path), set(pool)
    if foreign := [i for i in ids if i not in known]:
        more = [f"and {len(foreign) - 5} more"] if foreign[5:] else []
        raise ConfigError(
            [*(f"{_where(path)}: {i!r} is not in the pool" for i in foreign[:5]), *more]
        )
    return ids


def stored_ids(path: Path) -> tuple[str, ...]:
    """The ids in a file of :func:`write_initial`, sorted.

    Raises:
        ConfigError: the file cannot be read, or does not match its hash.
    """
    where = _where(path)
    content = read_json(path, where)
    ids = _ids(content)
    if not ids:
        raise ConfigError(f'{where}: expected {{"ids": [...]}} with at least one id, a string each')
    if len(set(ids)) != len(ids):
        raise ConfigError(f"{where}: an id is there twice")
    if content.get("sha256", digest(ids)) != digest(ids):
        raise ConfigError(f"{where}: the ids do not match its sha256; restore the file")
    return tuple(sorted(ids))


def _where(path: Path) -> str:
    return f"budget.initial_set={path}"


def _ids(content: Any) -> list[str]:
    ids = content.get("ids") if isinstance(content, dict) else None
    return ids if isinstance(ids, list) and all(isinstance(i, str) for i in ids) else []
