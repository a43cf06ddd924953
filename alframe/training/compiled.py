"""Losses through ``torch.compile``: one graph of a whole step, from bytes to the loss.

A graph is made for the shapes that it meets. After a second shape it is made again, for any shape.
"""

import os
import shutil
import struct
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import nn

from alframe.errors import ConfigError
from alframe.training.batch import Batch
from alframe.training.phases import Losses, LossFn, Phase

VARIANTS = 32
"""Graphs of one loss, for shapes and frozen parameters; what needs more runs as it is."""
LEAST_ROWS = 8
"""Rows of objects that a batch has at least; beyond that, powers of two."""


class Compiled:
    """A loss that is compiled when it is first computed.

    Args:
        loss: what to compile.
        graphs: on a GPU, its operations are recorded and launched together (CUDA graphs).
    """

    def __init__(self, loss: LossFn, *, graphs: bool = False) -> None:
        torch._dynamo.config.recompile_limit = VARIANTS
        self._kernels: LossFn = torch.compile(loss)
        self._graphs = torch.compile(loss, mode="reduce-overhead") if graphs else None

    def __call__(self, model: nn.Module, batch: Batch) -> Losses:
        """The loss of a batch.

        Gradients of recorded graphs lie where the next replay writes. So a batch whose gradients
        are added to those of another is not replayed.
        """
        prepared = even(batch)
        if self._graphs is None or not batch.images.is_cuda or _has_gradients(model):
            return self._kernels(model, prepared)
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return self._graphs(model, prepared)


def compiled(phases: Sequence[Phase], device: torch.device, *, graphs: bool) -> tuple[Phase, ...]:
    """The phases with all their losses compiled; one that occurs in several is compiled once.

    Raises:
        ConfigError: there is no compiler for the code that is generated.
    """
    _check_compiler(device)
    _drop_unfinished_libraries()
    distinct = {step.loss for phase in phases for step in phase.steps}
    losses = {loss: Compiled(loss, graphs=graphs) for loss in distinct}
    return tuple(
        replace(phase, steps=tuple(replace(s, loss=losses[s.loss]) for s in phase.steps))
        for phase in phases
    )


def even(batch: Batch) -> Batch:
    """The batch without what differs from one to the next and does not matter.

    Names are no part of a computation, but a graph would be made for each of them. Objects are
    padded, so that batches have few shapes.
    """
    nameless = replace(batch, ids=("",) * len(batch))
    if batch.boxes is None or batch.labels is None:
        return nameless
    objects = batch.labels.shape[1]
    missing = max(LEAST_ROWS, 1 << (objects - 1).bit_length()) - objects
    boxes = F.pad(batch.boxes, (0, 0, 0, missing))  # [B, M, 4] -> [B, rows, 4]
    return replace(nameless, boxes=boxes, labels=F.pad(batch.labels, (0, missing), value=-1))


def _has_gradients(model: nn.Module) -> bool:
    return any(p.grad is not None for p in model.parameters() if p.requires_grad)


def _drop_unfinished_libraries() -> None:
    """Delete what processes that were killed while they compiled left in Inductor's cache.

    Inductor links into the cache itself and takes each library that is there: one that is cut
    off fails to load until it is deleted. Who is still linking has the lock of its library.
    """
    # Not before something is compiled: this imports the compiler.
    from torch._inductor.codecache import get_lock_dir
    from torch._inductor.runtime.cache_dir_utils import cache_dir
    from torch.utils._filelock import FileLock

    for library in Path(cache_dir()).glob("*/*.so"):
        if _is_cut_off(library):
            key = library.name.partition(".")[0]
            with FileLock(Path(get_lock_dir()) / f"{key}.lock"):
                if _is_cut_off(library):
                    library.unlink(missing_ok=True)


def _is_cut_off(library: Path) -> bool:
    """Whether a library ends before its section headers do, which end an ELF file."""
    try:
        size = library.stat().st_size
        with library.open("rb") as file:
            header = file.read(64)
    except FileNotFoundError:  # deleted by another process
        return False
    if len(header) < 64:
        return True
    if header[:5] != b"\x7fELF\x02":  # that of another system
        return False
    start, length, count = struct.unpack_from("=40xQ10xHH", header)
    return bool(start == 0 or start + length * count > size)


def _check_compiler(device: torch.device) -> None:
    """A CPU's code is C++; Triton, for GPUs, compiles what launches it, in C."""
    if device.type == "cpu":
        language, variable = "C++", "CXX"
        usual = ["clang++"] if sys.platform == "darwin" else ["g++"]
    else:
        language, variable, usual = "C", "CC", ["gcc", "clang"]
    names = [os.environ[variable]] if variable in os.environ else usual
    if not any(map(shutil.which, names)):
        raise ConfigError(
            f"training.compile needs a {language} compiler, and there is no {' or '.join(names)}: "
            f"install it, name another in the environment variable {variable}, or set "
            "training.compile=false"
        )
