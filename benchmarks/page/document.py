"""Findings to HTML: templates, style and script, and what may run."""

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from alframe.benchmarks.findings import Findings
from alframe.benchmarks.page.sections import sections
from alframe.text import printable_lines


def render(findings: Findings, curves: Mapping[str, str]) -> str:
    """The whole page.

    Args:
        findings: what it says.
        curves: see :func:`~alframe.benchmarks.page.sections.sections`.
    """
    script = _file("sort.js")
    shell = _templates().get_template("page.html")
    return shell.render(
        title=findings.title,
        metric=findings.metric,
        missing=len(findings.unfinished),
        sections=sections(findings, curves),
        style=_file("page.css"),
        script=script,
        script_hash=_hash(script),
    )


def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("alframe.benchmarks.page", "."),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: Any) -> Any:
    """Texts without what turns or hides others; what is HTML already is ours."""
    return printable_lines(value) if type(value) is str else value


def _file(name: str) -> str:
    return resources.files("alframe.benchmarks.page").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """By which the content security policy knows the one script that may run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
