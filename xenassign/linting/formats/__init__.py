"""A report as text, and in the formats of other tools."""

from __future__ import annotations

from collections.abc import Callable

from xenassign.linting.formats.annotations import (
    to_concise,
    to_gcc,
    to_github,
    to_gitlab,
    to_junit,
)
from xenassign.linting.formats.data import to_json, to_sarif
from xenassign.linting.formats.people import statistics, summary, to_text
from xenassign.linting.lint_report import Report

__all__ = [
    "FORMATS",
    "statistics",
    "summary",
    "to_concise",
    "to_gcc",
    "to_github",
    "to_gitlab",
    "to_json",
    "to_junit",
    "to_sarif",
    "to_text",
]

FORMATS: dict[str, Callable[[Report], str]] = {
    "text": to_text,
    "concise": to_concise,
    "gcc": to_gcc,
    "json": to_json,
    "sarif": to_sarif,
    "github": to_github,
    "gitlab": to_gitlab,
    "junit": to_junit,
}
