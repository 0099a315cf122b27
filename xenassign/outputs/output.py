"""The interface of an output: a folder with ``decide``, ``write`` and ``check``.

The list of all outputs is in :mod:`xenassign.outputs.generated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from xenassign.findings import Finding
from xenassign.system.system import SystemPlan


class Decision(Protocol):
    """The decisions about an output. A finding has the name of the domain if it is about one."""

    @property
    def findings(self) -> tuple[Finding, ...]: ...


def no_findings(*_: object) -> Iterable[Finding]:
    """The ``check`` of an output that the lint has no rules for."""
    return ()


def no_fields(*_: object) -> Mapping[str, Any]:
    """The ``fields`` of an output that NAME.json does not describe."""
    return {}


class Functions(NamedTuple):
    """How the files of an output are made.

    ``decide`` returns None if there are none, and raises UsageError if the request is invalid.
    ``write`` returns the content of the files by name; it is called if the system has no error, and
    raises OutputError. ``check`` reads these bytes again, from the files of all outputs by name.
    ``fields``: the fields of NAME.json about the output, for a domain by its name.
    """

    decide: Callable[[SystemPlan], Decision | None]
    write: Callable[[SystemPlan, Any], Mapping[str, bytes]]
    check: Callable[[SystemPlan, Any, Mapping[str, bytes]], Iterable[Finding]] = no_findings
    fields: Callable[[Any, str], Mapping[str, Any]] = no_fields


class Output(NamedTuple):
    """Files that are made from finished plans.

    ``requested``: whether a system may have them. ``functions`` imports what makes them, which is
    not needed otherwise. ``endings``: a domain's files are called NAME followed by one of them;
    ``names``: the other files, of the whole system.
    """

    requested: Callable[[SystemPlan], bool]
    functions: Callable[[], Functions]
    endings: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
