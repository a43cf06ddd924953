"""Where the time goes: some iterations of a training and of a scoring, under torch's profiler."""

import contextlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe.files.atomic import write_text

if TYPE_CHECKING:
    from torch.profiler import profile

Tick = Callable[[], None]
"""To be called after each iteration."""

SKIPPED, WARM_UP, WATCHED = 3, 3, 30
"""Iterations that are not like the later ones; that the profiler gets going in; that count."""
SPANS = ("data", "forward", "backward", "optimizer")
PREFIX = "alframe/"
"""Of the names of spans in a trace."""
ITERATION = "ProfilerStep*"
"""torch's name of them."""
OPERATIONS = 20
"""How many are listed."""


def unwatched() -> None:
    """Nobody counts."""


class Profiling:
    """Watches the beginning of what a run does.

    Of each thing it leaves two files: ``NAME.json.gz``, a trace for Perfetto or chrome://tracing,
    and ``NAME.txt``, the time by span and by operation.

    Args:
        folder: where the files go; None watches nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._seen: set[str] = set()

    @contextlib.contextmanager
    def watching(self, name: str) -> Iterator[Tick]:
        """What to call after each iteration of what is done inside; the first time counts."""
        if self._folder is None or name in self._seen:
            yield unwatched
            return
        self._seen.add(name)
        self._folder.mkdir(exist_ok=True)
        with _profile(self._folder, name) as profiler:
            yield profiler.step


def span(name: str) -> "contextlib.AbstractContextManager[object]":
    """A part of an iteration, one of :data:`SPANS`; it costs nothing unless somebody watches."""
    import torch

    if torch.autograd.profiler._is_profiler_enabled:
        return torch.profiler.record_function(PREFIX + name)
    return contextlib.nullcontext()


def _profile(folder: Path, name: str) -> "profile":
    from torch.profiler import profile, schedule

    def finished(profiler: "profile") -> None:
        if profiler.step_num <= SKIPPED + WARM_UP:
            return  # nothing was watched to its end
        profiler.export_chrome_trace(str(folder / f"{name}.json.gz"))
        write_text(folder / f"{name}.txt", summary(profiler, name))

    plan = schedule(wait=SKIPPED, warmup=WARM_UP, active=WATCHED, repeat=1)
    # There is one cycle; torch 2.12 warns of those before it unless all are kept.
    return profile(schedule=plan, on_trace_ready=finished, acc_events=True)


def summary(profiler: "profile", name: str) -> str:
    """The time of the watched iterations, by span and by operation."""
    averages = profiler.key_averages()
    on_gpu = any(event.self_device_time_total for event in averages)
    by = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    table = averages.table(sort_by=by, row_limit=OPERATIONS, max_name_column_width=50)
    return "\n".join([*_by_span(profiler, name), table.strip(), ""])


def _by_span(profiler: "profile", name: str) -> Iterator[str]:
    """A line for each span; what launches work for a GPU does not wait until it is done."""
    count = profiler.step_num - SKIPPED - WARM_UP  # one more may have begun, and not come to an end
    everything: list[Any] = profiler.events()  # type: ignore[no-untyped-call]
    events = [e for e in everything if e.device_type.name == "CPU"]  # a GPU has its own spans
    iterations = [event for event in events if event.name == ITERATION][:count]
    spans = {part: [e for e in events if e.name == PREFIX + part] for part in SPANS}
    on_gpu = _time_on_gpu(events)
    whole = sum(each.cpu_time_total for each in iterations)
    yield f"{name}: {count} iterations, {whole / 1e6:.2f} s"
    yield f"{'span':<12} {'ms an iteration':>16} {'share':>7} {'ms on the GPU':>14}"
    for label, found in {**spans, "whole": iterations}.items():
        if found:
            host = sum(each.cpu_time_total for each in found)
            device = sum(map(on_gpu, found))
            each = 1000 * count  # microseconds of all -> milliseconds of one
            yield f"{label:<12} {host / each:>16.2f} {host / whole:>7.0%} {device / each:>14.2f}"


def _time_on_gpu(events: Sequence[Any]) -> Callable[[Any], float]:
    """From a span to the microseconds of all kernels that were launched in the course of it.

    The backward pass launches its own from another thread, so they are no children of its span.
    """
    launches = sorted((e.time_range.start, k.duration) for e in events for k in e.kernels)
    times = [time for time, _ in launches]
    sums: list[float] = [0.0, *accumulate(duration for _, duration in launches)]

    def within(span: Any) -> float:
        begin, end = (bisect_left(times, t) for t in (span.time_range.start, span.time_range.end))
        return sums[end] - sums[begin]

    return within
