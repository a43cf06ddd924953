"""What the manifests of several runs say of machine and software."""

from collections.abc import Sequence
from typing import Any

from alframe.benchmarks.runs import Run
from alframe.config.layers import flat

KEPT = ("versions", "python", "platform", "device_name", "cuda", "threads", "bf16", "git")
"""Entries of a manifest that can change a number."""

TRAITS = ("git", "versions", "device_name", "cuda", "threads")
"""Those of them that two runs on one machine with one installation share."""


def environment(runs: Sequence[Run]) -> dict[str, Any]:
    """Each entry once; a list of its values where the runs differ."""
    found: dict[str, Any] = {}
    for key in KEPT:
        values = [run.manifest[key] for run in runs if key in run.manifest]
        if different := [v for i, v in enumerate(values) if v not in values[:i]]:
            found[key] = different[0] if len(different) == 1 else different
    return found


def traits(run: Run) -> dict[str, Any]:
    """What one run was computed with, under dotted names (``versions.torch``)."""
    return flat({key: run.manifest[key] for key in TRAITS if key in run.manifest})
