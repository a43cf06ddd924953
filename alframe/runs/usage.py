"""What a process has used of the machine."""

import resource
import sys


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
