"""The report as one HTML file that works from disk and asks nothing of a network.

Builders turn findings into blocks (:mod:`~alframe.benchmarks.page.blocks`), whose texts are
plain; the templates beside them turn blocks into HTML and escape everything on the way.
"""

from alframe.benchmarks.page.document import render
from alframe.benchmarks.page.sections import PROFILE, sections

__all__ = ["PROFILE", "render", "sections"]
