"""What the manifests of several runs say of machine and software."""

from collections.abc import Sequence
from typing import Any

from alframe.benchmarks.runs import Run

KEPT = ("versions", "python", "platform", "device_name", "cuda", "threads", "bf16", "git")
"""Entries of a manifest that can change a number."""


def environment(runs: Sequence[Run]) -> dict[str, Any]:
    """Each entry once; a list of its values where the runs differ."""
    found: dict[str, Any] = {}
    for key in KEPT:
        values = [run.manifest[key] for run in runs if key in run.manifest]
        if different := [v for i, v in enumerate(values) if v not in values[:i]]:
            found[key] = different[0] if len(different) == 1 else different
    return found
