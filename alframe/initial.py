"""The initial set: drawn from the seed, or read from a file, so that several runs share it."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alframe.atomic import write_text
from alframe.config import BudgetConfig
from alframe.errors import ConfigError
from alframe.seeds import Seeds


def draw(pool: Sequence[str], count: int, seeds: Seeds) -> tuple[str, ...]:
    """``count`` ids of ``pool`` at random, sorted; the seeds alone decide which."""
    order = seeds.rng("initial").permutation(len(pool))
    return tuple(sorted(pool[i] for i in order[:count]))


def digest(ids: Sequence[str]) -> str:
    """SHA-256 of the sorted ids, a line each."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def write_initial(path: Path, ids: Sequence[str]) -> None:
    """Write the ids and their hash as JSON, for ``budget.initial_set``."""
    content = {"sha256": digest(ids), "ids": sorted(ids)}
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def initial_set(budget: BudgetConfig, pool: Sequence[str]) -> tuple[str, ...] | None:
    """The ids in the file that the budget names, or None where they are to be drawn."""
    return read_initial(Path(budget.initial_set), pool) if budget.initial_set else None


def read_initial(path: Path, pool: Sequence[str]) -> tuple[str, ...]:
    """The ids in a file of :func:`write_initial`, sorted.

    Raises:
        ConfigError: the file cannot be read or does not match its hash, or an id is not of the
            pool; all problems at once.
    """
    where = f"budget.initial_set={path}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{where} is not JSON: {error}") from error
    ids = _ids(content)
    if not ids:
        raise ConfigError(f'{where}: expected {{"ids": [...]}} with at least one id, a string each')
    known = set(pool)
    found = [f"{where}: {i!r} is not in the pool" for i in ids if i not in known]
    if len(set(ids)) != len(ids):
        found.append(f"{where}: an id is there twice")
    if content.get("sha256", digest(ids)) != digest(ids):
        found.append(f"{where}: the ids do not match its sha256; restore the file")
    if found:
        raise ConfigError([*found[:5], *([f"and {len(found) - 5} more"] if found[5:] else [])])
    return tuple(sorted(ids))


def _ids(content: Any) -> list[str]:
    ids = content.get("ids") if isinstance(content, dict) else None
    return ids if isinstance(ids, list) and all(isinstance(i, str) for i in ids) else []
