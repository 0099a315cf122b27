"""The templates: every expression that they show is escaped, unless it is text of a template."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from xenassign import escape
from xenassign.outputs.report.page.drawing import WIDTH
from xenassign.resources import directory

if TYPE_CHECKING:
    from markupsafe import Markup


def framed(template: str, values: Mapping[str, Any]) -> str:
    """The page of a template of ``templates`` that extends page.html.j2.

    A policy in the page forbids what its own style and script do not need.
    """
    style = sources("palette.css", "drawing.css", "report.css")
    script = sources("report.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " base-uri 'none'; form-action 'none'"
    )
    return rendered(template, {"style": style, "script": script, "policy": policy, **values})


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """The text of a template of ``templates``."""
    text: str = _environment().get_template(template).render(**values)
    return text


def _hash(text: str) -> str:
    """A hash of a script or a style, as Content Security Policy has it."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def sources(*names: str) -> Markup:
    """The text of files of ``templates``, one after the other, as it is."""
    from markupsafe import Markup

    folder = directory("templates")
    return Markup("".join((folder / name).read_text(encoding="utf-8") for name in names))


@cache
def _environment() -> Any:
    import jinja2
    from markupsafe import Markup

    def finalized(value: object) -> object:
        """Every value that a template shows, unless it is text of a template itself."""
        if isinstance(value, Markup):
            return value
        return Markup(escape.html_text(str(value), keep="\t"))

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(directory("templates")),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=finalized,
        keep_trailing_newline=True,
    )
    environment.globals["width"] = WIDTH
    environment.filters["lines"] = lambda text: Markup(escape.html_text(text, keep="\n\t"))
    return environment
