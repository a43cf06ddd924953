"""From what was read to findings, and from findings to tables, curves and a page."""
