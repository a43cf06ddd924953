"""Colours of classes and methods in pictures, pages and plots."""

OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
"""Which colour-blind people can tell apart (Okabe and Ito, "Color Universal Design", 2008).

The last is faint on white. Where more are needed, they are repeated.
"""

ON_WHITE = (*OKABE_ITO[:-1], "#000000")
"""Of lines in plots: without the one that is faint there."""

LINE_STYLES = ("-", "--", ":", "-.")
"""Of matplotlib, which tell lines of one colour apart."""
