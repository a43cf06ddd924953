"""The performance profile in numbers."""

from alframe.benchmarks.findings import Profile
from alframe.benchmarks.page.blocks import Cell, Grid, Head, Row
from alframe.benchmarks.page.numbers import plural, share
from alframe.benchmarks.statistics.profile import QS


def solved(profile: Profile | None) -> Grid | None:
    """The two ends of each line of the performance profile."""
    if profile is None or not profile.problems:
        return None
    heads = (Head("method"), Head("solved"), Head("with the least budget"))
    rows = tuple(
        Row(
            method,
            (
                _share_of(len(ratios), profile.problems),
                _share_of(sum(ratio <= 1 for ratio in ratios), profile.problems),
            ),
        )
        for method, ratios in profile.ratios.items()
    )
    return Grid("Problems solved", heads, rows, notes=tuple(_notes(profile)))


def _notes(profile: Profile) -> list[str]:
    *levels, last = (f"{100 * q:g}" for q in QS)
    notes = [
        f"Of {plural(profile.problems, 'problem')}: a dataset, model, seed and level each. "
        f"Levels: {', '.join(levels)} and {last} % of full supervision; those that no method "
        "reaches are left out. A run that failed solves none."
    ]
    if profile.left_out:
        seeds = (f"{name}, {_seeds(numbers)}" for name, numbers in profile.left_out.items())
        notes.append(
            "Left out, for they were not run to the end or to a failure with every method, or "
            f"there is no full supervision: {'; '.join(seeds)}."
        )
    return notes


def _seeds(numbers: tuple[int, ...]) -> str:
    return f"seed{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def _share_of(count: int, whole: int) -> Cell:
    return Cell(f"{count}/{whole}", count / whole, share(count / whole))
