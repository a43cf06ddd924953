"""What the methods selected: classes, objects, pictures."""

from alframe.benchmarks.page.blocks import Cell, Grid, Head, Picture, Pictures, Row, data_uri
from alframe.benchmarks.page.numbers import share
from alframe.benchmarks.selection_findings import Gallery, Selections


def classes(selections: Selections | None) -> Grid | None:
    """Share of each class among the objects of the selected images, against the pool."""
    if selections is None or not selections.methods or not selections.classes:
        return None
    histograms = [chosen.histogram for chosen in selections.methods]
    longest = max((s for shares in (selections.pool, *histograms) for s in shares), default=0.0)
    rows = tuple(
        Row(name, (_bar(pool, pool, longest), *(_bar(h[i], pool, longest) for h in histograms)))
        for i, (name, pool) in enumerate(zip(selections.classes, selections.pool, strict=True))
    )
    return Grid(
        title="Classes of the selected objects",
        heads=(Head("class"), *_columns(selections)),
        rows=rows,
        beneath=(_density(selections),),
        notes=("Share of the objects. The line across a bar is the share in the pool.",),
    )


def pictures(gallery: Gallery) -> Pictures | None:
    """The first images that a method selected."""
    if not gallery.pictures:
        return None
    shown = []
    for rank, picture in enumerate(gallery.pictures, 1):
        score = "" if picture.score is None else f"score {picture.score:.4g}"
        alt = ", ".join(
            part for part in (f"{picture.item} with its boxes", f"rank {rank}", score) if part
        )
        caption = f"{picture.item}\n{score}".rstrip()
        shown.append(Picture(data_uri(picture.jpeg, "image/jpeg"), alt, caption))
    title = f"Selected first by {gallery.method}: seed {gallery.seed}, cycle {gallery.cycle}"
    return Pictures(title, tuple(shown))


def _columns(selections: Selections) -> list[Head]:
    return [Head("pool"), *(Head(chosen.method) for chosen in selections.methods)]


def _bar(part: float, pool: float, longest: float) -> Cell:
    scale = longest or 1.0
    return Cell(share(part, 1), part, look="bar", share=part / scale, tick=pool / scale)


def _density(selections: Selections) -> Row:
    densities = [selections.pool_objects_per_image]
    densities += [chosen.objects_per_image for chosen in selections.methods]
    return Row("objects per image", tuple(Cell(f"{density:.2f}") for density in densities))
