"""Findings written by hand: a problem with everything, and one with as little as is allowed."""

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from alframe.benchmarks.published import Published
from alframe.benchmarks.reading.rundirs import Cycle, Run
from alframe.benchmarks.reporting.findings import (
    Chosen,
    CurvePoint,
    Findings,
    Gallery,
    GalleryItem,
    Method,
    ProblemFindings,
    Selections,
    Unfinished,
)
from alframe.benchmarks.statistics import Axis, Costs
from alframe.benchmarks.statistics.comparisons import Comparison, WinMatrix
from alframe.benchmarks.statistics.curves import Summary
from alframe.benchmarks.statistics.levels import Profile, Saving
from alframe.benchmarks.statistics.significance import Paired


def jpeg(colour: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "JPEG")
    return file.getvalue()


def summary(mean: float, sd: float | None = 0.01, n: int = 3) -> Summary:
    return Summary(mean, sd, n, None if sd is None else (mean - 2 * sd, mean + 2 * sd))


RANDOM = Method(
    name="random",
    learner="plain",
    strategy="random",
    points=(
        CurvePoint(827, 2500.0, summary(0.2831, 0.0123)),
        CurvePoint(1240, 3700.0, summary(0.4942, 0.0050)),
        CurvePoint(1654, 4900.0, summary(0.5603, None, 1)),
    ),
    area={"images": summary(0.45), "objects": summary(0.44), "seconds": summary(0.445)},
    seconds=({"fit": 7200.0, "evaluate": 360.0, "select": 36.0},),
    memory={"host": 3.25, "device": 11.5},
)
TOOK = (
    {"fit": 18000.0, "evaluate": 720.0, "select": 60.0},
    {"fit": 10800.0, "evaluate": 720.0, "select": 300.0},
    {"fit": 99999.0},
)
MIAOD = Method(
    name="miaod",
    learner="miaod",
    strategy="miaod",
    points=(
        CurvePoint(827, 2500.0, summary(0.4718, 0.0031)),
        CurvePoint(1240, 3900.0, summary(0.5841, 0.0042)),
        CurvePoint(1654, 5200.0, summary(0.56034, 0.0035)),  # prints as random's does
    ),
    area={"images": summary(0.55), "objects": summary(0.54), "seconds": summary(0.545)},
    seconds=TOOK[:2],
    memory={"host": 4.0},
    runs=tuple(
        Run(
            Path(f"runs/m{n}"),
            {"seed": n},
            {"finished": n < 2},
            (Cycle(cycle=0, labelled=827, objects=2500, metrics={}, seconds=seconds),),
        )
        for n, seconds in enumerate(TOOK)
    ),
)
ENTROPY = Method(
    name="entropy_of plain",
    learner="plain",
    strategy="entropy",
    points=(CurvePoint(827, 2500.0, summary(0.2831, None, 1)),),
    area={"images": summary(0.41, None, 1)},
    seconds=(),
    memory={},
)


def compared(
    method: str, against: str, axis: Axis, paired: Paired, p: float | None, sure: bool = False
) -> Comparison:
    """A row of the table of comparisons."""
    return Comparison(
        method=method,
        against=against,
        axis=axis,
        **vars(paired),
        p_holm=p,
        decidable=paired.n == 6,
        significant=sure,
        within_noise=p == 1,
    )


COMPARISONS = (
    compared("miaod", "random", "images", Paired(6, 0.1, 6, 0, 0.0004, 0.03125), 0.03125, True),
    compared("random", "miaod", "objects", Paired(6, -0.1, 0, 0, 0.0004, 0.03125), 0.03125, True),
    compared("entropy_of plain", "random", "seconds", Paired(6, -0.0012, 2, 1, 0.7, 0.625), 1.0),
    compared("miaod", "random", "objects", Paired(3, 0.09, 3, 0, 0.01, 0.25), 0.25),
    compared("entropy_of plain", "miaod", "images", Paired(0, None, 0, 0, None, None), None),
)

