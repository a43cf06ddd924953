"""What a run was computed with: versions, device, revision, and how much memory."""

import os
import platform
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from alframe import __version__

PACKAGES = ("alframe", "torch", "torchvision", "timm", "numpy", "pycocotools", "Pillow")
"""Packages whose versions are part of a run's record."""


def environment(device: str = "auto") -> dict[str, Any]:
    """Versions, device and revision: what a bug report and a manifest need."""
    import torch

    from alframe.training.device import faster_in_bf16, pick_device

    picked = pick_device(device)
    cuda = picked.type == "cuda"
    return {
        "versions": {p: _version(p) for p in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": str(picked),
        "device_name": torch.cuda.get_device_name(picked) if cuda else processor_name(),
        "cuda": torch.version.cuda if cuda else None,
        "threads": torch.get_num_threads(),
        "bf16": faster_in_bf16(picked),
        "git": _revision(),
        "command": sys.argv,
    }


def processor_name(info: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model, where Linux tells it, and the number of its cores."""
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    usual = platform.processor() or platform.machine()
    return f"{next(models, usual)}, {os.cpu_count()} cores"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return __version__ if package == "alframe" else None


def _revision() -> str | None:
    """The commit of the checkout that this package runs from, or None."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)  # not of whose virtual environment
        return _git("describe", "--always", "--dirty")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603
    return done.stdout.strip()


def peak_memory() -> dict[str, float]:
    """Largest memory of this process so far, in GiB.

    Returns:
        ``host``: resident; ``device``: held by tensors on the CUDA device, where one is in use.
    """
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes on Linux
    peak = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        peak["device"] = torch.cuda.max_memory_allocated() / 2**30
    return {place: round(size, 3) for place, size in peak.items()}
