"""Numbers as people read them: metrics in percent."""

MINUS = "\N{MINUS SIGN}"


def percent(fraction: float) -> str:
    """Two decimals, without the sign."""
    return f"{100 * fraction:z.2f}".replace("-", MINUS)


def points(fraction: float) -> str:
    """A difference of two metrics, in percentage points and with its sign."""
    return f"{100 * fraction:+z.2f}".replace("-", MINUS)


def spread(mean: float, sd: float | None) -> str:
    """``mean ± sd``; the bare mean of a single run."""
    return percent(mean) if sd is None else f"{percent(mean)} ± {percent(sd)}"


def share(fraction: float, digits: int = 0) -> str:
    """``43 %``."""
    return f"{100 * fraction:z.{digits}f} %".replace("-", MINUS)


def size(fraction: float) -> str:
    """A share with one decimal where there is one: ``7.5 %``, ``5 %``."""
    return f"{100 * fraction:.1f}".removesuffix(".0") + " %"


def p_value(p: float) -> str:
    """Three digits, for exact tests of few seeds differ in the fourth decimal."""
    return "< 0.001" if p < 0.001 else f"{p:.3g}"


def plural(count: int, thing: str) -> str:
    """``1 seed``, ``2 seeds``."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