FULL_PROBLEM = ProblemFindings(
    name="voc-retina",
    dataset="voc",
    model="retina",
    pool=16551,
    methods=(RANDOM, MIAOD, ENTROPY),
    full={"plain": summary(0.7728, 0.0021), "miaod": summary(0.7837, None, 1)},
    published=(
        Published(
            "MI-AOD", {827: 0.4718, 1240: 0.5841, 2067: 0.6772}, "table", full=0.7837, model="R-50"
        ),
        Published("core-set", {827: 0.291, 1240: 0.454}, "figure"),
        Published("MI-AOD, mean", {1654: 0.6683}, "FAQ", spread={1654: 0.0077}),
        Published("LL4AL", {827: 0.3}, "entry"),
    ),
    comparisons=COMPARISONS,
    savings=(
        Saving("random", 0.69552, 3, 4000.0, 4000.0, 0.0),
        Saving("miaod", 0.69552, 2, 2500.0, 4000.0, 0.375),
        Saving("entropy_of plain", 0.69552, 1, None, 4000.0, None),
    ),
    selections=Selections(
        classes=("cat", "dog"),
        pool=(0.6, 0.4),
        pool_objects_per_image=2.5,
        methods=(
            Chosen("random", (0.61, 0.39), 2.51),
            Chosen("miaod", (0.2, 0.8), 3.75),
            Chosen("entropy_of plain", (0.5, 0.5), 3.0),
        ),
        overlap=((1.0, 0.05, None), (0.05, 1.0, 0.43), (None, 0.43, 1.0)),
    ),
    galleries=(
        Gallery(
            "miaod", 0, 1,
            (
                GalleryItem("VOC2007/000005", 0.91236, jpeg()),
                GalleryItem("VOC2012/7", None, jpeg("red")),
            ),
        ),
    ),
    noise=0.0031,
    spans={"images": (827, 1240), "objects": (2070.0, 3100.5)},
    notes=("miaod, seed 2 (unfinished): 1 cycle so far, runs/m2",),
    recipe={"batch": "2 images", "precision": "fp32; bf16"},
)  # fmt: skip

BARE_PROBLEM = ProblemFindings(
    name="shapes-ssd",
    dataset="shapes",
    model="ssd",
    pool=None,
    methods=(
        Method(
            "random", "plain", "random", (CurvePoint(25, 60.0, summary(0.5, None, 1)),), {}, {}, {}
        ),
    ),
)

FINDINGS = Findings(
    title="Paper suite",
    metric="mAP50",
    commands=("alframe bench paper --output results", "alframe bench paper --seeds 0-5"),
    problems=(FULL_PROBLEM, BARE_PROBLEM),
    wins=WinMatrix(
        methods=("random", "miaod"), cells=14, share=((0.0, 0.07), (0.64, 0.0)), decidable=True
    ),
    profile=Profile(
        4,
        {"random": (1.0, 1.5, 2.0), "miaod": (1.0, 1.0, 1.0, 1.25)},
        {"voc-retina": (2,), "shapes-ssd": (0, 1)},
    ),
    costs=Costs(),
    alpha=0.05,
    unfinished=(
        Unfinished("voc-retina/entropy_of plain/1", "failed", "CUDA out of memory", "runs/e1"),
        Unfinished("voc-retina/entropy_of plain/2", "missing", "", "runs/e2"),
    ),
    environment={
        "alframe": "0.1.0",
        "versions": [{"torch": "2.11.0", "timm": "1.0.9"}, {"torch": "2.12.0", "timm": "1.0.9"}],
        "git": ["a1b2", "c3d4"],
        "device": {"name": "H200", "threads": 16},
    },
)

BARE = Findings(
    title="Report",
    metric="mAP50",
    commands=(),
    problems=(BARE_PROBLEM,),
    wins=None,
    profile=None,
    costs=Costs(),
    alpha=0.05,
    unfinished=(),
    environment={},
)

CURVES = {
    "voc-retina": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4"><g id="a"/></svg>',
    "/profile": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 3"><g id="a"/></svg>',
}


def with_names(value: Any, rename: Any) -> Any:
    """The same with every text renamed; not empty ones, those that the code chooses, and runs."""
    if isinstance(value, str):
        return rename(value) if value else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fixed = ("axis", "source", "area", "spans", "seconds", "runs")
        names = [f.name for f in dataclasses.fields(value) if f.name not in fixed]
        changed = {name: with_names(getattr(value, name), rename) for name in names}
        return dataclasses.replace(value, **changed)
    if isinstance(value, Mapping):
        return {with_names(k, rename): with_names(v, rename) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(with_names(v, rename) for v in value)
    return value
